"""Writes an instruction in the canonical JSON form: what a sender's system does (demo, tests)."""

from typing import Any

import orjson

from gateway.domain.instruction import Instruction, Item, Payee
from gateway.domain.money import yuan


def instruction_json(instruction: Instruction) -> bytes:
    """The bytes of `contract/instruction.json`'s form; parsing them gives the instruction back."""
    key, payer = instruction.key, instruction.payer
    return orjson.dumps(
        {
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
            "payer": {"account": payer.account, "name": payer.name, "bank_code": payer.bank_code},
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
            "contract_no": instruction.contract_no,
            "documents": [
                {"kind": paper.kind, "number": paper.number, "sha256": paper.sha256}
                for paper in instruction.documents
            ],
            "items": [_item(item) for item in instruction.items],
            "details": [
                {
                    "id": detail.id,
                    "payee": _payee(detail.payee),
                    "amount": yuan(detail.amount_fen),
                    "purpose": detail.purpose,
                }
                for detail in instruction.details
            ],
        }
    )


def _payee(payee: Payee) -> dict[str, Any]:
    person = payee.person
    return {
        "kind": payee.kind,
        "account": payee.account,
        "name": payee.name,
        "bank_code": payee.bank_code,
        "bank_name": payee.bank_name,
        "person": person
        and {
            "id_number": person.id_number,
            "employer": person.employer,
            "position": person.position,
            "title": person.title,
        },
    }


def _item(item: Item) -> dict[str, Any]:
    price = item.unit_price_fen
    return {
        "kind": item.kind,
        "class": item.class_,
        "persons": item.persons,
        "days": item.days,
        "hours": item.hours,
        "guests": item.guests,
        "companions": item.companions,
        "unit_price": None if price is None else yuan(price),
        "reference": item.reference,
    }
