"""Step 4a: the flat row of facts that policies speak of, from instruction, registers and limits."""

import datetime as dt
import hashlib
from collections.abc import Collection

from gateway.domain.codes import Element, Number, PayeeClass, PayeeKind
from gateway.domain.facts import Facts, changed
from gateway.domain.folding import bare
from gateway.domain.identifiers import bank_code_sound
from gateway.domain.instruction import Instruction, batch_main_of, level_of
from gateway.domain.limits import frozen_of
from gateway.domain.masking import as_read, plain_account
from gateway.domain.money import Fen
from gateway.domain.parties import Parties
from gateway.domain.registers import Account, Indicator, Registers
from gateway.domain.workdays import is_workday, workdays_since
from gateway.pipeline.papers import (
    approvals_of,
    contract_matches,
    contract_remaining,
    evidence_of,
    rules_filed,
)
from gateway.pipeline.people import CASH, NOBODY, People, is_person, people_of
from gateway.pipeline.standards import (
    THREE_PUBLIC,
    Standard,
    standard_of,
    three_public_remaining,
)

_NO_ELEMENTS: frozenset[Element] = frozenset()
_NO_NUMBERS: frozenset[Number] = frozenset()
_HUNDRED_YUAN_FEN = 10_000
_REMARK = "；附言："


def facts_of(
    instruction: Instruction,
    parties: Parties,
    registers: Registers,
    on: dt.date,
    minute: int | None = None,
    is_detail: bool = False,
) -> Facts:
    """All facts of one instruction on one legal day.

    `minute` is the minute of the legal day (0-1439); without it working hours are not judged.
    """
    key, payer_said, payee_said = instruction.key, instruction.payer, instruction.payee
    agency, payer, payee = parties.agency, parties.payer_account, parties.payee_account
    indicator, contract = parties.indicator, parties.contract
    mismatches = _mismatches(instruction, indicator) if indicator else _NO_ELEMENTS
    people = people_of(instruction, registers, on, parties.personal)
    of_person = is_person(payee_said, registers, parties.personal)
    purpose = _said_of_it(instruction)
    said = bare(purpose.replace(_REMARK, "") if instruction.remarks else purpose)
    projects = _projects(instruction, indicator)
    three_public = THREE_PUBLIC.get(instruction.dept_economic_code)
    facts = Facts(
        key.division, key.fiscal_year, key.voucher_type, (on - instruction.voucher_date).days,
        instruction.payment_method, instruction.settlement, instruction.business_type,
        instruction.amount_fen, instruction.agency_code, instruction.agency_name,
        payer_said.account, payer_said.name,
        PayeeKind.PERSON if of_person else PayeeKind.ORGANISATION,
        payee_said.account, as_read(payee_said.name),
        instruction.fund_code or None, instruction.functional_code or None,
        instruction.dept_economic_code or None, instruction.gov_economic_code or None,
        _project(instruction, indicator) or None, purpose or None,
        instruction.exemption, instruction.cash_reason, instruction.contract_no or None,
        missing_elements=_missing(instruction),
        batch_main=batch_main_of(instruction),
        batch_paid=_batch_paid(instruction) if instruction.details else None,
        project_item_allowed=_item_allowed(instruction, projects, registers),
        allowance_standard=_allowance_standard(instruction, registers),
        is_detail=is_detail,
        cash_per_person_max=people.cash_max,
        persons_unidentified=people.unidentified,
        purpose_bare=said or None,
        purpose_length=len(said),
        amount_is_hundreds=instruction.amount_fen % _HUNDRED_YUAN_FEN == 0,
        functional_code_length=len(instruction.functional_code),
        indicator_id=instruction.indicator_id,
        division_level=level_of(key.division),
        numbers_invalid=_invalid_numbers(instruction, people),
        three_public_category=three_public,
        year=on.year,
        month=on.month,
        minute=minute,
        is_workday=is_workday(on, registers.calendar),
        agency_registered=agency is not None,
        agency_status=agency.status if agency else None,
        agency_status_basis=agency.status_basis if agency else None,
        agency_kind=agency.kind if agency else None,
        payer_registered=payer is not None,
        payer_class=payer.class_ if payer else None,
        payer_status=payer.status if payer else None,
        payer_in_force=payer is not None and _in_force(payer.valid_from, payer.valid_to, on),
        payer_owned_by_agency=payer is not None and payer.agency == instruction.agency_code,
        payer_change_notice_workdays=_notice_age(payer, registers, on) if payer else None,
        payee_account_class=payee.class_ if payee else None,
        payee_is_basic=payee is not None and payee.is_basic,
        payee_status=payee.status if payee else None,
        payee_blacklisted=_blacklisted(instruction, registers),
        payee_designated=registers.is_designated(payee_said.account, payee_said.name),
        payee_relation=parties.relation,
        payee_named_as_payer=parties.own_name,
        payee_class=_class_paid(instruction, registers),
        payee_filed_person=payee_said.account in parties.personal
        or bare(payee_said.name) in registers.index.person_names,
        persons_unfiled=people.unfiled,
        indicator_exists=indicator is not None,
        indicator_executable=indicator is not None and indicator.executable,
        indicator_of_agency=indicator is not None and indicator.agency == instruction.agency_code,
        indicator_of_year=indicator is not None and indicator.fiscal_year == key.fiscal_year,
        indicator_mismatches=mismatches,
        indicator_differences=(
            _differences(instruction, indicator, mismatches) if mismatches else ""
        ),
        indicator_carry_over=indicator.carry_over if indicator else None,
        indicator_expenditure=indicator.expenditure if indicator else None,
        indicator_granted=indicator.granted_fen if indicator else None,
        indicator_posted=indicator.posted_fen if indicator else None,
        indicator_frozen=frozen_of(indicator) if indicator else None,
        contract_registered=contract is not None,
        contract_payee_matches=contract_matches(instruction, contract),
        contract_remaining=contract_remaining(contract),
        project_rules_filed=rules_filed(instruction.agency_code, projects, registers),
        three_public_remaining=(
            three_public_remaining(
                three_public, instruction.agency_code, key.fiscal_year, registers
            )
            if three_public
            else None
        ),
        evidence=evidence_of(instruction, contract, registers),
        approvals=approvals_of(instruction, parties.approvals, on),
        indicator_available=None,  # what was left, once the ledger has refused (`short_of`)
        unavailable=registers.unavailable,
        on=on,
    )  # fmt: skip
    if people is not NOBODY:
        facts = _of_persons(facts, people)
    return _of_items(facts, standard_of(instruction.items)) if instruction.items else facts


