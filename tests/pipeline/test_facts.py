"""Facts are what policies see; each must be exactly what the instruction and the registers say."""

import datetime as dt
from typing import Any

import attrs
import msgspec
import pytest
from msgspec.structs import replace

from gateway.domain.codes import (
    AccountClass,
    ApprovalKind,
    CashReason,
    Element,
    Evidence,
    Exemption,
    FilingKind,
    PayeeKind,
    Register,
    Relation,
    Settlement,
    ThreePublicCategory,
)
from gateway.domain.facts import Facts, Said
from gateway.domain.instruction import Detail, Document, Instruction, Payee, Person
from gateway.domain.money import Fen
from gateway.domain.registers import (
    Approval,
    Contract,
    FiledPerson,
    Filing,
    Registers,
    ThreePublicBudget,
)
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify
from tests.pipeline.fakes import (
    BASIC,
    INDICATOR,
    SUPPLIER,
    ZERO_BALANCE,
    account,
    instruction,
    registers,
)

TODAY = dt.date(2026, 3, 2)
ID = "220104198506152036"


def facts(order: Instruction, shelf: Registers | None = None) -> Facts:
    shelf = shelf or registers()
    return facts_of(order, identify(order, shelf), shelf, TODAY)


def person(account: str = "622", name: str = "李某", id_number: str = ID) -> Payee:
    return Payee(
        kind=PayeeKind.PERSON, account=account, name=name, person=Person(id_number=id_number)
    )


def test_an_ordinary_payment_has_nothing_missing_and_matches_its_indicator() -> None:
    seen = facts(instruction())
    assert seen.missing_elements == frozenset()
    assert seen.indicator_mismatches == frozenset()
    assert seen.payer_class is AccountClass.ZERO_BALANCE
    assert seen.payee_relation is Relation.UNREGISTERED
    assert seen.indicator_available is None


def test_what_is_filled_by_place_stands_under_its_own_name() -> None:
    order = instruction(exemption=Exemption.STUDENT_AID, cash_reason=CashReason.WELFARE,
                        contract_no="HT-1", voucher_date=dt.date(2026, 2, 23))  # fmt: skip
    seen, key = facts(order), order.key
    parts = {"payer": order.payer, "payee": order.payee}
    whole = parts | {"division": key, "fiscal": key, "voucher": key}
    assert seen.voucher_age_days == 7
    for name in sorted(set(Said.__struct_fields__) - {"voucher_age_days"}):
        first, _, rest = name.partition("_")
        said = whole.get(first, order)
        field = {"amount": "amount_fen"}.get(name, rest if first in parts else name)
        assert getattr(seen, name) == getattr(said, field), name


def test_every_blank_element_is_named() -> None:
    blank = instruction(purpose="", dept_economic_code="", settlement=None, fund_code="")
    assert facts(blank).missing_elements == {
        Element.PURPOSE,
        Element.DEPT_ECONOMIC_CODE,
        Element.SETTLEMENT,
        Element.FUND_CODE,
    }


NEVER_MISSED = {Element.GOV_ECONOMIC_CODE, Element.PROJECT_CODE}
"""Not every format carries them."""


@pytest.mark.parametrize("element", sorted(set(Element) - {Element.FISCAL_YEAR}))
def test_one_blank_element_alone_is_named(element: Element) -> None:
    order, blank = instruction(), {"payment_method": None, "settlement": None}.get(element, "")
    side, _, rest = element.partition("_")
    if side in ("payer", "payee"):
        field = "bank_code" if rest == "bank" else rest
        order = replace(order, **{side: replace(getattr(order, side), **{field: blank})})
    else:
        order = replace(order, **{"agency_code" if side == "agency" else element: blank})
    assert facts(order).missing_elements == {element} - NEVER_MISSED


def test_a_payees_bank_may_be_told_by_name_alone() -> None:
    order = instruction()
    order = replace(order, payee=replace(order.payee, bank_code="", bank_name="建设银行"))
    assert facts(order).missing_elements == frozenset()


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("fund_code", "112"), ("functional_code", "2010302"), ("dept_economic_code", "30201"),
        ("gov_economic_code", "50201"), ("project_code", "220000260000000000002"),
    ],
)  # fmt: skip
def test_one_code_that_is_not_the_indicators_is_told_alone(field: str, said: str) -> None:
    seen, due = facts(instruction(**{field: said})), getattr(instruction(), field)
    assert seen.indicator_mismatches == {Element(field)}
    assert seen.indicator_differences == f"{said}≠{due}"
    above = facts(instruction(**{field: due[:-1]}))
    assert above.indicator_mismatches == {Element(field)}, "a class is not one of its items"
    blank = facts(instruction(**{field: ""}))
    assert blank.indicator_mismatches == frozenset(), "what is not said differs from nothing"


