"""What a person types to find interceptions or cases: `agency:101001 amount:>100000 date:2026-03`.

Words with a key narrow by it; a word without one is looked for in names and numbers. The text is
the whole state of a search: it stands in the address and can be saved and sent.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Collection

import attrs

from bureau.inbox.glance import YEARS
from gateway.domain.legal_day import dawn
from gateway.domain.money import FEN_MAX

QUERY_CHARS_MAX = 300
_WORD = re.compile(r'(?:([a-z]+|[一-鿿]{2,4})[:：])?(?:"([^"]*)"|(\S+))')
_AMOUNT = re.compile(
    r"(>=|<=|>|<)?([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.([0-9]{1,2}))?(万|亿)?元?"
)
_DAY = re.compile(r"([0-9]{4})年?(?:(?<=年)([0-9]{1,2})月(?:([0-9]{1,2})日)?)?")
_DAY_APART = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})(?:\2([0-9]{1,2}))?")
_DAY_OF_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})?")
"""`2026年3月2日`, `2026-03-02`, `2026/3`, `20260302`, as people write them."""
_DAYS = (_DAY, _DAY_APART, _DAY_OF_DIGITS)
_POLICY_ALONE = re.compile(r"[A-Za-z]{2}-[0-9]{3}")
"""A policy's number as every line shows it: no name, payee or reason has it."""
_ENDS = re.compile(r"\.\.|至|~|～")
_FIELDS_OF_CODES = {"agency": "单位代码", "bank": "银行行号"}
_UNITS = {"万": 10_000, "亿": 100_000_000, None: 1}


@attrs.frozen(kw_only=True)
class Search:
    """None does not narrow. Amounts in fen, both ends within; `until` is the first moment after."""

    agency: str | None = None
    policy: str | None = None
    outcome: str | None = None
    state: str | None = None
    bank: str | None = None
    voucher: str | None = None
    stage: str | None = None
    least: int | None = None
    most: int | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    words: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    """What could not be understood, Chinese and English; nothing is searched then."""

    @property
    def warned(self) -> bool:
        """Whether payments that passed with a warning are meant, which are no interceptions. Of
        what passed only these are listed."""
        return self.outcome in (WARNED, "passed") or self.state == WARNED


WARNED = "warned"
STATES = {
    "挂起": "held", "拦截": "blocked", "已放行": "released", "已放行待支付": "released",
    "已支付": "paid", "已放行并支付": "paid", "待查": "unknown", "银行退回": "returned",
    "已退款": "refunded", "不予放行": "refused", "逾期": "expired", "逾期终止": "expired",
    "撤回": "withdrawn", "发送方撤回": "withdrawn", "预警": WARNED, "预警放行": WARNED,
}  # fmt: skip
"""What has become of an interception, as people type it."""
OUTCOMES = {"挂起": "held", "拦截": "blocked", "放行": "passed", "预警": WARNED}
_KEYS = {
    "agency": "agency", "单位": "agency", "policy": "policy", "规则": "policy",
    "amount": "amount", "金额": "amount", "date": "date", "日期": "date",
    "outcome": "outcome", "verdict": "outcome", "结果": "outcome", "判定": "outcome",
    "state": "state", "状态": "state", "现状": "state", "bank": "bank", "银行": "bank",
    "voucher": "voucher", "凭证号": "voucher", "stage": "stage", "阶段": "stage",
}  # fmt: skip


EXAMPLES = {
    "agency": "单位:101001", "policy": "规则:JL-020", "amount": "金额:>10万",
    "date": "日期:2026-03", "outcome": "结果:挂起", "state": "状态:已支付",
    "bank": "银行:103241001000", "voucher": "凭证号:0000000000001", "stage": "阶段:整改中",
}  # fmt: skip
"""One that works for each condition, for who typed another."""


def parsed(query: str, without: Collection[str] = ()) -> Search:
    """Never raises: what is wrong is told in `errors`, and so is a condition of `without`, which
    what is searched does not have."""
    found: dict[str, object] = {}
    words: list[str] = []
    errors: list[tuple[str, str]] = []
    for match in _WORD.finditer(query[:QUERY_CHARS_MAX]):
        key, value = match[1], match[2] if match[2] is not None else match[3]
        if key is None and _POLICY_ALONE.fullmatch(value):
            key = "规则"
        if key is None:
            words.append(value)
        elif (field := _KEYS.get(key)) is None or field in without:
            errors.append(_unknown(key, without))
        elif (read := _READERS.get(field, _plain)(field, value)) is None:
            errors.append(_miswritten(key, value))
        elif found.keys() & read.keys():
            errors.append(_twice(key))
        else:
            found |= read
    if words:
        found["words"] = " ".join(words)
    return Search(**found, errors=tuple(errors))  # type: ignore[arg-type]


def _unknown(key: str, without: Collection[str]) -> tuple[str, str]:
    known = {field: each for field, each in EXAMPLES.items() if field not in without}
    words = "、".join(each.partition(":")[0] for each in known.values())
    return (
        f"这里没有“{key}”这个条件，可用的条件：{words}",
        f"no condition here is called {key}; there are {', '.join(known)}",
    )


