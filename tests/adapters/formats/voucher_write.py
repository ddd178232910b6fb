"""Writes an instruction as a voucher envelope, as a sender's system does.

What the interface has no element for (documents, items, the government economic code) is left out.
"""

import base64
from collections.abc import Iterable
from xml.sax.saxutils import escape

from adapters.formats.voucher.batch import BATCH
from adapters.formats.voucher.division_codes import DivisionCodes
from adapters.formats.voucher.fields import IDENTITY, Fields, layouts, voucher_day
from adapters.formats.voucher.holds import CASH_REASONS, EXEMPTIONS, References
from adapters.formats.voucher.paper_write import vouchers_envelope
from gateway.domain.codes import BusinessType, PayeeKind, PaymentMethod, Settlement
from gateway.domain.instruction import Detail, Instruction, Payee
from gateway.domain.money import yuan
from gateway.domain.vouchers import Appropriation, AppropriationLine

_NOT_IN_BATCH = frozenset({
    "AgencyCode", "AgencyName", "DepProCode", "ExpEcoCode", "FundTypeCode", "FundTypeName",
    "PayAmt", "PaySummaryName", "SetModeCode", "SetModeName", "VoucherBillId", "VoucherBillNo",
    "VoucherNo",
})  # fmt: skip
"""What 8207 says under another name, once in its header, or not at all since it follows."""
_DECLARATION = '<?xml version="1.0" encoding="GBK"?>\n'
_METHOD_NAMES: dict[PaymentMethod | None, str] = {
    PaymentMethod.DIRECT: "财政直接支付", PaymentMethod.AUTHORIZED: "财政授权支付",
}  # fmt: skip
_BUSINESS_NAMES = {
    BusinessType.SINGLE: "单笔业务",
    BusinessType.PAYROLL: "工资业务",
    BusinessType.BATCH: "批量业务",
}


def voucher_envelope(instruction: Instruction, codes: DivisionCodes) -> bytes:
    """The GBK envelope of one voucher, VoucherFlag 0.

    Raises ValueError for what the interface cannot say: a text too wide or outside GBK, a class
    that the division has no code for.
    """
    key = instruction.key
    layout = layouts()[key.voucher_type]
    header = _elements(_header(instruction, codes), layout.header)
    said = _NOT_IN_BATCH if key.voucher_type == BATCH else frozenset()
    rows = "".join(
        f"<Detail>{_elements(_detail(instruction, detail), layout.detail, said)}</Detail>"
        for detail in instruction.details or (_only_detail(instruction),)
    )
    inner = f"{_DECLARATION}<Voucher>{header}<DetailList>{rows}</DetailList></Voucher>"
    stated = (key.division, str(key.fiscal_year), key.voucher_type, key.voucher_no)
    attributes = " ".join(f'{n}="{v}"' for n, v in zip(IDENTITY, stated, strict=True))
    encoded = base64.b64encode(inner.encode("gbk")).decode("ascii")
    return (
        f"{_DECLARATION}<MOF><VoucherCount>1</VoucherCount><VoucherBody {attributes}>"
        f"<VoucherFlag>0</VoucherFlag><Attach></Attach><Voucher>{encoded}</Voucher>"
        "</VoucherBody></MOF>"
    ).encode("gbk")


def appropriation_envelope(instruction: Instruction) -> bytes:
    """A 5207 whose line is one detail: the inverse of `appropriation_of`.

    Raises ValueError for what a 5207 cannot say: details, a person, cash, a text too wide.
    """
    payee = instruction.payee
    if instruction.details or payee.kind is not PayeeKind.ORGANISATION:
        raise ValueError("a 5207 pays one organisation")
    if instruction.settlement is not Settlement.TRANSFER or instruction.cash_reason is not None:
        raise ValueError("a 5207 is a transfer")
    line = AppropriationLine(
        id="1", agency=instruction.agency_code, agency_name=instruction.agency_name,
        functional_code=instruction.functional_code, economic_code=instruction.dept_economic_code,
        project_code=instruction.project_code, amount_fen=instruction.amount_fen,
    )  # fmt: skip
    references = References(
        exemption=instruction.exemption, cash_reason=None, approvals=instruction.approvals,
        contract_no=instruction.contract_no,
    )  # fmt: skip
    voucher = Appropriation(
        key=instruction.key, day=instruction.voucher_date, fund_code=instruction.fund_code,
        pay_type="91", payer_account=instruction.payer.account,
        payer_name=instruction.payer.name, payee_account=payee.account, payee_name=payee.name,
        payee_bank_name=payee.bank_name, payee_bank_code=payee.bank_code,
        purpose=instruction.purpose, indicator_id=instruction.indicator_id,
        references=_references_text(references), amount_fen=instruction.amount_fen, lines=(line,),
    )  # fmt: skip
    return vouchers_envelope([voucher])