def test_a_code_below_the_indicators_code_matches_and_another_does_not() -> None:
    broad = registers()
    row = msgspec.structs.replace(next(iter(broad.indicators.values())), dept_economic_code="302")
    broad = attrs.evolve(broad, indicators={row.id: row})
    assert facts(instruction(), broad).indicator_mismatches == frozenset()
    assert facts(instruction(), broad).indicator_differences == ""
    seen = facts(instruction(dept_economic_code="31002", fund_code="112"), broad)
    assert seen.indicator_mismatches == {Element.DEPT_ECONOMIC_CODE, Element.FUND_CODE}
    assert seen.indicator_differences == f"112≠{row.fund_code}、31002≠302"


@pytest.mark.parametrize(
    ("owner", "relation"),
    [
        ("101001", Relation.OWN),
        ("101", Relation.SUPERIOR),
        ("101003", Relation.SUBORDINATE),
        ("101002", Relation.OTHER_AGENCY),
    ],
)
def test_the_payees_owner_stands_in_one_relation_to_the_payer(
    owner: str, relation: Relation
) -> None:
    shelf = registers()
    shelf = attrs.evolve(
        shelf, accounts={**shelf.accounts, "R1": account("R1", owner, AccountClass.REAL_FUND)}
    )
    order = instruction()
    order = replace(order, payee=replace(order.payee, account="R1"))
    assert facts(order, shelf).payee_relation is relation


def test_a_circle_of_agencies_above_one_another_has_an_end() -> None:
    shelf = registers()
    rows = {**shelf.agencies, "101": replace(shelf.agencies["101"], parent="101003")}
    shelf = attrs.evolve(shelf, agencies=rows)
    assert shelf.superiors("101001") == ("101", "101003", "101001")
    assert shelf.superiors("101002") == ("101", "101003", "101001")


@pytest.mark.parametrize("name", ["吉林省示例厅", " 吉林省 示例厅 ", "吉林省（示例厅）"])
def test_the_same_name_is_seen_through_spaces_and_brackets(name: str) -> None:
    order = instruction()
    order = replace(order, payee=replace(order.payee, name=name))
    assert facts(order).payee_named_as_payer


def test_a_person_counts_as_filed_only_with_name_and_account() -> None:
    filed = FiledPerson(
        id_number=ID,
        name="李某",
        employer="院",
        position="员",
        title="",
        accounts=("622",),
        official_cards=(),
    )
    shelf = attrs.evolve(registers(), persons={ID: filed})
    assert facts(instruction(payee=person()), shelf).persons_unfiled == 0
    assert facts(instruction(payee=person(account="623")), shelf).persons_unfiled == 1
    assert facts(instruction(payee=person(name="王某")), shelf).persons_unfiled == 1
    assert facts(instruction(payee=person(id_number="x")), shelf).persons_unfiled == 1


def test_cash_to_one_person_is_added_up_over_the_details() -> None:
    details = tuple(
        Detail(id=str(n), payee=person(), amount_fen=Fen(60_000), purpose="") for n in range(2)
    )
    order = instruction(amount=120_000, settlement=Settlement.CASH, details=details)
    assert facts(order).cash_per_person_max == 120_000
    assert facts(replace(order, settlement=Settlement.TRANSFER)).cash_per_person_max is None


def test_contract_and_filing_count_only_as_registered() -> None:
    order = instruction(
        exemption=Exemption.SERVICE_PURCHASE,
        contract_no="HT-1",
        documents=(
            Document(kind="contract", number="1"),
            Document(kind="service_filing", number="2"),
            Document(kind="invoice", number="3"),
        ),
    )
    assert facts(order).evidence == {Evidence.INVOICE}
    shelf = attrs.evolve(
        registers(),
        contracts={
            "HT-1": Contract(
                contract_no="HT-1",
                agency="101001",
                supplier="x",
                account=order.payee.account,
                amount_fen=Fen(30_000),
                paid_fen=Fen(0),
                filing_no=None,
            )
        },
        filings={
            "F1": Filing(
                filing_no="F1",
                kind=FilingKind.SERVICE_PURCHASE,
                agency="101001",
                project_code=None,
                contract_no="HT-1",
                date=TODAY,
            )
        },
    )
    assert facts(order, shelf).evidence == {
        Evidence.INVOICE,
        Evidence.CONTRACT,
        Evidence.SERVICE_FILING,
    }
    assert Evidence.CONTRACT not in facts(replace(order, amount_fen=Fen(30_001)), shelf).evidence


