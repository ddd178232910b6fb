"""Facts that few instructions have: people and cards, contracts, standards, calendar, numbers."""

import datetime as dt
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    BusinessType,
    CarryOver,
    FilingKind,
    ItemKind,
    Number,
    PayeeKind,
    ThreePublicCategory,
)
from gateway.domain.facts import Facts
from gateway.domain.identifiers import Identity, bank_code_sound, card_sound, identity
from gateway.domain.instruction import Detail, Instruction, Item, Payee, Person
from gateway.domain.money import Fen
from gateway.domain.registers import (
    Contract,
    FiledPerson,
    Filing,
    Registers,
    ThreePublicBudget,
)
from gateway.domain.workdays import COUNTED_MAX, is_workday, workdays_since
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify
from tests.pipeline.fakes import BASIC, SUPPLIER, ZERO_BALANCE, account, instruction, registers

TODAY = dt.date(2026, 3, 2)
SOUND_ID, MISCHECKED_ID = "220104198506152035", "220104198506152036"
CARD, UNSOUND_CARD = "6228230123456789018", "6228230123456789019"


def facts(order: Instruction, shelf: Registers | None = None, **more: Any) -> Facts:
    shelf = shelf or registers()
    return facts_of(order, identify(order, shelf), shelf, TODAY, **more)


def person(account: str = CARD, id_number: str = SOUND_ID, name: str = "李某") -> Payee:
    return Payee(
        kind=PayeeKind.PERSON, account=account, name=name, person=Person(id_number=id_number)
    )


def filed(**changes: Any) -> FiledPerson:
    row = FiledPerson(
        id_number=SOUND_ID, name="李某", employer="吉林省示例厅", position="员", title="",
        accounts=(CARD,), official_cards=("6282880123456783",),
    )  # fmt: skip
    return replace(row, **changes)


def with_people(*rows: FiledPerson) -> Registers:
    return attrs.evolve(registers(), persons={row.id_number: row for row in rows})


def paid_to(payees: list[Payee], amount: int, **changes: Any) -> Instruction:
    details = tuple(
        Detail(id=str(n), payee=payee, amount_fen=Fen(amount), purpose="")
        for n, payee in enumerate(payees)
    )
    return instruction(amount=amount * len(payees), details=details, **changes)


# --- people -------------------------------------------------------------------


def test_an_instruction_without_persons_has_nobody_in_it() -> None:
    seen = facts(instruction())
    assert (seen.persons_count, seen.persons_off_card, seen.person_amount_max) == (0, 0, None)


def test_the_most_that_one_person_gets_is_added_up_over_the_details() -> None:
    other = person(account="6217000000000000004", id_number="222402199211304142", name="王某")
    seen = facts(paid_to([person(), other, person()], 40_000))
    assert (seen.persons_count, seen.person_amount_max) == (3, 80_000)
    assert seen.cash_per_person_max is None


@pytest.mark.parametrize(
    ("id_number", "malformed", "mischecked"),
    [
        (SOUND_ID, 0, 0),
        (MISCHECKED_ID, 0, 1),
        ("22010419850615203", 1, 0),
        ("220104198513152035", 1, 0),
        ("220104203006152035", 1, 0),
        ("22010４198506152035", 1, 0),
        ("", 0, 0),
    ],
)
def test_an_unfiled_persons_identity_number_is_checked(
    id_number: str, malformed: int, mischecked: int
) -> None:
    seen = facts(instruction(payee=person(id_number=id_number)))
    assert (seen.persons_ids_malformed, seen.persons_ids_mischecked) == (malformed, mischecked)
    assert seen.persons_unidentified == (not id_number)


def test_what_the_bureau_has_filed_is_not_doubted_by_a_check_digit() -> None:
    shelf = with_people(filed(id_number=MISCHECKED_ID, accounts=(UNSOUND_CARD,)))
    seen = facts(instruction(payee=person(UNSOUND_CARD, MISCHECKED_ID)), shelf)
    assert (seen.persons_unfiled, seen.persons_ids_mischecked) == (0, 0)
    assert seen.numbers_invalid == frozenset()


def test_an_official_card_counts_as_filed_and_as_a_card() -> None:
    shelf = with_people(filed())
    assert facts(instruction(payee=person("6282880123456783")), shelf).persons_off_card == 0
    to_account = facts(instruction(payee=person()), shelf)
    assert (to_account.persons_off_card, to_account.persons_unfiled) == (1, 0)


