"""What an agency's own system writes: the JSON instruction, and the GBK voucher envelope.

Written from the interface's documents, not from our parser, so that the two check each other.
"""

import base64
import json
from typing import Any
from xml.sax.saxutils import escape

from deploy.demo.codes import economic_items, functional_names
from gateway.domain.codes import BusinessType, CashReason, Exemption, PaymentMethod, Settlement
from gateway.domain.instruction import Detail, Document, Instruction, Item, Payee
from gateway.domain.money import yuan

_DECLARATION = '<?xml version="1.0" encoding="GBK"?>\n'
_METHODS = {
    PaymentMethod.DIRECT: ("11", "财政直接支付"),
    PaymentMethod.AUTHORIZED: ("12", "财政授权支付"),
    None: ("", ""),
}
_SETTLEMENTS = {
    Settlement.TRANSFER: ("1", "电子转账支付"),
    Settlement.CASH: ("", "电子现金支付"),
    Settlement.CASH_CHEQUE: ("", "现金支票"),
    None: ("", ""),
}
_BUSINESS = {
    BusinessType.SINGLE: ("1", "单笔业务"),
    BusinessType.PAYROLL: ("3", "工资业务"),
    BusinessType.BATCH: ("4", "批量业务"),
}
_EXEMPTIONS = {exemption: str(number) for number, exemption in enumerate(Exemption, start=1)}
"""By the number of the item in Art. 13(3)."""
_CASH_REASONS = dict(zip(CashReason, "1234568", strict=True))
"""By the number of the item in Art. 13(2)1; its item 7 is a limit and no reason."""


def json_of(instruction: Instruction, **also: object) -> bytes:
    """The canonical JSON form, with `also` on top (a field too many, for instance)."""
    key = instruction.key
    document = {
        "division": key.division,
        "fiscal_year": key.fiscal_year,
        "voucher_type": key.voucher_type,
        "voucher_no": key.voucher_no,
        "voucher_date": instruction.voucher_date.isoformat(),
        "agency": {"code": instruction.agency_code, "name": instruction.agency_name},
        "payment_method": instruction.payment_method,
        "settlement": instruction.settlement,
        "business_type": instruction.business_type,
        "amount": yuan(instruction.amount_fen),
        "payer": {
            "account": instruction.payer.account,
            "name": instruction.payer.name,
            "bank_code": instruction.payer.bank_code,
        },
        "payee": _payee(instruction.payee),
        "indicator_id": instruction.indicator_id,
        "fund_code": instruction.fund_code,
        "functional_code": instruction.functional_code,
        "dept_economic_code": instruction.dept_economic_code,
        "gov_economic_code": instruction.gov_economic_code,
        "project_code": instruction.project_code,
        "purpose": instruction.purpose,
        "exemption": instruction.exemption,
        "cash_reason": instruction.cash_reason,
        "approvals": list(instruction.approvals),
        "contract_no": instruction.contract_no or None,
        "documents": [
            {"kind": each.kind, "number": each.number, "sha256": each.sha256}
            for each in instruction.documents
        ],
        "items": [_item(each) for each in instruction.items],
        "details": [
            {
                "id": each.id,
                "payee": _payee(each.payee),
                "amount": yuan(each.amount_fen),
                "purpose": each.purpose,
            }
            for each in instruction.details
        ],
    }
    return json.dumps(document | also, ensure_ascii=False, separators=(",", ":")).encode()


def voucher_of(instruction: Instruction) -> bytes:
    """A MOF envelope with one voucher, 5201 or 8202, GBK inside and outside."""
    key = instruction.key
    inner = _DECLARATION + _element("Voucher", _header(instruction) + _details(instruction))
    attributes = (
        f'AdmDivCode="{key.division}" StYear="{key.fiscal_year}"'
        f' VtCode="{key.voucher_type}" VoucherNo="{key.voucher_no}"'
    )
    body = base64.b64encode(inner.encode("gbk")).decode()
    return (
        f"{_DECLARATION}<MOF><VoucherCount>1</VoucherCount><VoucherBody {attributes}>"
        f"<VoucherFlag>0</VoucherFlag><Attach></Attach><Voucher>{body}</Voucher>"
        "</VoucherBody></MOF>"
    ).encode("gbk")


def _item(item: Item) -> dict[str, Any]:
    """Only what is known: an absent number is not written."""
    price = item.unit_price_fen
    document = {
        "kind": item.kind, "class": item.class_ or None, "persons": item.persons,
        "days": item.days, "hours": item.hours, "guests": item.guests,
        "companions": item.companions, "unit_price": None if price is None else yuan(price),
        "reference": item.reference or None,
    }  # fmt: skip
    return {name: value for name, value in document.items() if value is not None}


