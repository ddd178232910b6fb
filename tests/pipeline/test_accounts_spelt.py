"""One account is one account, however the bureau filed it and however an instruction writes it."""

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.codes import AccountClass, AccountStatus, PayeeClass, PayeeKind, Register
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Payee
from gateway.domain.registers import FiledPerson, Registers
from gateway.pipeline.cases import cases_of
from gateway.pipeline.identify import as_known, identify
from tests.pipeline.fakes import ZERO_BALANCE, account, instruction, registers
from tests.pipeline.test_law_by_article import BARRED, MONDAY, OWN_OTHER, told
from tests.registers.feeds import ACCOUNT, VAULT, feed, snapshot
from tests.registers.test_rows import tables

CARD = "6228230123456789018"


def ways(number: str) -> list[str]:
    return [number, f"{number[:4]}-{number[4:]}", f"{number[0]}-{number[1:9]}-{number[9:]}"]


def paid_to(number: str, shelf: Registers, name: str = "示例公司") -> tuple[Outcome, set[str]]:
    payee = Payee(kind=PayeeKind.ORGANISATION, account=number, name=name, bank_code="105241000022")
    outcome, found = told(replace(instruction(), payee=payee), shelf)
    return outcome, set(found)


@pytest.mark.parametrize("filed", ways(OWN_OTHER))
def test_an_own_account_is_known_however_it_was_filed(filed: str) -> None:
    other = {filed: account(filed, "101001", AccountClass.REAL_FUND)}
    shelf = attrs.evolve(registers(), accounts={**registers().accounts, **other})
    for written in ways(OWN_OTHER):
        assert paid_to(written, shelf) == (Outcome.BLOCK, {"JL-020"}), written


@pytest.mark.parametrize("filed", ways(BARRED))
def test_a_barred_account_is_barred_however_it_was_listed(filed: str) -> None:
    shelf = attrs.evolve(registers(), blacklist_accounts=frozenset({filed}))
    for written in ways(BARRED):
        assert paid_to(written, shelf) == (Outcome.BLOCK, {"JL-009"}), written


@pytest.mark.parametrize("filed", ways(CARD))
def test_a_persons_account_is_a_persons_however_it_was_filed(filed: str) -> None:
    person = FiledPerson(
        id_number="220104198506152036", name="李经办", employer="示例厅", position="员", title="",
        accounts=(filed,), official_cards=(),
    )  # fmt: skip
    by_person = attrs.evolve(registers(), persons={person.id_number: person})
    by_account = attrs.evolve(
        registers(),
        accounts={**registers().accounts, filed: account(filed, "", AccountClass.PERSONAL)},
    )
    for shelf in (by_person, by_account):
        for written in ways(CARD):
            payee = Payee(
                kind=PayeeKind.ORGANISATION, account=written, name="示例公司", bank_code="1"
            )
            order = replace(instruction(), payee=payee)
            parties = identify(order, shelf)
            (whole,) = cases_of(order, parties, shelf, MONDAY)
            assert whole.facts.payee_kind is PayeeKind.PERSON, written
            assert written in parties.personal, "hidden in the record"


@pytest.mark.parametrize("filed", ways(CARD))
def test_classes_and_vendors_are_those_of_the_account_and_windows_count_it_once(filed: str) -> None:
    shelf = attrs.evolve(
        registers(), payee_classes={filed: PayeeClass.SOCIAL_INSURANCE},
        designated_vendors=frozenset({filed, "甲-乙公司"}),
    )  # fmt: skip
    counted = set()
    for written in ways(CARD):
        payee = Payee(kind=PayeeKind.ORGANISATION, account=written, name="社保", bank_code="1")
        order = replace(instruction(), payee=payee)
        (whole,) = cases_of(order, identify(order, shelf), shelf, MONDAY)
        assert whole.facts.payee_class is PayeeClass.SOCIAL_INSURANCE
        assert whole.facts.payee_designated
        counted.add(as_known(order, shelf).payee.account)
    assert len(counted) == 1
    for name in ("甲-乙公司", "甲乙公司", "甲－乙 公司"):
        assert shelf.is_designated("1", name), "names are compared as they are read"
    assert not shelf.is_designated("1", "甲丙公司")