def test_repaid_cards_are_the_agencys_own_peoples_registered_ones() -> None:
    repays = {"business_type": BusinessType.OFFICIAL_CARD_REPAYMENT}
    card = person("6282880123456783")
    own = facts(paid_to([card], 1_000, **repays), with_people(filed()))
    assert (own.cards_unregistered, own.cards_of_others) == (0, 0)
    foreign = facts(paid_to([card], 1_000, **repays), with_people(filed(employer="别的单位")))
    assert (foreign.cards_unregistered, foreign.cards_of_others) == (0, 1)
    private = facts(paid_to([person()], 1_000, **repays), with_people(filed()))
    assert (private.cards_unregistered, private.cards_of_others) == (1, 0)
    not_repaid = facts(paid_to([person()], 1_000), with_people(filed()))
    assert not_repaid.cards_unregistered == 0


def test_a_card_account_of_the_agency_itself_may_be_repaid() -> None:
    repays = instruction(business_type=BusinessType.OFFICIAL_CARD_REPAYMENT)
    assert facts(repays).cards_unregistered == 1
    shelf = registers()
    row = account(SUPPLIER, "101001", AccountClass.OFFICIAL_CARD)
    shelf = attrs.evolve(shelf, accounts={**shelf.accounts, SUPPLIER: row})
    assert facts(repays, shelf).cards_unregistered == 0


# --- numbers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "sound"),
    [
        ("103241001000", True),
        ("105241000022", True),
        ("103241001001", False),
        ("10324100100", False),
        ("102", True),
        ("10324100100X", False),
    ],
)
def test_a_bank_code_has_the_check_digit_of_iso_7064(code: str, sound: bool) -> None:
    assert bank_code_sound(code) is sound
    order = instruction()
    order = replace(order, payee=replace(order.payee, bank_code=code))
    assert (Number.PAYEE_BANK in facts(order).numbers_invalid) is not sound


def test_the_payers_bank_and_every_details_bank_are_checked_too() -> None:
    order = instruction()
    order = replace(order, payer=replace(order.payer, bank_code="103241001001"))
    assert facts(order).numbers_invalid == {Number.PAYER_BANK}
    wrong = replace(person(), bank_code="103241001001")
    assert facts(paid_to([wrong], 1_000)).numbers_invalid == {Number.PAYEE_BANK}


def test_only_what_looks_like_a_card_has_a_luhn_digit() -> None:
    assert card_sound(CARD) and not card_sound(UNSOUND_CARD)
    assert card_sound("07101010") and card_sound("22001450100050001234-1")
    assert facts(instruction(payee=person(UNSOUND_CARD))).numbers_invalid == {Number.BANK_CARD}


def test_an_identity_number_ends_in_x_where_the_sum_says_so() -> None:
    assert identity("11010519491231002X", TODAY) is Identity.SOUND
    assert identity("11010519491231002x", TODAY) is Identity.SOUND
    assert identity("110105194912310021", TODAY) is Identity.MISCHECKED


# --- calendar -------------------------------------------------------------------


def test_the_bureaus_calendar_goes_before_the_built_in_one() -> None:
    holiday, makeup = dt.date(2026, 10, 1), dt.date(2026, 10, 10)
    assert not is_workday(holiday, {}) and is_workday(makeup, {})
    assert is_workday(holiday, {holiday: True}) and not is_workday(makeup, {makeup: False})
    shelf = attrs.evolve(registers(), calendar={TODAY: False})
    assert facts(instruction()).is_workday and not facts(instruction(), shelf).is_workday


def test_a_year_not_yet_arranged_is_monday_to_friday_but_for_what_is_free_every_year() -> None:
    assert is_workday(dt.date(2031, 10, 6), {}) and not is_workday(dt.date(2031, 10, 4), {})
    for day in ((2031, 1, 1), (2031, 5, 1), (2030, 5, 2), (2031, 10, 1), (2031, 10, 2)):
        assert dt.date(*day).weekday() < 5 and not is_workday(dt.date(*day), {})
    assert is_workday(dt.date(2031, 10, 1), {dt.date(2031, 10, 1): True}), "the bureau's goes first"
    # The turn of the year, Art. 13(1): told on 31 December, the fifth working day is 8 January.
    assert not is_workday(dt.date(2027, 1, 1), {})
    assert workdays_since(dt.date(2026, 12, 31), dt.date(2027, 1, 8), {}) == 5