def _payee(payee: Payee) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": payee.kind,
        "account": payee.account,
        "name": payee.name,
        "bank_code": payee.bank_code,
        "bank_name": payee.bank_name,
    }
    if payee.person is not None:
        document["person"] = {
            "id_number": payee.person.id_number,
            "employer": payee.person.employer,
            "position": payee.person.position,
            "title": payee.person.title,
        }
    return document


def _header(instruction: Instruction) -> str:
    key = instruction.key
    method = _METHODS[instruction.payment_method]
    settlement = _SETTLEMENTS[instruction.settlement]
    business = _BUSINESS[instruction.business_type]
    return _elements(
        {
            "Id": _voucher_id(instruction),
            "AdmDivCode": key.division,
            "StYear": str(key.fiscal_year),
            "VtCode": key.voucher_type,
            "VouDate": f"{instruction.voucher_date:%Y%m%d}",
            "VoucherNo": key.voucher_no,
            **_line(instruction),
            "PayTypeCode": method[0],
            "PayTypeName": method[1],
            "SetModeCode": settlement[0],
            "SetModeName": settlement[1],
            "PayBankCode": instruction.payer.bank_code,
            "PayBankName": "松江银行长春分行",
            **_payee_elements(instruction.payee),
            "PayAcctNo": instruction.payer.account,
            "PayAcctName": instruction.payer.name,
            "PayAcctBankName": "松江银行长春分行",
            "PaySummaryName": instruction.purpose,
            "PayAmt": yuan(instruction.amount_fen),
            "BusinessTypeCode": business[0],
            "BusinessTypeName": business[1],
            "XPayDate": "",
            "XAgentBusinessNo": "",
            "XPayAmt": "",
            "Hold1": instruction.indicator_id,
            "Hold2": _references(instruction),
        }
    )


def _details(instruction: Instruction) -> str:
    """A single payment is one detail that says again what the header says."""
    only = Detail(id="D-1", payee=instruction.payee, amount_fen=instruction.amount_fen)
    rows = instruction.details or (only,)
    papers = [*map(_paper, instruction.documents), *[""] * len(rows)]
    details = (_detail(instruction, *both) for both in zip(rows, papers, strict=False))
    return _element("DetailList", "".join(details))


def _detail(instruction: Instruction, detail: Detail, paper: str) -> str:
    payee, person = detail.payee, detail.payee.person
    return _element(
        "Detail",
        _elements(
            {
                "Id": detail.id,
                "VoucherBillId": _voucher_id(instruction),
                "VoucherBillNo": instruction.key.voucher_no,
                "VoucherNo": f"SQ-{instruction.key.voucher_no}",
                **_line(instruction),
                **_payee_elements(payee),
                "PayAmt": yuan(detail.amount_fen),
                "Remark": detail.purpose,
                "Hold1": f"PK=person;ID={person.id_number}" if person else "",
                "Hold2": person.employer if person else paper,
                "Hold3": person.position if person else "",
                "Hold4": person.title if person else "",
            }
        ),
    )


def _line(instruction: Instruction) -> dict[str, str]:
    functional, economic = instruction.functional_code, instruction.dept_economic_code
    return {
        "FundTypeCode": instruction.fund_code,
        "FundTypeName": "一般公共预算资金",
        "AgencyCode": instruction.agency_code,
        "AgencyName": instruction.agency_name,
        "ExpFuncCode": functional,
        "ExpFuncName": functional_names().get(functional, functional),
        "ExpEcoCode": economic,
        "ExpEcoName": economic_items()[economic].name if economic else "",
        "DepProCode": instruction.project_code,
        "DepProName": "",
    }


def _payee_elements(payee: Payee) -> dict[str, str]:
    return {
        "PayeeAcctNo": payee.account,
        "PayeeAcctName": payee.name,
        "PayeeAcctBankName": payee.bank_name,
        "PayeeAcctBankNo": payee.bank_code,
    }


def _references(instruction: Instruction) -> str:
    """Header Hold2: `EX=…;CT=…;AP=…;CR=…` (docs/formats.md); papers are in the details."""
    parts = []
    if instruction.exemption:
        parts.append(f"EX={_EXEMPTIONS[instruction.exemption]}")
    if instruction.contract_no:
        parts.append(f"CT={instruction.contract_no}")
    parts += [f"AP={number}" for number in instruction.approvals]
    if instruction.cash_reason:
        parts.append(f"CR={_CASH_REASONS[instruction.cash_reason]}")
    return ";".join(parts)


def _paper(document: Document) -> str:
    """Detail Hold2 of an organisation: `IV=…`; of other kinds the interface tells nothing."""
    return f"IV={document.number}" if document.kind == "invoice" else ""


def _voucher_id(instruction: Instruction) -> str:
    return f"{instruction.key.voucher_type}-{instruction.key.division}-{instruction.key.voucher_no}"


def _elements(texts: dict[str, str]) -> str:
    return "".join(_element(name, escape(text)) for name, text in texts.items())


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"
