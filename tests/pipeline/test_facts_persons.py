"""Who is paid, as windows and cards are asked for it: what planted bugs went through unseen."""

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.codes import AccountClass, BusinessType, PayeeKind
from tests.pipeline.fakes import SUPPLIER, ZERO_BALANCE, account, instruction, registers
from tests.pipeline.test_facts_rare import (
    CARD,
    SOUND_ID,
    facts,
    filed,
    paid_to,
    person,
    with_people,
)


def test_the_person_paid_is_told_of_a_single_payment_and_of_no_voucher_with_details() -> None:
    assert facts(instruction(payee=person())).payee_person == SOUND_ID
    assert facts(paid_to([person()], 1_000)).payee_person is None
    assert facts(instruction()).payee_person is None


def test_without_a_number_a_person_is_told_by_the_account_and_without_one_by_the_name() -> None:
    nameless = replace(person(), person=None)
    assert facts(instruction(payee=nameless)).payee_person == CARD
    spelt = replace(nameless, account="", name="李 某")
    assert facts(instruction(payee=spelt)).payee_person == "李某"


def test_two_parts_to_one_person_are_one_sum_whichever_way_the_person_is_told() -> None:
    nameless = replace(person(), person=None)
    for payee in (person(), nameless, replace(nameless, account="")):
        assert facts(paid_to([payee, payee], 60_000)).person_amount_max == 120_000
    apart = facts(paid_to([nameless, replace(nameless, account="6228230123456789026")], 60_000))
    assert apart.person_amount_max == 60_000


@pytest.mark.parametrize(("owner", "unregistered"), [("101001", 0), ("101002", 1)])
def test_a_card_account_of_another_agency_is_no_card_of_ours(owner: str, unregistered: int) -> None:
    row = account(SUPPLIER, owner, AccountClass.OFFICIAL_CARD)
    shelf = attrs.evolve(registers(), accounts={**registers().accounts, SUPPLIER: row})
    repays = instruction(business_type=BusinessType.OFFICIAL_CARD_REPAYMENT)
    assert facts(repays, shelf).cards_unregistered == unregistered


def test_a_filed_persons_card_is_a_persons_though_the_agency_filed_it_too() -> None:
    row = account(CARD, "101001", AccountClass.OFFICIAL_CARD)
    own = attrs.evolve(registers(), accounts={**registers().accounts, CARD: row})
    called = instruction(payee=replace(person(), kind=PayeeKind.ORGANISATION, person=None))
    assert facts(called, own).payee_kind is PayeeKind.ORGANISATION
    both = attrs.evolve(own, persons=with_people(filed()).persons)
    assert facts(called, both).payee_kind is PayeeKind.PERSON


@pytest.mark.parametrize(("owner", "of_others"), [("101001", 0), ("101002", 1)])
def test_the_payer_account_s_name_is_the_employer_s_where_it_is_the_agency_s_own(
    owner: str, of_others: int
) -> None:
    """An employer that no agency is filed under: our account's name counts, nobody else's."""
    row = replace(
        account(ZERO_BALANCE, owner, AccountClass.ZERO_BALANCE), name="示例厅机关服务中心"
    )
    people = with_people(filed(employer="示例厅机关服务中心"))
    shelf = attrs.evolve(people, accounts={**people.accounts, ZERO_BALANCE: row})
    card = person("6282880123456783")
    repaid = paid_to([card], 1_000, business_type=BusinessType.OFFICIAL_CARD_REPAYMENT)
    assert facts(repaid, shelf).cards_of_others == of_others
