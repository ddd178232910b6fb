"""Vouchers beside payment instructions, read into typed values: refunds, adjustments, clearing,
limit notices, reconciliation, base data, appropriations; and the receipts of payments.

All errors of a voucher are told at once; what GBK cannot hold, a field that is too wide, a sum that
does not agree and an amount of the wrong sign are each a fault with its place.
"""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from adapters.formats.json.walk import Findings
from adapters.formats.voucher.elements import Texts, VoucherTexts, texts_of
from adapters.formats.voucher.envelope import RETURNED, SENT, Body, opened
from adapters.formats.voucher.fields import IDENTITY, layouts, paper_layouts
from adapters.formats.voucher.tables import TABLES, Column, Kind, Table
from adapters.formats.voucher.xml import parsed
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen, fen
from gateway.domain.vouchers import Payout, Receipt, Voucher

_AMOUNT = re.compile(r"([+-]?)([0-9]{1,15})\.([0-9]{2})", re.ASCII)
_IDENTITY = {
    "AdmDivCode": re.compile("[0-9]{9}", re.ASCII),
    "StYear": re.compile("20[0-9]{2}", re.ASCII),
    "VoucherNo": re.compile("[0-9A-Za-z-]{1,20}"),
    "TreCode": re.compile("[0-9]{10}", re.ASCII),
    "FinOrgCode": re.compile("[0-9]{1,12}", re.ASCII),
    "PayBankNo": re.compile("[0-9]{12}", re.ASCII),
    "PayeeAcctBankNo": re.compile("[0-9]{12}", re.ASCII),
    "SetMonth": re.compile("0[1-9]|1[0-2]", re.ASCII),
    "OriStYear": re.compile("20[0-9]{2}", re.ASCII),
    "OriVoucherNo": re.compile("[0-9A-Za-z-]{1,20}"),
    "CheckResult": re.compile("[01]"),
    **dict.fromkeys(
        ("PayAcctNo", "PayeeAcctNo", "AgentAcctNo", "ClearAcctNo"), re.compile("[0-9A-Z-]{1,32}")
    ),
}
"""What PBC's own program checks (DOMAIN 1.5)."""
_VOUCHER_NO_OF_5106 = 17
ORDERS = frozenset({"5207"})
"""Of the vouchers of `TABLES`: those that order a payment, and come back as its receipt."""


def read_sent_vouchers(raw: bytes) -> tuple[Voucher, ...]:
    """As `read_vouchers`, of VoucherFlag 0 alone: a return copy orders nothing."""
    return read_vouchers(raw, frozenset({SENT}))


def read_vouchers(
    raw: bytes, flags: frozenset[str] = frozenset({SENT, RETURNED})
) -> tuple[Voucher, ...]:
    """Every voucher of an envelope: VoucherFlag 0 those of `TABLES`, 1 receipts of payments too.

    Raises Unreadable: body_too_large, not_gbk, not_xml, dtd_refused, field_duplicate,
    voucher_type_unsupported or instruction_invalid, with the errors of all vouchers.
    """
    bodies = opened(raw, flags)
    found, vouchers = Findings(), []
    for number, body in enumerate(bodies, 1):
        own = Findings()
        voucher = read_one(body, own)
        place = f"VoucherBody[{number}]." if len(bodies) > 1 else ""
        for error in own:
            found.note(f"{place}{error.field}", error.code, error.zh, error.en)
        if voucher is not None:
            vouchers.append(voucher)
    if found:
        raise _refusal(found)
    return tuple(vouchers)


def read_one(body: Body, found: Findings) -> Voucher | None:
    """One voucher of an opened envelope; None with what is wrong noted in `found`."""
    kind = body.attributes["VtCode"]
    receipt = body.flag == RETURNED and (kind in layouts() or kind in ORDERS)
    layout = (
        (layouts() if kind in layouts() else paper_layouts()).get(kind)
        if receipt
        else (paper_layouts().get(kind))
    )
    if layout is None:
        found.note(
            "VtCode", "voucher_type_unsupported", "此处不受理的凭证类型",
            "is not a voucher type that is taken here",
        )  # fmt: skip
        return None
    try:
        root = parsed(body.voucher, "the voucher", plain_tags=True)
    except Unreadable as fault:
        found.note("Voucher", fault.code.value, "凭证不是合法的 XML", fault.detail)
        return None
    if root.tag != "Voucher":
        found.note("Voucher", "unknown", "根元素应为 Voucher", "the root is Voucher")
        return None
    texts = texts_of(root, layout, found, returned=body.flag == RETURNED)
    _identity(body, texts, found)
    key = _key(texts.header)
    day = _day(texts.header, "VouDate", "", found)
    return (
        _receipt(key, day, texts, found)
        if receipt
        else _typed(key, day, texts, TABLES[kind], found)
    )


