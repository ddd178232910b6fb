"""Step 4a: the flat row of facts that policies speak of, from instruction, registers and limits."""

import datetime as dt
from collections import defaultdict

from gateway.domain.codes import (
    ApprovalKind,
    Element,
    Evidence,
    FilingKind,
    PayeeKind,
    Settlement,
)
from gateway.domain.facts import Facts
from gateway.domain.instruction import Instruction, Payee
from gateway.domain.masking import plain_name
from gateway.domain.money import Fen
from gateway.domain.parties import Parties
from gateway.domain.registers import Approval, Indicator, Registers

_DOCUMENTS = {kind.value: kind for kind in Evidence}
_CLAIMABLE = frozenset({Evidence.CONTRACT, Evidence.SERVICE_FILING})
"""Papers that count only as registered with the bureau, whatever an instruction attaches."""

_CASH = frozenset({Settlement.CASH, Settlement.CASH_CHEQUE})


def facts_of(
    instruction: Instruction,
    parties: Parties,
    registers: Registers,
    on: dt.date,
    indicator_available: int | None = None,
) -> Facts:
    """All facts of one instruction on one legal day.

    `indicator_available` is set once the ledger has refused the reservation: what was left, in fen.
    """
    payer, payee, indicator = parties.payer_account, parties.payee_account, parties.indicator
    people = _people(instruction)
    return Facts(
        division=instruction.key.division,
        fiscal_year=instruction.key.fiscal_year,
        voucher_type=instruction.key.voucher_type,
        voucher_age_days=(on - instruction.voucher_date).days,
        payment_method=instruction.payment_method,
        settlement=instruction.settlement,
        business_type=instruction.business_type,
        amount=instruction.amount_fen,
        agency_code=instruction.agency_code,
        agency_name=instruction.agency_name,
        payer_account=instruction.payer.account,
        payer_name=instruction.payer.name,
        payee_kind=instruction.payee.kind,
        payee_account=instruction.payee.account,
        payee_name=instruction.payee.name,
        fund_code=instruction.fund_code or None,
        functional_code=instruction.functional_code or None,
        dept_economic_code=instruction.dept_economic_code or None,
        gov_economic_code=instruction.gov_economic_code or None,
        project_code=instruction.project_code or None,
        purpose=instruction.purpose or None,
        exemption=instruction.exemption,
        cash_reason=instruction.cash_reason,
        contract_no=instruction.contract_no or None,
        missing_elements=_missing(instruction),
        cash_per_person_max=_cash_per_person_max(instruction),
        persons_unidentified=sum(p.person is None or not p.person.id_number for p in people),
        agency_registered=parties.agency is not None,
        agency_status=parties.agency.status if parties.agency else None,
        payer_registered=payer is not None,
        payer_class=payer.class_ if payer else None,
        payer_status=payer.status if payer else None,
        payer_in_force=payer is not None and _in_force(payer.valid_from, payer.valid_to, on),
        payer_owned_by_agency=payer is not None and payer.agency == instruction.agency_code,
        payee_account_class=payee.class_ if payee else None,
        payee_is_basic=payee is not None and payee.is_basic,
        payee_relation=parties.relation,
        payee_named_as_payer=_same_name(instruction.payee.name, instruction.payer.name),
        payee_class=registers.payee_classes.get(instruction.payee.account),
        persons_unfiled=sum(not _filed(p, registers) for p in people),
        indicator_exists=indicator is not None,
        indicator_executable=indicator is not None and indicator.executable,
        indicator_of_agency=indicator is not None and indicator.agency == instruction.agency_code,
        indicator_of_year=(
            indicator is not None and indicator.fiscal_year == instruction.key.fiscal_year
        ),
        indicator_mismatches=_mismatches(instruction, indicator) if indicator else frozenset(),
        indicator_carry_over=indicator.carry_over if indicator else None,
        indicator_expenditure=indicator.expenditure if indicator else None,
        evidence=_evidence(instruction, parties, registers),
        approvals=_approvals(instruction, parties, on),
        indicator_available=None if indicator_available is None else Fen(indicator_available),
        unavailable=registers.unavailable,
        on=on,
    )


