"""From a voucher's texts to the domain's `Instruction`, with every contradiction noted."""

import datetime as dt
import re

import attrs

from adapters.formats.json.rules import METHOD_OF
from adapters.formats.json.walk import Findings
from adapters.formats.voucher.batch import BATCH, as_others, in_own_names
from adapters.formats.voucher.division_codes import DivisionCodes
from adapters.formats.voucher.elements import Texts, VoucherTexts
from adapters.formats.voucher.holds import REFERENCES, References, references_of
from adapters.formats.voucher.payees import (
    amount_of,
    check_account,
    details_of,
    documents_of,
    header_payee,
    remarks_of,
)
from gateway.domain.codes import BusinessType, PaymentMethod, Settlement
from gateway.domain.instruction import Detail, Document, Instruction, InstructionKey, Payee, Payer
from gateway.domain.money import Fen

_DAY = re.compile("[0-9]{8}", re.ASCII)
_IDENTITY = {
    "AdmDivCode": (re.compile("[0-9]{9}"), "应为九位数字", "must be nine digits"),
    "StYear": (re.compile("20[0-9]{2}"), "应为四位年度", "must be a year of four digits"),
    "VoucherNo": (
        re.compile("[0-9A-Za-z-]{1,20}"),
        "应为 1 至 20 位数字、字母或连字符",
        "must be 1 to 20 digits, letters or hyphens",
    ),
}
_MAIN = ("OriginalVtCode", "OriginalVoucherNo")
_OF_VOUCHER = (
    ("VoucherBillId", "Id"), ("VoucherBillNo", "VoucherNo"), ("OriVoucherNo", "OriginalVoucherNo"),
)  # fmt: skip
"""What a detail repeats of its header."""
_ONE_LINE = ("FundTypeCode", "AgencyCode", "AgencyName", "ExpFuncCode", "ExpEcoCode", "DepProCode")
"""What the header says of the whole voucher: a detail that says otherwise would go unjudged."""


@attrs.frozen
class _Codes:
    method: PaymentMethod | None
    settlement: Settlement | None
    business_type: BusinessType | None


def instruction_of(
    voucher: VoucherTexts, codes: DivisionCodes, found: Findings
) -> Instruction | None:
    """Build the instruction; None if anything at all was noted in `found`, now or before."""
    if voucher.header.get("VtCode") != BATCH:
        return _instruction_of(voucher, codes, found)
    since = len(found)
    instruction = _instruction_of(as_others(voucher, found), codes, found)
    in_own_names(found, since)
    return instruction


def _instruction_of(
    voucher: VoucherTexts, codes: DivisionCodes, found: Findings
) -> Instruction | None:
    header, rows = voucher.header, voucher.details
    for name, (pattern, zh, en) in _IDENTITY.items():
        if name in header and not pattern.fullmatch(header[name]):
            found.note(name, "pattern", zh, en)
    day = _day(header.get("VouDate", ""), found)
    coded = _coded(header, codes, found)
    amount = amount_of(header, "", found)
    references = references_of(header.get(REFERENCES, ""), found)
    _one_voucher(header, rows, found)
    one_line = _one_line(header, rows, found)
    details = details_of(voucher, amount, coded.business_type, found)
    documents = references.documents + documents_of(rows, details, found)
    payee = header_payee(header, details, coded.business_type, found)
    several = coded.business_type is not BusinessType.SINGLE
    remarks = () if several else remarks_of(header, details, found)
    check_account(header, "PayAcctNo", "", found)
    if found or day is None or amount is None or coded.business_type is None:
        return None
    return _built(
        header, {**header, **one_line}, (day, amount, coded.business_type), coded, references,
        (payee, details if several else (), remarks), tuple(dict.fromkeys(documents)),
    )  # fmt: skip


