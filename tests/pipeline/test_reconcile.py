"""Whose a movement of the bank's books is, and what a statement or a look comes to."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import (
    Arrears,
    BankEntry,
    ContradictionEnd,
    EndResult,
    HandedOver,
    Statement,
    TakenBack,
)
from gateway.domain.conduct_rules import Allowances
from gateway.domain.faults import Conflicting, FaultCode, Unreadable, Unready
from gateway.domain.ledger import Standing
from gateway.domain.money import Fen
from gateway.domain.registers import Registers
from gateway.pipeline.reconcile import Reconciling
from tests.pipeline.alarms import NOTHING_UNDONE, AlarmBook
from tests.pipeline.desks import BANK, ORIGIN, Desk
from tests.pipeline.fakes import DIVISION, registers
from tests.pipeline.test_conduct import MONDAY, ORDER, entry

OTHER = "220200000"
FAR_BASIC = "07730101040009999"


@attrs.frozen
class Shelf:
    """Registers of several divisions; of any other there are none."""

    of_division: Mapping[str, Registers]

    def of(self, division: str, now: dt.datetime) -> Registers:
        if division not in self.of_division:
            raise Unreadable(FaultCode.DIVISION_UNKNOWN, division)
        return self.of_division[division]


class Undone(AlarmBook):
    """One look finds `arrears`, and a contradiction is there to be ended or is not."""

    def __init__(self, desk: Desk, result: EndResult = EndResult.ENDED, **found: Any) -> None:
        super().__init__(desk.street.ledger)
        self._arrears, self._result = attrs.evolve(NOTHING_UNDONE, **found), result
        self.ends: list[ContradictionEnd] = []
        self.asked: dict[str, dt.datetime] = {}

    async def arrears(self, division: str, now: dt.datetime, **asked: dt.datetime) -> Arrears:
        self.asked = asked
        return self._arrears

    async def end_contradiction(self, end: ContradictionEnd, at: dt.datetime) -> EndResult:
        self.ends.append(end)
        return self._result


def reconciling(desk: Desk, book: AlarmBook | None = None, **changes: Any) -> Reconciling:
    far = attrs.evolve(registers(), division=OTHER, accounts={FAR_BASIC: _account()})
    made = Reconciling(
        store=book or AlarmBook(desk.street.ledger),
        shelf=Shelf({DIVISION: registers(), OTHER: far}),
        formats={"json": desk.street.format}, origin=ORIGIN, allowances=Allowances(),
        behind=desk.behind,
    )  # fmt: skip
    return attrs.evolve(made, **changes)


def _account() -> Any:
    (first, *_) = registers().accounts.values()
    return first


async def test_a_movement_is_of_the_division_it_is_booked_for_if_that_is_served() -> None:
    books = reconciling(await Desk.open())
    strange = entry(division="elsewhere", account="999")
    assert books.ours([entry(), strange], [DIVISION, OTHER], MONDAY) == (entry(),)
    booked = entry(account=FAR_BASIC)
    assert books.ours([booked], [DIVISION, OTHER], MONDAY) == (booked,), "not moved to the owner's"


async def test_a_movement_of_one_of_our_accounts_is_ours_whatever_it_is_booked_as() -> None:
    books = reconciling(await Desk.open())
    for account, owner in ((ORDER.payer.account, DIVISION), (FAR_BASIC, OTHER)):
        hidden = entry(division="elsewhere", account=account)
        (found,) = books.ours([hidden], [DIVISION, OTHER], MONDAY)
        assert found == attrs.evolve(hidden, division=owner)
    assert books.ours([entry(division=OTHER, account=FAR_BASIC)], [DIVISION], MONDAY) == ()


async def test_a_movement_is_ordered_by_an_instruction_of_its_own_division_only() -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    book = AlarmBook(desk.street.ledger)
    assert await reconciling(desk, book).take(Statement(id="1", entries=(entry(),)), MONDAY) == 0
    foreign = entry(division=OTHER, account=FAR_BASIC, id="L-2")
    assert await reconciling(desk, book).take(Statement(id="2", entries=(foreign,)), MONDAY) == 1
    assert book.policies() == ["JL-100"]


async def test_a_statement_counts_once_and_its_number_is_for_one_content() -> None:
    desk = await Desk.open()
    books = reconciling(desk)
    statement = Statement(id="S-1", entries=(entry(key=None),))
    assert await books.hand_over(statement, handed(b"a"), MONDAY) == (1, False)
    assert await books.hand_over(statement, handed(b"a"), MONDAY) == (0, True)
    with pytest.raises(Conflicting):
        await books.hand_over(statement, handed(b"b"), MONDAY)


async def test_a_database_that_has_forgotten_what_it_passed_takes_no_statement() -> None:
    desk = await Desk.open()
    desk.behind[DIVISION] = "restored"
    book = AlarmBook(desk.street.ledger)
    with pytest.raises(Unready, match="restored"):
        await reconciling(desk, book).hand_over(
            Statement(id="S-1", entries=(entry(),)), handed(b"a"), MONDAY
        )
    assert not book.raised and not book.statements


async def test_a_look_that_finds_nothing_raises_nothing_and_leaves_each_its_time() -> None:
    desk = await Desk.open()
    book, hour = Undone(desk), dt.timedelta(hours=1)
    allowed = Allowances(records=hour, notices=2 * hour)
    assert await reconciling(desk, book, allowances=allowed).look(DIVISION, MONDAY) == 0
    assert not book.raised and not book.corrections
    assert book.asked["records_before"] == MONDAY - hour
    assert book.asked["notices_before"] == MONDAY - 2 * hour


async def test_one_number_stands_for_one_movement_within_a_statement_too() -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    book = AlarmBook(desk.street.ledger)
    twice = Statement(id="1", entries=(entry(), entry(amount_fen=Fen(1))))
    await reconciling(desk, book).take(twice, MONDAY)
    assert book.policies() == ["JL-102", "JL-101"], "reported twice, and not paid as ordered"


@pytest.mark.parametrize(
    ("result", "told"), [(EndResult.ENDED, 1), (EndResult.GONE, 0)], ids=["ended", "gone"]
)
async def test_operators_are_told_once_of_what_the_bank_has_taken_back(
    result: EndResult, told: int
) -> None:
    desk = await Desk.open()
    back = TakenBack(
        key=ORDER.key, agency_code=ORDER.agency_code, held=BankOutcome.REJECTED, entry=entry()
    )
    book = Undone(desk, result, taken_back=(back,))
    heard: list[TakenBack] = []
    assert await reconciling(desk, book, ended=heard.append).look(DIVISION, MONDAY) == 0
    assert [end.key for end in book.ends] == [ORDER.key]
    assert heard == [back] * told


@pytest.mark.parametrize("word", [BankOutcome.REJECTED, BankOutcome.ACCEPTED])
async def test_what_was_settled_as_not_paid_and_is_in_the_books_is_corrected_and_told(
    word: BankOutcome,
) -> None:
    """Found by a look, as in a statement; what was paid contradicts nothing."""
    desk = await Desk.forwarded(word)
    heard: list[tuple[BankEntry, Standing]] = []

    def hear(movement: BankEntry, standing: Standing) -> None:
        heard.append((movement, standing))

    denied = word is BankOutcome.REJECTED
    book = Undone(desk, denied=(entry(), entry(id="L-9", key=None)))
    new = await reconciling(desk, book, noticed=hear).look(DIVISION, MONDAY)
    assert (new, list(book.corrections)) == ((1, [ORDER.key]) if denied else (0, []))
    assert [movement for movement, _ in heard] == [entry()] * denied
    stated = AlarmBook(desk.street.ledger)
    await reconciling(desk, stated).take(Statement(id="S", entries=(entry(),)), MONDAY)
    assert list(stated.corrections) == [ORDER.key] * denied


def handed(raw: bytes) -> HandedOver:
    return HandedOver(division=DIVISION, digest=raw * 32, party=BANK, signature="s", raw=raw)