@pytest.mark.parametrize(
    ("changed", "workdays"),
    [
        (dt.date(2026, 3, 2), 0),
        (dt.date(2026, 3, 1), 1),
        (dt.date(2026, 2, 27), 2),
        (dt.date(2026, 2, 13), 7),
        (dt.date(2020, 1, 1), COUNTED_MAX),
    ],
)
def test_working_days_since_a_change_leave_its_own_day_out(changed: dt.date, workdays: int) -> None:
    """Spring Festival 2026: 14 and 28 February, both Saturdays, were worked instead."""
    shelf = registers()
    row = replace(shelf.accounts[ZERO_BALANCE], change_notice_date=changed)
    shelf = attrs.evolve(shelf, accounts={**shelf.accounts, ZERO_BALANCE: row})
    assert facts(instruction(), shelf).payer_change_notice_workdays == workdays
    assert facts(instruction()).payer_change_notice_workdays is None


def test_a_day_yet_to_come_counts_no_working_days() -> None:
    assert workdays_since(TODAY, TODAY - dt.timedelta(days=3), {}) == 0


def test_the_time_of_day_is_told_only_if_it_is_known() -> None:
    assert facts(instruction()).minute is None
    assert facts(instruction(), minute=600).minute == 600
    assert (facts(instruction()).year, facts(instruction()).month) == (2026, 3)


# --- contracts, filings, lists, budgets -------------------------------------------


def contract(**changes: Any) -> Contract:
    row = Contract(
        contract_no="HT-1", agency="101001", supplier="长春示例科技有限公司", account=SUPPLIER,
        amount_fen=Fen(100_000), paid_fen=Fen(30_000), filing_no=None,
    )  # fmt: skip
    return replace(row, **changes)


def test_a_contract_is_known_by_agency_supplier_and_account() -> None:
    def seen(row: Contract | None) -> Facts:
        rows = {row.contract_no: row} if row else {}
        return facts(instruction(contract_no="HT-1"), attrs.evolve(registers(), contracts=rows))

    known = seen(contract())
    assert (known.contract_registered, known.contract_payee_matches) == (True, True)
    assert known.contract_remaining == 70_000
    assert seen(contract(paid_fen=Fen(200_000))).contract_remaining == 0
    for other in ({"agency": "101002"}, {"supplier": "别家"}, {"account": BASIC}):
        assert not seen(contract(**other)).contract_payee_matches
    unknown = seen(None)
    assert (unknown.contract_registered, unknown.contract_remaining) == (False, None)


@pytest.mark.parametrize(
    ("agency", "project", "kind", "counts"),
    [
        ("101001", "220000260000000000001", FilingKind.SPECIAL_FUND_RULES, True),
        ("101001", None, FilingKind.SPECIAL_FUND_RULES, True),
        ("101001", "别的项目", FilingKind.SPECIAL_FUND_RULES, False),
        ("101002", None, FilingKind.SPECIAL_FUND_RULES, False),
        ("101001", None, FilingKind.SERVICE_PURCHASE, False),
    ],
)
def test_internal_rules_are_filed_by_project_or_for_all(
    agency: str, project: str | None, kind: FilingKind, counts: bool
) -> None:
    row = Filing(
        filing_no="F", kind=kind, agency=agency, project_code=project, contract_no=None, date=TODAY
    )
    shelf = attrs.evolve(registers(), filings={"F": row})
    assert facts(instruction(), shelf).project_rules_filed is counts


def test_a_listed_account_is_seen_as_payee_and_in_the_details() -> None:
    shelf = attrs.evolve(registers(), blacklist_accounts=frozenset({SUPPLIER, CARD}))
    assert facts(instruction(), shelf).payee_blacklisted
    order = paid_to([person()], 1_000)
    order = replace(order, payee=replace(order.payee, account="x"))
    assert facts(order, shelf).payee_blacklisted
    assert not facts(order).payee_blacklisted


@pytest.mark.parametrize("vendor", [SUPPLIER, "长春示例科技有限公司"])
def test_a_designated_vendor_is_listed_by_account_or_name(vendor: str) -> None:
    shelf = attrs.evolve(registers(), designated_vendors=frozenset({vendor}))
    assert facts(instruction(), shelf).payee_designated
    assert not facts(instruction()).payee_designated


def test_a_payees_filed_account_may_be_closed() -> None:
    shelf = registers()
    row = replace(account(SUPPLIER, "101002", AccountClass.REAL_FUND), status=AccountStatus.CLOSED)
    shelf = attrs.evolve(shelf, accounts={**shelf.accounts, SUPPLIER: row})
    assert facts(instruction(), shelf).payee_status is AccountStatus.CLOSED
    assert facts(instruction()).payee_status is None