def _twice(key: str) -> tuple[str, str]:
    """The last one alone would have narrowed, and nobody would have known."""
    return f"“{key}”写了两次，只能写一个条件", f"{key} is there twice; one condition counts"


def _miswritten(key: str, value: str) -> tuple[str, str]:
    example = EXAMPLES[_KEYS[key]]
    if (code := _FIELDS_OF_CODES.get(_KEYS[key])) and value:
        return (
            f"“{key}:”后填{code}，如 {example}；按名称查找的，直接输入“{value}”",
            f"{key}: takes a code, as {example}; for a name type {value} alone",
        )
    return (
        f"“{key}:{value}”写法不对，可以写 {example}",
        f"{key}:{value} is not understood; {example} would be",
    )


def _plain(key: str, value: str) -> dict[str, object] | None:
    return {key: value} if value and "\x00" not in value else None


def _code(key: str, value: str) -> dict[str, object] | None:
    """A name is none: it would fit nothing, and nobody would say why."""
    return _plain(key, value) if value.isascii() else None


def _plainly(value: str) -> str:
    """Digits and signs of full width are those of half."""
    return unicodedata.normalize("NFKC", value)


def _policy(key: str, value: str) -> dict[str, object] | None:
    return {key: value.upper()} if re.fullmatch(r"[A-Za-z0-9-]{1,20}", value) else None


def _outcome(key: str, value: str) -> dict[str, object] | None:
    value = OUTCOMES.get(value, value)
    return {key: value} if value in OUTCOMES.values() else None


def _state(key: str, value: str) -> dict[str, object] | None:
    value = STATES.get(value, value)
    return {key: value} if value in STATES.values() else None


def _amount(key: str, value: str) -> dict[str, object] | None:
    """`12800`, `>100000`, `≤1.5万元`, `100000..200000`, `1万至5万`: yuan."""
    value = _plainly(value).replace("≥", ">=").replace("≤", "<=")
    if _ENDS.search(value):
        return _between(*_ENDS.split(value, maxsplit=1))
    read = _fen(value)
    if read is None:
        return None
    sign, fen = read
    spans: dict[str, dict[str, object]] = {
        ">": {"least": fen + 1}, ">=": {"least": fen}, "<": {"most": fen - 1}, "<=": {"most": fen},
    }  # fmt: skip
    return spans.get(sign, {"least": fen, "most": fen})


_NUMBER_ALONE = re.compile(r"[0-9,.]+")


def _between(first: str, last: str) -> dict[str, object] | None:
    """`5至10万` is from fifty thousand, as people say it, `5000至1万` from five thousand: a
    unit said once, at the end, is both ends' where the first number is the smaller one."""
    unit = last.rstrip("元")[-1:]
    least, most = _fen(first), _fen(last)
    if unit in ("万", "亿") and _NUMBER_ALONE.fullmatch(first):
        bare = _fen(last.replace(unit, ""))
        if least is not None and bare is not None and least[1] < bare[1]:
            least = _fen(first + unit)
    if least is None or most is None or least[0] or most[0] or least[1] > most[1]:
        return None
    return {"least": least[1], "most": most[1]}


def _fen(text: str) -> tuple[str, int] | None:
    match = _AMOUNT.fullmatch(text.replace("¥", ""))
    if not match:
        return None
    cents = int(match[2].replace(",", "")) * 100 + int((match[3] or "0").ljust(2, "0"))
    fen = cents * _UNITS[match[4]]
    return (match[1] or "", fen) if fen <= FEN_MAX else None


def _date(key: str, value: str) -> dict[str, object] | None:
    """A year, month or day as `_DAYS` have them, or two of them with `..` or 至 between."""
    ends = [_span(part) for part in _ENDS.split(_plainly(value), maxsplit=1)]
    if any(end is None for end in ends) or ends[0][0] >= ends[-1][1]:  # type: ignore[index]
        return None
    return {"since": ends[0][0], "until": ends[-1][1]}  # type: ignore[index]


def _span(text: str) -> tuple[dt.datetime, dt.datetime] | None:
    match = next(filter(None, (day.fullmatch(text) for day in _DAYS)), None)
    if match is None:
        return None
    numbers = [int(part) for part in match.groups() if part and part.isdigit()]
    try:
        first = dt.date(*[*numbers, 1, 1][:3])
        if first.year not in YEARS:
            return None
        if len(numbers) == 3:
            after = first + dt.timedelta(days=1)
        elif len(numbers) == 2:
            after = (first + dt.timedelta(days=31)).replace(day=1)
        else:
            after = first.replace(year=first.year + 1)
    except (ValueError, OverflowError):
        return None
    return dawn(first), dawn(after)


_READERS: dict[str, Callable[[str, str], dict[str, object] | None]] = {
    "agency": _code,
    "bank": _code,
    "policy": _policy,
    "outcome": _outcome,
    "state": _state,
    "amount": _amount,
    "date": _date,
}
