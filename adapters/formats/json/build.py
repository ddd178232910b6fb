"""From the decoded JSON structs to the domain's `Instruction`: the fast path's second half."""

from msgspec import UnsetType

from adapters.formats.json.rules import METHOD_OF
from adapters.formats.json.shape import (
    DetailWire,
    DocumentWire,
    InstructionWire,
    ItemWire,
    PayeeWire,
    PersonWire,
)
from gateway.domain.codes import (
    BusinessType,
    CashReason,
    Exemption,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.instruction import (
    Detail,
    Document,
    Instruction,
    InstructionKey,
    Item,
    Payee,
    Payer,
    Person,
)
from gateway.domain.money import Fen, fen

_METHODS = {member.value: member for member in PaymentMethod}
_SETTLEMENTS = {member.value: member for member in Settlement}
_BUSINESS_TYPES = {member.value: member for member in BusinessType}
_EXEMPTIONS = {member.value: member for member in Exemption}
_CASH_REASONS = {member.value: member for member in CashReason}
_NO_PAYER = Payer(account="", name="")
_NO_PAYEE = Payee(kind=PayeeKind.ORGANISATION, account="", name="")
"""Stands where no payee was named: blank, so policy JL-004 refuses it."""


class Contradiction(ValueError):
    """The fields do not agree; the slow path says how."""


def instruction_of(wire: InstructionWire) -> Instruction:
    """Build the instruction. Raises ValueError if the rules between fields do not hold."""
    agency, payer = wire.agency, wire.payer
    amount = _positive(wire.amount)
    business_type = _BUSINESS_TYPES.get(wire.business_type or "single", BusinessType.SINGLE)
    method = _METHODS.get(wire.payment_method or "")
    meant = METHOD_OF.get(wire.voucher_type)
    if meant is None or (method is not None and method != meant):
        raise Contradiction
    return Instruction(
        key=InstructionKey(
            division=wire.division,
            fiscal_year=wire.fiscal_year,
            voucher_type=wire.voucher_type,
            voucher_no=wire.voucher_no,
        ),
        voucher_date=wire.voucher_date,
        agency_code=(agency.code or "") if agency else "",
        agency_name=(agency.name or "") if agency else "",
        payment_method=method,
        settlement=_SETTLEMENTS.get(wire.settlement or ""),
        business_type=business_type,
        amount_fen=amount,
        payer=Payer(
            account=payer.account or "", name=payer.name or "", bank_code=payer.bank_code or ""
        )
        if payer
        else _NO_PAYER,
        payee=_payee(wire.payee) if wire.payee else _NO_PAYEE,
        indicator_id=wire.indicator_id or "",
        fund_code=wire.fund_code or "",
        functional_code=wire.functional_code or "",
        dept_economic_code=wire.dept_economic_code or "",
        gov_economic_code=wire.gov_economic_code or "",
        project_code=wire.project_code or "",
        purpose=wire.purpose or "",
        exemption=_EXEMPTIONS.get(wire.exemption or ""),
        cash_reason=_CASH_REASONS.get(wire.cash_reason or ""),
        approvals=tuple(wire.approvals) if wire.approvals else (),
        contract_no=wire.contract_no or "",
        documents=tuple(map(_document, wire.documents)) if wire.documents else (),
        items=tuple(map(_item, wire.items)) if wire.items else (),
        details=_details(wire.details, amount, business_type) if wire.details else (),
    )


def _positive(text: str) -> Fen:
    amount = fen(text)
    if amount == 0:
        raise Contradiction
    return amount


def _payee(wire: PayeeWire) -> Payee:
    person = wire.person
    if person and wire.kind is PayeeKind.ORGANISATION:
        raise Contradiction
    return Payee(
        kind=wire.kind,
        account=wire.account or "",
        name=wire.name or "",
        bank_code=wire.bank_code or "",
        bank_name=wire.bank_name or "",
        person=_person(person) if person else None,
    )


def _person(wire: PersonWire) -> Person:
    return Person(
        id_number=wire.id_number or "",
        employer=wire.employer or "",
        position=wire.position or "",
        title=wire.title or "",
    )


def _document(wire: DocumentWire) -> Document:
    return Document(kind=wire.kind, number=wire.number or "", sha256=wire.sha256 or "")


def _item(wire: ItemWire) -> Item:
    return Item(
        kind=wire.kind,
        class_=wire.class_ or "",
        persons=_known(wire.persons),
        days=_known(wire.days),
        hours=_known(wire.hours),
        guests=_known(wire.guests),
        companions=_known(wire.companions),
        unit_price_fen=fen(wire.unit_price) if wire.unit_price else None,
        reference=wire.reference or "",
    )


def _known(count: int | UnsetType | None) -> int | None:
    return None if isinstance(count, UnsetType) else count


def _details(
    rows: list[DetailWire], amount: Fen, business_type: BusinessType
) -> tuple[Detail, ...]:
    details = tuple(
        Detail(
            id=row.id,
            payee=_payee(row.payee),
            amount_fen=_positive(row.amount),
            purpose=row.purpose or "",
        )
        for row in rows
    )
    if (
        business_type is BusinessType.SINGLE
        or sum(detail.amount_fen for detail in details) != amount
        or len({detail.id for detail in details}) != len(details)
    ):
        raise Contradiction
    return details