def _of_persons(facts: Facts, people: People) -> Facts:
    return changed(
        facts,
        persons_count=people.count,
        payee_person=people.paid,
        person_amount_max=people.amount_max,
        persons_off_card=people.off_card,
        persons_ids_malformed=people.ids_malformed,
        persons_ids_mischecked=people.ids_mischecked,
        cards_unregistered=people.cards_unregistered,
        cards_of_others=people.cards_of_others,
    )


def _of_items(facts: Facts, items: Standard) -> Facts:
    return changed(
        facts,
        items_count=items.count,
        items_alike=items.alike,
        item_kind=items.kind,
        item_class=items.class_,
        item_persons=items.persons,
        item_days=items.days,
        item_units=items.units,
        item_guests=items.guests,
        item_companions=items.companions,
        item_unit_price=items.unit_price,
        item_priced_total=items.priced_total,
        item_reference=items.reference,
    )


def _said_of_it(instruction: Instruction) -> str:
    """The purpose, and what the details of a single payment say beside it: words are looked for in
    both. A word of ours stands between, or the end of one and the start of the next made one."""
    said = as_read(instruction.purpose)
    if not instruction.remarks:
        return said
    known = bare(said)
    more = {bare(each): as_read(each) for each in instruction.remarks if bare(each) not in known}
    return _REMARK.join(filter(None, (said, *more.values())))


def _batch_paid(instruction: Instruction) -> str:
    """Whoever sends the same details in another order sends the same batch."""
    rows = sorted(f"{plain_account(d.payee.account)}/{d.amount_fen}" for d in instruction.details)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:32]


def _project(instruction: Instruction, indicator: Indicator | None) -> str:
    """The indicator's where the instruction says none or one below it: to leave it out, or to write
    more of it, evades no rule on the project (Art. 10(3)17, 17)."""
    said, due = instruction.project_code, indicator.project_code if indicator else ""
    return due if not said or (due and said.startswith(due)) else said


def _projects(instruction: Instruction, indicator: Indicator | None) -> tuple[str, ...]:
    """As the instruction calls it, and as the indicator does."""
    said, due = instruction.project_code, indicator.project_code if indicator else ""
    if said and due and said != due:
        return said, due
    return (said or due,) if said or due else ()


def _class_paid(instruction: Instruction, registers: Registers) -> PayeeClass | None:
    """Of a voucher with details the one that all of them are of, since its head is not paid; where
    they have none in common, the head's: a payroll account's batch pays persons. Each detail is
    judged by its own."""
    classes = {registers.class_of(each.payee.account) for each in instruction.details}
    common = classes.pop() if len(classes) == 1 else None
    return common or registers.class_of(instruction.payee.account)


def _item_allowed(
    instruction: Instruction, projects: Collection[str], registers: Registers
) -> bool | None:
    """None where the bureau has filed no list for the project, or no code is stated."""
    if not registers.project_items:
        return None
    lists = [registers.project_items[each] for each in projects if each in registers.project_items]
    code = instruction.dept_economic_code
    if not lists or not code:
        return None
    return all(any(code.startswith(item) for item in listed) for listed in lists)


def _allowance_standard(instruction: Instruction, registers: Registers) -> Fen | None:
    """The agency's own, else the one for all; an own standard of nothing is one too."""
    standards, code = registers.allowance_standards, instruction.dept_economic_code
    own = standards.get((instruction.agency_code, code))
    return standards.get(("", code)) if own is None else own