def _header(instruction: Instruction, codes: DivisionCodes) -> dict[str, str]:
    key, payer = instruction.key, instruction.payer
    references = References(
        exemption=instruction.exemption,
        cash_reason=instruction.cash_reason,
        contract_no=instruction.contract_no,
        approvals=instruction.approvals,
    )
    header = {
        "Id": _voucher_id(instruction),
        "AdmDivCode": key.division,
        "StYear": str(key.fiscal_year),
        "VtCode": key.voucher_type,
        "VouDate": voucher_day(instruction.voucher_date),
        "VoucherNo": key.voucher_no,
        "PayTypeCode": _code_for(codes.pay_types.items(), instruction.payment_method),
        "PayTypeName": _METHOD_NAMES.get(instruction.payment_method, ""),
        "SetModeCode": _code_for(codes.settlements.items(), instruction.settlement, ""),
        "SetModeName": _code_for(codes.settlement_names.items(), instruction.settlement, ""),
        "BusinessTypeCode": _code_for(codes.business_types.items(), instruction.business_type),
        "BusinessTypeName": _BUSINESS_NAMES.get(instruction.business_type, "其他业务"),
        "PayBankCode": payer.bank_code,
        "PayAcctNo": payer.account,
        "PayAcctName": payer.name,
        "PayAcctBankName": payer.bank_code or "代理银行",
        "PayAmt": yuan(instruction.amount_fen),
        "PaySummaryName": instruction.purpose,
        "Hold1": instruction.indicator_id,
        "Hold2": _references_text(references),
        **_line(instruction),
        **_payee_elements(instruction.payee),
    }
    return _batch_header(header, instruction) if key.voucher_type == BATCH else header


def _batch_header(header: dict[str, str], instruction: Instruction) -> dict[str, str]:
    """8207 in its own names; what it has no element for beside the references."""
    codes = [("EC", instruction.dept_economic_code), ("DP", instruction.project_code)]
    held = [*filter(None, [header["Hold2"]]), *(f"{key}={code}" for key, code in codes if code)]
    type_, _, number = instruction.main_voucher.partition("/")
    own = _NOT_IN_BATCH - {"AgencyCode", "AgencyName", "FundTypeCode", "FundTypeName", "VoucherNo"}
    return {name: text for name, text in header.items() if name not in own} | {
        "OriginalVtCode": type_,
        "OriginalVoucherNo": number,
        "SumAmt": header["PayAmt"],
        "Remark": instruction.purpose,
        "Hold2": ";".join(held),
    }


def _detail(instruction: Instruction, detail: Detail) -> dict[str, str]:
    person = detail.payee.person
    kind = PayeeKind.PERSON if person else detail.payee.kind
    identity = [f"PK={kind.value}", *([f"ID={person.id_number}"] if person else [])]
    return {
        "Id": detail.id,
        "VoucherBillId": _voucher_id(instruction),
        "VoucherBillNo": instruction.key.voucher_no,
        "OriVoucherNo": instruction.main_voucher.partition("/")[2],
        "VoucherNo": f"{instruction.key.voucher_no}-{detail.id}",
        "PayAmt": yuan(detail.amount_fen),
        "Remark": detail.purpose,
        "Hold1": ";".join(identity),
        "Hold2": person.employer if person else "",
        "Hold3": person.position if person else "",
        "Hold4": person.title if person else "",
        **_line(instruction),
        **_payee_elements(detail.payee),
    }


def _only_detail(instruction: Instruction) -> Detail:
    """A voucher always has a detail; a single payment's says what its header says."""
    return Detail(id="1", payee=instruction.payee, amount_fen=instruction.amount_fen)


def _line(instruction: Instruction) -> dict[str, str]:
    return {
        "FundTypeCode": instruction.fund_code,
        "FundTypeName": instruction.fund_code,
        "AgencyCode": instruction.agency_code,
        "AgencyName": instruction.agency_name,
        "ExpFuncCode": instruction.functional_code,
        "ExpFuncName": instruction.functional_code,
        "ExpEcoCode": instruction.dept_economic_code,
        "DepProCode": instruction.project_code,
    }


def _payee_elements(payee: Payee) -> dict[str, str]:
    return {
        "PayeeAcctNo": payee.account,
        "PayeeAcctName": payee.name,
        "PayeeAcctBankNo": payee.bank_code,
        "PayeeAcctBankName": payee.bank_name,
    }


def _voucher_id(instruction: Instruction) -> str:
    key = instruction.key
    return f"{key.voucher_type}-{key.fiscal_year}-{key.voucher_no}"


def _references_text(references: References) -> str:
    """The inverse of `references_of`."""
    exemptions = {member: number for number, member in EXEMPTIONS.items()}
    reasons = {member: number for number, member in CASH_REASONS.items()}
    parts = []
    if references.exemption:
        parts.append(f"EX={exemptions[references.exemption]}")
    if references.contract_no:
        parts.append(f"CT={references.contract_no}")
    parts += [f"AP={number}" for number in references.approvals]
    if references.cash_reason:
        parts.append(f"CR={reasons[references.cash_reason]}")
    return ";".join(parts)


def _code_for(
    codes: Iterable[tuple[str, object]], member: object, otherwise: str | None = None
) -> str:
    code = next((code for code, meant in codes if meant is member), otherwise)
    if code is None:
        raise ValueError(f"the division has no code for {member}")
    return code


def _elements(
    texts: dict[str, str], fields: Fields, said: frozenset[str] = frozenset()
) -> str:  # fmt: skip
    """Every element of the interface in its order, empty where nothing is said; what is `said`
    elsewhere may be left out."""
    for name, text in texts.items():
        if name in said and name not in fields:
            continue
        width = fields[name].bytes_max if name in fields else 0
        if width is not None and len(text.encode("gbk")) > width:
            raise ValueError(f"{name} is wider than the interface allows")
    return "".join(f"<{name}>{escape(texts.get(name, ''))}</{name}>" for name in fields)
