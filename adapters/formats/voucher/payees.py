"""Who a voucher pays and how much: its details, and the one payee of a single payment."""

import re

from msgspec.structs import replace

from adapters.formats.json.walk import Findings
from adapters.formats.voucher.elements import Texts, VoucherTexts
from adapters.formats.voucher.holds import papers_of, payee_of
from gateway.domain.codes import BusinessType, PayeeKind
from gateway.domain.instruction import Detail, Document, Payee
from gateway.domain.money import Fen, fen

REMARKS_CHARACTERS_MAX = 2_000
"""They are judged as one text with the purpose."""

_AMOUNT = re.compile(r"([0-9]{1,15})\.([0-9]{2})", re.ASCII)
_ACCOUNT = re.compile("[0-9A-Z-]{1,32}")


def details_of(
    voucher: VoucherTexts, amount: Fen | None, kind: BusinessType | None, found: Findings
) -> tuple[Detail, ...]:
    """Every detail; a payroll's payees are persons unless a detail says otherwise."""
    rows = voucher.details
    bank_needed = kind is BusinessType.BATCH and voucher.header.get("VtCode") == "5201"
    by_default = PayeeKind.PERSON if kind is BusinessType.PAYROLL else PayeeKind.ORGANISATION
    details = []
    for number, row in enumerate(rows, 1):
        place = f"Detail[{number}]."
        part = amount_of(row, place, found)
        payee = _payee(row, place, by_default, found)
        if bank_needed and not payee.bank_code:
            found.note(
                f"{place}PayeeAcctBankNo", "required", "批量业务应填收款人银行行号",
                "is required in a batch",
            )  # fmt: skip
        if part is not None:
            detail_id, remark = row.get("Id", ""), row.get("Remark", "")
            details.append(Detail(id=detail_id, payee=payee, amount_fen=part, purpose=remark))
    complete = amount is not None and len(details) == len(rows) > 0
    if complete and sum(detail.amount_fen for detail in details) != amount:
        found.note("PayAmt", "sum", "支付金额与明细金额合计不符", "is not the sum of the details")
    return tuple(details)


def _payee(row: Texts, place: str, by_default: PayeeKind, found: Findings) -> Payee:
    holds = (row.get("Hold1", ""), row.get("Hold2", ""), row.get("Hold3", ""), row.get("Hold4", ""))
    kind, person = payee_of(holds, by_default, place, found)
    check_account(row, "PayeeAcctNo", place, found)
    return Payee(
        kind=kind,
        account=row.get("PayeeAcctNo", ""),
        name=row.get("PayeeAcctName", ""),
        bank_code=row.get("PayeeAcctBankNo", ""),
        bank_name=row.get("PayeeAcctBankName", ""),
        person=person,
    )


def header_payee(
    header: Texts, details: tuple[Detail, ...], kind: BusinessType | None, found: Findings
) -> Payee:
    """The payee of the whole: for a single payment the details' own, who must all be the same."""
    check_account(header, "PayeeAcctNo", "", found)
    if kind is not BusinessType.SINGLE or not details:
        return Payee(
            kind=PayeeKind.ORGANISATION,
            account=header.get("PayeeAcctNo", ""),
            name=header.get("PayeeAcctName", ""),
            bank_code=header.get("PayeeAcctBankNo", ""),
            bank_name=header.get("PayeeAcctBankName", ""),
        )
    payee = details[0].payee
    stated = (
        ("PayeeAcctNo", header.get("PayeeAcctNo"), "account"),
        ("PayeeAcctName", header.get("PayeeAcctName"), "name"),
        ("PayeeAcctBankNo", header.get("PayeeAcctBankNo"), "bank_code"),
        ("PayeeAcctBankName", header.get("PayeeAcctBankName"), "bank_name"),
    )
    for number, detail in enumerate(details, 1):
        for name, text, attribute in stated:
            said = getattr(detail.payee, attribute)
            if said != (text or getattr(payee, attribute)) and (said or attribute != "bank_code"):
                found.note(
                    f"Detail[{number}].{name}", "contradiction", "单笔业务的明细收款人应与主单一致",
                    "a single payment has one payee, the header's",
                )  # fmt: skip
        if detail.payee.person != payee.person or detail.payee.kind is not payee.kind:
            found.note(
                f"Detail[{number}].Hold1", "contradiction", "单笔业务只有一个收款人",
                "a single payment has one payee",
            )  # fmt: skip
    return replace(payee, bank_code=payee.bank_code or header.get("PayeeAcctBankNo", ""))


def remarks_of(header: Texts, details: tuple[Detail, ...], found: Findings) -> tuple[str, ...]:
    """附言 of a single payment's details, each once; the purpose said again is none."""
    purpose = header.get("PaySummaryName", "")
    said = tuple(dict.fromkeys(each.purpose for each in details if each.purpose))
    if sum(map(len, said)) > REMARKS_CHARACTERS_MAX:
        found.note(
            "Detail.Remark", "too_long",
            f"单笔业务各明细的附言合计不得超过 {REMARKS_CHARACTERS_MAX} 个字符",
            f"of a single payment all details' remarks are at most {REMARKS_CHARACTERS_MAX}"
            " characters",
        )  # fmt: skip
    return tuple(each for each in said if each != purpose)


def documents_of(
    rows: tuple[Texts, ...], details: tuple[Detail, ...], found: Findings
) -> tuple[Document, ...]:
    """The papers that details of organisations name."""
    return tuple(
        paper
        for number, (row, detail) in enumerate(zip(rows, details, strict=False), 1)
        if detail.payee.kind is PayeeKind.ORGANISATION
        for paper in papers_of(row.get("Hold2", ""), f"Detail[{number}].", found)
    )


def amount_of(texts: Texts, place: str, found: Findings) -> Fen | None:
    """PayAmt in fen, above zero; None if it is absent or noted."""
    text = texts.get("PayAmt", "")
    match = _AMOUNT.fullmatch(text)
    if match:
        # the interface allows leading zeros, the house's money does not
        amount = fen(f"{int(match[1])}.{match[2]}")
        if amount:
            return amount
        found.note(f"{place}PayAmt", "range", "支付金额应大于零", "must be more than zero")
    elif text:
        found.note(
            f"{place}PayAmt", "pattern", "支付金额应为以元为单位的两位小数",
            "must be yuan with exactly two decimals",
        )  # fmt: skip
    return None


def check_account(texts: Texts, name: str, place: str, found: Findings) -> None:
    """Note an account number that PBC would not take: it would slip past every list."""
    if name in texts and not _ACCOUNT.fullmatch(texts[name]):
        found.note(
            f"{place}{name}", "pattern", "账号应为不超过 32 位的数字、大写字母或连字符",
            "an account number is at most 32 digits, capital letters or hyphens",
        )  # fmt: skip