def _built(
    header: Texts,
    line: Texts,
    core: tuple[dt.date, Fen, BusinessType],
    coded: _Codes,
    references: References,
    payees: tuple[Payee, tuple[Detail, ...], tuple[str, ...]],
    documents: tuple[Document, ...],
) -> Instruction:
    day, amount, business_type = core
    return Instruction(
        key=InstructionKey(
            division=header["AdmDivCode"],
            fiscal_year=int(header["StYear"]),
            voucher_type=header["VtCode"],
            voucher_no=header["VoucherNo"],
        ),
        voucher_date=day,
        agency_code=line.get("AgencyCode", ""),
        agency_name=line.get("AgencyName", ""),
        payment_method=coded.method,
        settlement=coded.settlement,
        business_type=business_type,
        amount_fen=amount,
        payer=Payer(
            account=header["PayAcctNo"],
            name=header["PayAcctName"],
            bank_code=header.get("PayBankCode", ""),
        ),
        payee=payees[0],
        indicator_id=header.get("Hold1", ""),
        fund_code=line.get("FundTypeCode", ""),
        functional_code=line.get("ExpFuncCode", ""),
        dept_economic_code=line.get("ExpEcoCode", ""),
        gov_economic_code="",  # the interface has no element for it, and nothing is derived
        project_code=line.get("DepProCode", ""),
        purpose=header.get("PaySummaryName", ""),
        exemption=references.exemption,
        cash_reason=references.cash_reason,
        approvals=references.approvals,
        contract_no=references.contract_no,
        documents=documents,
        details=payees[1],
        remarks=payees[2],
        main_voucher="/".join(header[name] for name in _MAIN if name in header),
    )


def _day(text: str, found: Findings) -> dt.date | None:
    try:
        if _DAY.fullmatch(text):
            return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    if text:
        found.note("VouDate", "date", "应为真实的日期 yyyyMMdd", "must be a real date, yyyyMMdd")
    return None


def _coded(header: Texts, codes: DivisionCodes, found: Findings) -> _Codes:
    method = codes.pay_types.get(header.get("PayTypeCode", ""))
    if method is None and "PayTypeCode" in header:
        _code_unknown("PayTypeCode", "支付方式", found)
    is_batch = header.get("VtCode") == BATCH
    meant = METHOD_OF.get(header.get("OriginalVtCode" if is_batch else "VtCode", ""))
    if method is not None and meant is not None and method != meant:
        found.note(
            "PayTypeCode", "contradiction", "支付方式与凭证类型不符",
            "is not the payment method of this voucher type",
        )  # fmt: skip
    business_type = codes.business_types.get(header.get("BusinessTypeCode", ""))
    if business_type is None and "BusinessTypeCode" in header:
        _code_unknown("BusinessTypeCode", "业务类型", found)
    if is_batch and business_type is BusinessType.SINGLE:
        found.note(
            "BusinessTypeCode", "contradiction", "批量业务支付明细不能是单笔业务",
            "a voucher of batch details is no single payment",
        )  # fmt: skip
    settlement = Settlement.TRANSFER if is_batch else _settlement(header, codes, found)
    return _Codes(method, settlement, business_type)


def _settlement(header: Texts, codes: DivisionCodes, found: Findings) -> Settlement | None:
    """By code, else by name; both blank is policy JL-004's matter, unknown or at odds is ours."""
    code, name = header.get("SetModeCode", ""), header.get("SetModeName", "")
    by_code, by_name = codes.settlements.get(code), codes.settlement_names.get(name)
    if code and by_code is None:
        _code_unknown("SetModeCode", "结算方式", found)
    elif not code and name and by_name is None:
        _code_unknown("SetModeName", "结算方式", found)
    elif by_code and by_name and by_code is not by_name:
        found.note(
            "SetModeName", "contradiction", "结算方式名称与编码不符", "is not what SetModeCode says"
        )
    return by_code or by_name


def _code_unknown(name: str, zh: str, found: Findings) -> None:
    found.note(
        name, "code", f"{zh}编码在该行政区划没有登记", "is not a code that this division uses"
    )


def _one_voucher(header: Texts, rows: tuple[Texts, ...], found: Findings) -> None:
    """Details name their voucher, and no two have one id."""
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        for name, of_header in _OF_VOUCHER:
            if name in row and of_header in header and row[name] != header[of_header]:
                found.note(
                    f"Detail[{number}].{name}", "contradiction", f"与主单 {of_header} 不一致",
                    f"is not the voucher's {of_header}",
                )  # fmt: skip
        if "Id" in row and row["Id"] in seen:
            found.note(f"Detail[{number}].Id", "duplicate_id", "明细编号重复", "is not unique")
        seen.add(row.get("Id", ""))


def _one_line(header: Texts, rows: tuple[Texts, ...], found: Findings) -> Texts:
    """One voucher, one budget line: the header's codes, or the details' where it has none."""
    line: Texts = {}
    for name in _ONE_LINE:
        stated = header.get(name) or next((row[name] for row in rows if name in row), "")
        for number, row in enumerate(rows, 1):
            if row.get(name, stated) != stated:
                found.note(
                    f"Detail[{number}].{name}", "contradiction", "与主单或其他明细不一致",
                    "is not what the header or another detail says",
                )  # fmt: skip
        line[name] = stated
    return line