def _missing(instruction: Instruction) -> frozenset[Element]:
    """Blank elements of Art. 9 among those that every format carries (JL-004)."""
    elements = (
        (Element.AGENCY, instruction.agency_code),
        (Element.PAYMENT_METHOD, instruction.payment_method),
        (Element.SETTLEMENT, instruction.settlement),
        (Element.PAYER_ACCOUNT, instruction.payer.account),
        (Element.PAYER_NAME, instruction.payer.name),
        (Element.PAYER_BANK, instruction.payer.bank_code),
        (Element.PAYEE_ACCOUNT, instruction.payee.account),
        (Element.PAYEE_NAME, instruction.payee.name),
        (Element.PAYEE_BANK, instruction.payee.bank_code or instruction.payee.bank_name),
        (Element.FUND_CODE, instruction.fund_code),
        (Element.FUNCTIONAL_CODE, instruction.functional_code),
        (Element.DEPT_ECONOMIC_CODE, instruction.dept_economic_code),
        (Element.PURPOSE, instruction.purpose),
    )
    return frozenset([name for name, value in elements if not value])


def _people(instruction: Instruction) -> list[Payee]:
    payees = [instruction.payee, *(detail.payee for detail in instruction.details)]
    return [payee for payee in payees if payee.kind is PayeeKind.PERSON]


def _filed(payee: Payee, registers: Registers) -> bool:
    """Filed under Art. 16: this person, under this name, with this account."""
    row = registers.persons.get(payee.person.id_number) if payee.person else None
    if row is None or not _same_name(row.name, payee.name):
        return False
    return payee.account in row.accounts or payee.account in row.official_cards


def _cash_per_person_max(instruction: Instruction) -> Fen | None:
    """The largest cash sum to one person in this instruction (Art. 13(2)1 item 7)."""
    if instruction.settlement not in _CASH:
        return None
    sums: dict[str, int] = defaultdict(int)
    for detail in instruction.details:
        if detail.payee.kind is PayeeKind.PERSON:
            sums[_who(detail.payee)] += detail.amount_fen
    if not instruction.details and instruction.payee.kind is PayeeKind.PERSON:
        sums[_who(instruction.payee)] = instruction.amount_fen
    return Fen(max(sums.values())) if sums else None


def _who(payee: Payee) -> str:
    return payee.person.id_number if payee.person else payee.account or payee.name


def _same_name(one: str, other: str) -> bool:
    return bool(one) and plain_name(one) == plain_name(other)


def _in_force(start: dt.date, end: dt.date | None, on: dt.date) -> bool:
    return start <= on and (end is None or on <= end)


def _mismatches(instruction: Instruction, indicator: Indicator) -> frozenset[Element]:
    """Codes of the instruction that are neither the indicator's nor below it (Art. 14, 15).

    Codes are hierarchical: 30213 lies below 302. A code that the format does not carry is not
    compared; that it is missing is JL-004's business.
    """
    pairs = (
        (Element.FUND_CODE, instruction.fund_code, indicator.fund_code),
        (Element.FUNCTIONAL_CODE, instruction.functional_code, indicator.functional_code),
        (Element.DEPT_ECONOMIC_CODE, instruction.dept_economic_code, indicator.dept_economic_code),
        (Element.GOV_ECONOMIC_CODE, instruction.gov_economic_code, indicator.gov_economic_code),
        (Element.PROJECT_CODE, instruction.project_code, indicator.project_code),
    )
    return frozenset([name for name, said, law in pairs if said and not said.startswith(law)])


def _evidence(
    instruction: Instruction, parties: Parties, registers: Registers
) -> frozenset[Evidence]:
    """Papers attached by reference, and those that only the bureau's registers can prove."""
    papers = {_DOCUMENTS[d.kind] for d in instruction.documents if d.kind in _DOCUMENTS}
    papers -= _CLAIMABLE
    contract = parties.contract
    if contract and contract.agency == instruction.agency_code:
        left = contract.amount_fen - contract.paid_fen
        if contract.account == instruction.payee.account and instruction.amount_fen <= left:
            papers.add(Evidence.CONTRACT)
    if instruction.exemption and any(
        filing.kind is FilingKind.SERVICE_PURCHASE
        and filing.agency == instruction.agency_code
        and (
            (filing.contract_no and filing.contract_no == instruction.contract_no)
            or (filing.project_code and filing.project_code == instruction.project_code)
        )
        for filing in registers.filings.values()
    ):
        papers.add(Evidence.SERVICE_FILING)
    return frozenset(papers)


def _approvals(instruction: Instruction, parties: Parties, on: dt.date) -> frozenset[ApprovalKind]:
    return frozenset([a.kind for a in parties.approvals if _applies(a, instruction, on)])


def _applies(approval: Approval, instruction: Instruction, on: dt.date) -> bool:
    """An approval stands for this payment only: its agency, payee, item, time and remainder."""
    return (
        approval.agency == instruction.agency_code
        and approval.payee_account in (None, "", instruction.payee.account)
        and instruction.dept_economic_code.startswith(approval.dept_economic_code or "")
        and _in_force(approval.valid_from, approval.valid_to, on)
        and instruction.amount_fen <= approval.amount_fen - approval.used_fen
    )
