"""Amounts in Chinese capitals (大写金额) as on vouchers: 壹万贰仟捌佰元整."""

from gateway.domain.money import yuan

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "兆")
_GROUP = 10_000


def capitals(fen: int) -> str:
    """Any amount from 0 to 10**17 - 1 fen, by the rules for filling in bills and vouchers.

    (正确填写票据和结算凭证的基本规定): one 零 for any run of zeros inside, 整 after yuan or jiao.
    """
    if not 0 <= fen < 10**17 * 10:
        raise ValueError("an amount is 0 or more")
    yuan, cents = divmod(fen, 100)
    jiao, fen = divmod(cents, 10)
    whole = _whole(yuan) + "元" if yuan else ""
    if not cents:
        return (whole or "零元") + "整"
    tail = f"{_DIGITS[jiao]}角" if jiao else ("零" if yuan else "")
    if yuan and jiao and yuan % 10 == 0:
        tail = "零" + tail
    return whole + tail + (f"{_DIGITS[fen]}分" if fen else "整")


def _whole(yuan: int) -> str:
    groups: list[int] = []
    while yuan:
        yuan, group = divmod(yuan, _GROUP)
        groups.append(group)
    text, gap = "", False
    for place in range(len(groups) - 1, -1, -1):
        group = groups[place]
        if not group:
            gap = bool(text)
            continue
        if text and (gap or group < _GROUP // 10):
            text += "零"
        text += _group(group) + _GROUPS[place]
        gap = False
    return text


def _group(group: int) -> str:
    text, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if not digit:
            gap = bool(text)
            continue
        text += ("零" if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = False
    return text


def money_zh(fen: int) -> str:
    """In capitals and in figures, as a document writes it: 人民币壹元整（¥1.00）."""
    return f"人民币{capitals(fen)}（¥{_figures(fen)}）"


def yuan_zh(fen: int) -> str:
    """In figures alone, for running text: 1,234.50元."""
    return f"{_figures(fen)}元"


def _figures(fen: int) -> str:
    whole, _, rest = yuan(fen).partition(".")
    return f"{int(whole):,}.{rest}"