def _missing(instruction: Instruction) -> frozenset[Element]:
    """Blank elements of Art. 9 among those that every format carries (JL-004). A name or purpose of
    signs alone says nothing, nor does such an account but where cash is drawn."""
    payer, payee = instruction.payer, instruction.payee
    if instruction.details and not (payee.account or payee.name):
        payee = instruction.details[0].payee  # each detail's own is judged by itself
    bank = payee.bank_code or payee.bank_name
    account = payee.account.isalnum() or (
        bool(payee.account) if instruction.settlement in CASH else _said(payee.account)
    )
    if (
        instruction.agency_code and instruction.payment_method and instruction.settlement
        and payer.account and (payer.name.isalnum() or _said(payer.name)) and payer.bank_code
        and account and (payee.name.isalnum() or _said(payee.name)) and bank
        and instruction.fund_code and instruction.functional_code
        and instruction.dept_economic_code
        and (instruction.purpose.isalnum() or _said(instruction.purpose))
    ):  # fmt: skip
        return _NO_ELEMENTS
    elements = (
        (Element.AGENCY, instruction.agency_code),
        (Element.PAYMENT_METHOD, instruction.payment_method),
        (Element.SETTLEMENT, instruction.settlement),
        (Element.PAYER_ACCOUNT, payer.account),
        (Element.PAYER_NAME, _said(payer.name)),
        (Element.PAYER_BANK, payer.bank_code),
        (Element.PAYEE_ACCOUNT, account),
        (Element.PAYEE_NAME, _said(payee.name)),
        (Element.PAYEE_BANK, bank),
        (Element.FUND_CODE, instruction.fund_code),
        (Element.FUNCTIONAL_CODE, instruction.functional_code),
        (Element.DEPT_ECONOMIC_CODE, instruction.dept_economic_code),
        (Element.PURPOSE, _said(instruction.purpose)),
    )
    return frozenset([name for name, value in elements if not value])


def _said(text: str) -> bool:
    """Whether it has a letter or a digit."""
    return any(map(str.isalnum, text))


def _invalid_numbers(instruction: Instruction, people: People) -> frozenset[Number]:
    """Bank codes that are there and fail their check digit; cards of persons not filed."""
    payer, payee = instruction.payer.bank_code, instruction.payee.bank_code
    wrong_payer = payer and not bank_code_sound(payer)
    wrong_payee = payee and not bank_code_sound(payee)
    others = (detail.payee.bank_code for detail in instruction.details)
    wrong_payee = wrong_payee or any(code and not bank_code_sound(code) for code in others)
    if not (wrong_payer or wrong_payee or people.cards_unsound):
        return _NO_NUMBERS
    told = (
        (Number.PAYER_BANK, wrong_payer),
        (Number.PAYEE_BANK, wrong_payee),
        (Number.BANK_CARD, people.cards_unsound),
    )
    return frozenset([number for number, wrong in told if wrong])


def _notice_age(payer: Account, registers: Registers, on: dt.date) -> int | None:
    """Working days since the account changed, the day of the change left out (Art. 13(1))."""
    changed = payer.change_notice_date
    return None if changed is None else workdays_since(changed, on, registers.calendar)


def _blacklisted(instruction: Instruction, registers: Registers) -> bool:
    if not registers.blacklist_accounts:
        return False
    return registers.is_barred(instruction.payee.account) or any(
        registers.is_barred(detail.payee.account) for detail in instruction.details
    )


def _in_force(start: dt.date, end: dt.date | None, on: dt.date) -> bool:
    return start <= on and (end is None or on <= end)


def _mismatches(instruction: Instruction, indicator: Indicator) -> frozenset[Element]:
    """Codes of the instruction that are neither the indicator's nor below it (Art. 14, 15).

    Codes are hierarchical: 30213 lies below 302. A code that the format does not carry is not
    compared; that it is missing is JL-004's business.
    """
    if (
        instruction.fund_code == indicator.fund_code
        and instruction.functional_code == indicator.functional_code
        and instruction.dept_economic_code == indicator.dept_economic_code
        and instruction.gov_economic_code == indicator.gov_economic_code
        and instruction.project_code == indicator.project_code
    ):
        return _NO_ELEMENTS
    pairs = _pairs(instruction, indicator)
    found = [name for name, said, law in pairs if said and said != law and not said.startswith(law)]
    return frozenset(found) if found else _NO_ELEMENTS


def _differences(
    instruction: Instruction, indicator: Indicator | None, mismatches: frozenset[Element]
) -> str:
    """`30213≠30201、…` in the order in which the elements are named: what was said, what is due."""
    pairs = _pairs(instruction, indicator) if indicator else ()
    return "、".join(f"{said}≠{law}" for name, said, law in pairs if name in mismatches)


def _pairs(
    instruction: Instruction, indicator: Indicator
) -> tuple[tuple[Element, str | None, str], ...]:
    return (
        (Element.FUND_CODE, instruction.fund_code, indicator.fund_code),
        (Element.FUNCTIONAL_CODE, instruction.functional_code, indicator.functional_code),
        (Element.DEPT_ECONOMIC_CODE, instruction.dept_economic_code, indicator.dept_economic_code),
        (Element.GOV_ECONOMIC_CODE, instruction.gov_economic_code, indicator.gov_economic_code),
        (Element.PROJECT_CODE, instruction.project_code, indicator.project_code),
    )