def test_an_approval_counts_only_for_its_payee_item_time_and_remainder() -> None:
    approval = Approval(
        approval_no="SP-1",
        kind=ApprovalKind.OTHER_TRANSFER,
        agency="101001",
        payee_account=BASIC,
        dept_economic_code="302",
        amount_fen=Fen(50_000),
        used_fen=Fen(20_000),
        valid_from=dt.date(2026, 1, 1),
        valid_to=TODAY,
        document="",
    )
    shelf = attrs.evolve(registers(), approvals={"SP-1": approval})
    order = instruction(amount=30_000, approvals=("SP-1", "unknown"))
    order = replace(order, payee=replace(order.payee, account=BASIC))
    assert facts(order, shelf).approvals == {ApprovalKind.OTHER_TRANSFER}
    for other in (
        replace(order, amount_fen=Fen(30_001)),
        replace(order, dept_economic_code="31002"),
        replace(order, agency_code="101002"),
        replace(order, payee=replace(order.payee, account=ZERO_BALANCE)),
    ):
        assert facts(other, shelf).approvals == frozenset()


DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("register", "key", "changes", "fact", "value"),
    [
        ("accounts", ZERO_BALANCE, {"valid_from": TODAY}, "payer_in_force", True),
        ("accounts", ZERO_BALANCE, {"valid_from": TODAY + DAY}, "payer_in_force", False),
        ("accounts", ZERO_BALANCE, {"valid_to": TODAY}, "payer_in_force", True),
        ("accounts", ZERO_BALANCE, {"valid_to": TODAY - DAY}, "payer_in_force", False),
        ("accounts", ZERO_BALANCE, {}, "payer_owned_by_agency", True),
        ("accounts", ZERO_BALANCE, {"agency": "101002"}, "payer_owned_by_agency", False),
        ("accounts", SUPPLIER, {}, "payee_is_basic", True),
        ("accounts", SUPPLIER, {"is_basic": False}, "payee_is_basic", False),
        ("indicators", INDICATOR, {}, "indicator_executable", True),
        ("indicators", INDICATOR, {"executable": False}, "indicator_executable", False),
        ("indicators", INDICATOR, {}, "indicator_of_agency", True),
        ("indicators", INDICATOR, {"agency": "101002"}, "indicator_of_agency", False),
        ("indicators", INDICATOR, {}, "indicator_of_year", True),
        ("indicators", INDICATOR, {"fiscal_year": 2025}, "indicator_of_year", False),
    ],
)
def test_what_a_row_says_of_payer_payee_and_indicator_is_told_as_it_stands(
    register: str, key: str, changes: dict[str, Any], fact: str, value: bool
) -> None:
    shelf, order = registers(), instruction()
    paid = account(SUPPLIER, "101002", AccountClass.REAL_FUND)
    shelf = attrs.evolve(shelf, accounts={**shelf.accounts, SUPPLIER: paid})
    rows = getattr(shelf, register)
    shelf = attrs.evolve(shelf, **{register: {**rows, key: replace(rows[key], **changes)}})
    assert getattr(facts(order, shelf), fact) is value


def test_last_years_money_is_last_years_whenever_it_is_paid() -> None:
    """A voucher of 2025 that comes in March 2026: its indicator and budget are those of 2025."""
    shelf, order = registers(), instruction(dept_economic_code="30217")
    order = replace(order, key=replace(order.key, fiscal_year=2025))
    row = replace(shelf.indicators[INDICATOR], fiscal_year=2025)
    budgets = tuple(
        ThreePublicBudget(agency="101001", fiscal_year=year, amount_fen=Fen(amount),
                          category=ThreePublicCategory.RECEPTION, posted_fen=Fen(0))
        for year, amount in ((2025, 1_000), (2026, 2_000))
    )  # fmt: skip
    shelf = attrs.evolve(shelf, indicators={row.id: row}, three_public_budgets=budgets)
    seen = facts(order, shelf)
    assert (seen.year, seen.fiscal_year, seen.indicator_of_year) == (2026, 2025, True)
    assert seen.three_public_remaining == 1_000


def test_a_register_that_cannot_be_consulted_is_told_to_the_policies() -> None:
    shelf = attrs.evolve(registers(), unavailable=frozenset({Register.PERSONS}))
    assert facts(instruction(), shelf).unavailable == {Register.PERSONS}