def test_the_three_public_budget_is_of_agency_year_and_category() -> None:
    budget = ThreePublicBudget(
        agency="101001", fiscal_year=2026, category=ThreePublicCategory.RECEPTION,
        amount_fen=Fen(50_000), posted_fen=Fen(20_000),
    )  # fmt: skip
    shelf = attrs.evolve(registers(), three_public_budgets=(budget,))
    seen = facts(instruction(dept_economic_code="30217"), shelf)
    assert seen.three_public_category is ThreePublicCategory.RECEPTION
    assert seen.three_public_remaining == 30_000
    other = facts(instruction(dept_economic_code="30231"), shelf)
    assert other.three_public_category is ThreePublicCategory.VEHICLES
    assert other.three_public_remaining is None
    assert facts(instruction(), shelf).three_public_category is None


@pytest.mark.parametrize(
    ("division", "level"), [("220000000", 1), ("220100000", 2), ("220102000", 3)]
)
def test_a_division_is_a_province_a_city_or_a_county(division: str, level: int) -> None:
    order = instruction()
    order = replace(order, key=replace(order.key, division=division))
    assert facts(order).division_level == level


# --- standards ------------------------------------------------------------------


def test_items_of_one_kind_and_class_are_added_up() -> None:
    one = Item(kind="meeting", class_="二类", persons=20, days=2, unit_price_fen=Fen(50_000))
    two = replace(one, persons=10, days=1, unit_price_fen=Fen(60_000), reference="会〔1〕")
    seen = facts(instruction(items=(one, two)))
    assert (seen.items_count, seen.items_alike, seen.item_kind) == (2, True, ItemKind.MEETING)
    assert (seen.item_class, seen.item_units, seen.item_unit_price) == ("二类", 50, 60_000)
    assert seen.item_priced_total == 40 * 50_000 + 10 * 60_000
    assert (seen.item_persons, seen.item_days) == (30, 2)


def test_items_that_differ_are_told_as_such() -> None:
    one = Item(kind="lecture", class_="正高级职称", hours=4)
    assert facts(instruction(items=(one, one))).item_units == 8
    assert facts(instruction(items=(one, replace(one, class_="副高级职称")))).items_alike is False


def test_a_number_that_one_item_leaves_out_is_not_guessed() -> None:
    whole = Item(kind="training", class_="三类", persons=3, days=1, unit_price_fen=Fen(100))
    part = replace(whole, days=None, unit_price_fen=None)
    seen = facts(instruction(items=(whole, part)))
    assert (seen.item_units, seen.item_priced_total) == (None, None)
    assert seen.item_unit_price is None


def test_an_ordinary_instruction_has_no_items() -> None:
    seen = facts(instruction())
    assert (seen.items_count, seen.items_alike, seen.item_kind) == (0, True, None)


def test_the_purpose_is_measured_and_whole_hundreds_are_seen() -> None:
    seen = facts(instruction(purpose="维修", amount=30_000))
    assert (seen.purpose_length, seen.amount_is_hundreds) == (2, True)
    for amount in (30_001, 30_100, 1_000):
        assert not facts(instruction(amount=amount)).amount_is_hundreds
    assert facts(instruction(functional_code="20103")).functional_code_length == 5


def test_the_indicators_figures_and_the_accounts_owner_kind_are_told() -> None:
    seen = facts(instruction())
    assert (seen.indicator_granted, seen.indicator_posted) == (1_000_000, 0)
    assert (seen.batch_main, seen.indicator_frozen, seen.agency_status_basis) == (None, 0, None)
    shelf = registers()
    row = replace(shelf.indicators[seen.indicator_id], carry_over=CarryOver.RECOVERABLE)
    agency = replace(shelf.agencies["101001"], status_basis="案件2026-1")
    shelf = attrs.evolve(shelf, indicators={row.id: row}, agencies={"101001": agency})
    read = facts(instruction(business_type=BusinessType.PAYROLL, purpose="维 修"), shelf)
    assert (read.indicator_frozen, read.agency_status_basis) == (1_000_000, "案件2026-1")
    assert (read.batch_main, read.purpose_length) == ("2026/8202/1", 2)
    order = instruction()
    order = replace(order, payee=replace(order.payee, name="礼 品 公司"))
    assert facts(order).payee_name == "礼品公司"
    assert seen.agency_kind == "administrative"
    nothing = facts(instruction(indicator_id="none"))
    assert (nothing.indicator_granted, nothing.indicator_posted) == (None, None)


def test_the_head_of_a_voucher_with_details_is_paid_by_its_details_only() -> None:
    order = replace(paid_to([person()], 40_000), payee=person())
    assert facts(order).person_amount_max == 40_000