@pytest.mark.parametrize("filed", ways(ZERO_BALANCE))
def test_the_payers_account_is_one_too_and_is_counted_and_told_as_it_was_filed(filed: str) -> None:
    rows = {**registers().accounts}
    rows[filed] = replace(rows.pop(ZERO_BALANCE), account=filed)
    shelf = attrs.evolve(registers(), accounts=rows)
    counted = set()
    for written in ways(ZERO_BALANCE):
        order = replace(instruction(), payer=replace(instruction().payer, account=written))
        assert told(order, shelf) == (Outcome.PASS, {}), written
        parties = identify(order, shelf)
        assert parties.payer_account is rows[filed]
        (whole,) = cases_of(order, parties, shelf, MONDAY)
        counted.add(whole.facts.payer_account)
    assert counted == {filed}
    other = replace(instruction(), payer=replace(instruction().payer, account=f"{ZERO_BALANCE}-0"))
    assert set(told(other, shelf)[1]) == {"JL-007"}, "one more digit is another account"


def test_an_account_that_is_filed_twice_is_judged_by_one_row_however_it_is_written() -> None:
    """Closed as it was, filed anew in another spelling: the sender chose which of both it was."""
    closed = replace(registers().accounts[ZERO_BALANCE], status=AccountStatus.CLOSED)
    other = ways(ZERO_BALANCE)[2]
    for rows in ({ZERO_BALANCE: closed, other: replace(closed, status=AccountStatus.ACTIVE)},
                 {other: closed, ways(ZERO_BALANCE)[1]: closed}):  # fmt: skip
        shelf = attrs.evolve(registers(), accounts=rows)
        assert len({shelf.spelling_of(written) for written in ways(ZERO_BALANCE)}) == 1
        for written in ways(ZERO_BALANCE):
            order = replace(instruction(), payer=replace(instruction().payer, account=written))
            assert set(told(order, shelf)[1]) == {"JL-007"}, written
            row = shelf.account_of(written)
            assert row is rows[shelf.spelling_of(written)]


def test_a_card_that_is_filed_with_its_holder_is_a_persons_whatever_else_it_is_filed_as() -> None:
    spelt = ways(CARD)[1]
    person = FiledPerson(
        id_number="220104198506152036", name="李经办", employer="示例厅", position="员", title="",
        accounts=(), official_cards=(CARD,),
    )  # fmt: skip
    card = account(spelt, "101001", AccountClass.OFFICIAL_CARD)
    shelf = attrs.evolve(registers(), accounts={**registers().accounts, spelt: card})
    for people, kind in (({}, PayeeKind.ORGANISATION), ({"1": person}, PayeeKind.PERSON)):
        known = attrs.evolve(shelf, persons=people)
        for written in ways(CARD):
            payee = Payee(
                kind=PayeeKind.ORGANISATION, account=written, name="示例厅公务卡", bank_code="1"
            )
            order = replace(instruction(), payee=payee)
            (whole,) = cases_of(order, identify(order, known), known, MONDAY)
            assert whole.facts.payee_kind is kind, written


def test_vendors_are_known_by_account_in_letters_and_by_name_as_it_is_read() -> None:
    shelf = attrs.evolve(registers(), designated_vendors=frozenset({"NRA-22", "甲（乙）公司"}))
    assert all(shelf.is_designated(each, "x") for each in ("NRA-22", "NRA22", "N-RA22"))
    assert shelf.is_designated("1", "甲乙公司") and not shelf.is_designated("NRA23", "甲丙公司")


def test_tables_know_an_account_by_each_spelling_and_a_delta_changes_it() -> None:
    said = feed(snapshot())

    def seen(made: object) -> list[bool]:
        read = made.registers(said.division, 1, said.as_of, {}, VAULT.index)  # type: ignore[attr-defined]
        return [
            read.account_of(each) is not None and read.spelling_of(each) == spelt
            for each in ways(BARRED)
            for spelt in [ways(BARRED)[1]]
        ]

    filed = ways(BARRED)[1]
    began = tables(accounts=[ACCOUNT, {**ACCOUNT, "account": filed}])
    assert seen(began) == [True, True, True] and seen(tables()) == [False] * 3
    row = began.rows[Register.ACCOUNTS].packed(filed)
    assert row
    added = tables().changed({Register.ACCOUNTS: {filed: row}}, {})
    assert seen(added) == [True, True, True]
    again = added.changed({Register.ACCOUNTS: {filed: row}}, {Register.ACCOUNTS: [filed]})
    assert seen(again) == [True, True, True]
    gone = again.changed({}, {Register.ACCOUNTS: [filed]})
    assert seen(gone) == [False] * 3 and not any(map(len, gone.spelt))

    barred = tables(lists={"blacklist_accounts": [filed], "designated_vendors": []})
    read = barred.registers(said.division, 1, said.as_of, {}, VAULT.index)
    assert all(map(read.is_barred, ways(BARRED)))