def _identity(body: Body, texts: VoucherTexts, found: Findings) -> None:
    for name in IDENTITY:
        if texts.header.get(name, "") != body.attributes[name]:
            found.note(
                f"VoucherBody@{name}", "contradiction", "信封属性与凭证内容不一致",
                "is not what the voucher itself says",
            )  # fmt: skip
    for place, row in [("", texts.header), *_places(texts)]:
        for name, pattern in _IDENTITY.items():
            if name == "VoucherNo" and place:
                continue  # of the payment that the row is about
            if name in row and not pattern.fullmatch(row[name]):
                found.note(f"{place}{name}", "pattern", "格式不符", "is not of the required form")
    number = texts.header.get("VoucherNo", "")
    if body.attributes["VtCode"] == "5106" and len(number) > _VOUCHER_NO_OF_5106:
        found.note(
            "VoucherNo", "too_long", f"5106 凭证号不得超过 {_VOUCHER_NO_OF_5106} 位",
            f"of a 5106 at most {_VOUCHER_NO_OF_5106} characters",
        )  # fmt: skip
    seen: set[str] = set()
    for place, row in _places(texts):
        if row.get("Id", "") in seen:
            found.note(f"{place}Id", "duplicate_id", "明细编号重复", "is not unique")
        seen.add(row.get("Id", ""))


def _typed(
    key: InstructionKey, day: dt.date | None, texts: VoucherTexts, table: Table, found: Findings
) -> Voucher | None:
    head = _values(texts.header, table.header, "", found)
    lines = [_values(row, table.detail, place, found) for place, row in _places(texts)]
    _sums(head, lines, table, found)
    pay_type = head.get("pay_type", "")
    if table.pay_types and pay_type and not _may_be(pay_type, table.pay_types):
        found.note(
            "PayTypeCode", "contradiction", "支付方式与凭证类型不符",
            "is not the payment method of this voucher type",
        )  # fmt: skip
    original = head.get("payment_type", "")
    if table.original_types and original and original not in table.original_types:
        found.note(
            "OriVtCode", "contradiction", "原凭证类型与退款凭证不符",
            "is not a type that this voucher gives back for",
        )  # fmt: skip
    if found or day is None:
        return None
    rows = tuple(table.line(**line) for line in lines)
    made: Voucher = table.head(key=key, day=day, lines=rows, **head)
    return made


def _may_be(pay_type: str, allowed: frozenset[str]) -> bool:
    """Six-digit codes may go deeper (001001003); 实拨 has all of 92*."""
    deeper = any(len(code) > 2 and pay_type.startswith(code) for code in allowed)
    return pay_type in allowed or deeper or ("91" in allowed and pay_type.startswith("92"))


def _sums(head: dict[str, Any], lines: list[dict[str, Any]], table: Table, found: Findings) -> None:
    if "amount_fen" in table.header:
        element = table.header["amount_fen"][0]
        parts = [line.get("amount_fen") for line in lines]
        known = [part for part in parts if part is not None]
        total = head.get("amount_fen")
        if total is not None and len(known) == len(parts) and sum(known) != total:
            found.note(element, "sum", "金额与明细金额合计不符", "is not the sum of the details")
    if "count" in head and head["count"] is not None and head["count"] != len(lines):
        found.note("AllNum", "count", "笔数与明细不符", "is not the number of details")


def _receipt(
    key: InstructionKey, day: dt.date | None, texts: VoucherTexts, found: Findings
) -> Receipt | None:
    whole = _payout(texts.header, "", found)
    details = [_payout(row, place, found) for place, row in _places(texts)]
    if found or day is None or whole is None:
        return None
    return Receipt(
        key=key, day=day, account=texts.header.get("PayAcctNo", ""), whole=whole,
        details=tuple(each for each in details if each is not None),
    )  # fmt: skip


def _payout(row: Texts, place: str, found: Findings) -> Payout | None:
    ordered = _amount(row, "SumAmt" if "SumAmt" in row else "PayAmt", Kind.POSITIVE, place, found)
    paid = _amount(row, "XPayAmt", Kind.POSITIVE, place, found) if "XPayAmt" in row else None
    paid_on = _day(row, "XPayDate", place, found) if "XPayDate" in row else None
    if (paid is None) != (paid_on is None) and not found:
        found.note(
            f"{place}XPayAmt", "contradiction", "实际支付金额与实际支付日期应同时填写",
            "an amount paid and the day of it come together",
        )  # fmt: skip
    if ordered is None:
        return None
    return Payout(
        id=row.get("Id", "") if place else "", ordered_fen=Fen(ordered), paid_on=paid_on,
        paid_fen=None if paid is None else Fen(paid), reference=row.get("XAgentBusinessNo", ""),
        payee_account=row.get("XPayeeAcctNo", ""), payee_name=row.get("XPayeeAcctName", ""),
        payee_bank_name=row.get("XPayeeAcctBankName", ""), reason=row.get("XAddWord", ""),
    )  # fmt: skip


def _places(texts: VoucherTexts) -> list[tuple[str, Texts]]:
    return [(f"Detail[{number}].", row) for number, row in enumerate(texts.details, 1)]


def _key(header: Texts) -> InstructionKey:
    year = header.get("StYear", "")
    return InstructionKey(
        division=header.get("AdmDivCode", ""), voucher_type=header.get("VtCode", ""),
        fiscal_year=int(year) if year.isascii() and year.isdecimal() else 0,
        voucher_no=header.get("VoucherNo", ""),
    )  # fmt: skip


def _values(
    row: Texts, columns: "dict[str, Column] | Any", place: str, found: Findings
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for attribute, (element, kind) in columns.items():
        if kind is Kind.TEXT:
            values[attribute] = row.get(element, "")
        elif kind in _OTHERS:
            values[attribute] = _OTHERS[kind](row, element, place, found)
        else:
            values[attribute] = _amount(row, element, kind, place, found)
    return values


def _amount(row: Texts, element: str, kind: Kind, place: str, found: Findings) -> int | None:
    """In fen; None if it is absent or noted."""
    text = row.get(element, "")
    match = _AMOUNT.fullmatch(text)
    if match is None:
        if text:
            found.note(
                f"{place}{element}", "pattern", "金额应为以元为单位的两位小数",
                "must be yuan with exactly two decimals",
            )  # fmt: skip
        return None
    amount = fen(f"{int(match[2])}.{match[3]}") * (-1 if match[1] == "-" else 1)
    zh, en, holds = _SIGNS[kind]
    if not holds(amount):
        found.note(f"{place}{element}", "range", zh, en)
        return None
    return -amount if kind is Kind.BACK else amount


_SIGNS: dict[Kind, tuple[str, str, Callable[[int], bool]]] = {
    Kind.POSITIVE: ("金额应大于零", "must be more than zero", lambda amount: amount > 0),
    Kind.NEGATIVE: ("金额应小于零", "must be less than zero", lambda amount: amount < 0),
    Kind.BACK: ("金额应小于零", "must be less than zero", lambda amount: amount < 0),
    Kind.NOTHING: ("金额应为 0.00", "must be 0.00", lambda amount: amount == 0),
    Kind.SIGNED: ("", "", lambda amount: True),
}


def _day(row: Texts, element: str, place: str, found: Findings) -> dt.date | None:
    text = row.get(element, "")
    try:
        if len(text) == 8 and text.isascii() and text.isdecimal():
            return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    if text:
        found.note(
            f"{place}{element}", "date", "应为真实的日期 yyyyMMdd", "must be a real date, yyyyMMdd"
        )
    return None


def _count(row: Texts, element: str, place: str, found: Findings) -> int | None:
    text = row.get(element, "")
    if text.isascii() and text.isdecimal():
        return int(text)
    if text:
        found.note(f"{place}{element}", "type", "应为整数", "must be a whole number")
    return None


def _flag(row: Texts, element: str, place: str, found: Findings) -> bool:
    text = row.get(element, "")
    if text and text not in ("1", "2"):
        found.note(
            f"{place}{element}", "code", "应为 1（是）或 2（否）", "must be 1 (yes) or 2 (no)"
        )
    return text == "1"


_OTHERS: dict[Kind, Callable[[Texts, str, str, Findings], Any]] = {
    Kind.DAY: _day, Kind.COUNT: _count, Kind.FLAG: _flag,
}  # fmt: skip


def _refusal(found: Findings) -> Unreadable:
    codes = {error.code for error in found}
    code = FaultCode.INSTRUCTION_INVALID
    for own in (FaultCode.FIELD_DUPLICATE, FaultCode.VOUCHER_TYPE_UNSUPPORTED):
        if own.value.removeprefix("field_") in codes:
            code = own
    if codes == {"not_gbk"}:
        code = FaultCode.NOT_GBK
    return Unreadable(
        code, f"the vouchers have {len(found)} error(s) (凭证有 {len(found)} 处错误)", tuple(found)
    )
