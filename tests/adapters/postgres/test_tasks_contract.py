"""Operators' tasks: who is asked about next, and that two who settle one at once do not both."""

import asyncio
import datetime as dt

import pytest

from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.pipeline.settle import settle, settle_by_word
from gateway.pipeline.tell import Origin
from gateway.ports import Ledger
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    key,
    line,
    registers,
    settlement,
)
from tests.limits import limit_at

OTHER = "229900000"
TASKS = 20
LATER = NOW + dt.timedelta(hours=1)
ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")
PEOPLE = {"how": "operator", "reason": "", "reference": None}


async def due(storage: Storage, at: dt.datetime, limit: int = 10) -> list[str]:
    payments = await storage.ledger.due_tasks(at, limit)
    return [f"{each.key.division[:4]}/{each.key.voucher_no}" for each in payments]


async def test_a_task_is_due_when_its_turn_comes_and_says_when_it_was_asked_and_will_be(
    storage: Storage,
) -> None:
    for number in (1, 2, 3):
        await storage.ledger.admit(admission(number, lines=()))
    assert await due(storage, LATER) == [], "no task yet"
    assert (await storage.ledger.open_payments(LATER, 1))[0].asked_at is None
    await storage.ledger.note_enquiry(key(3), NOW, not_found=False)
    await storage.ledger.note_enquiry(key(1), NOW, not_found=True, ask_after=LATER)
    await storage.ledger.hand_over(key(2))
    await storage.ledger.hand_over(key(9))
    (left,) = await storage.ledger.open_payments(LATER, 10)
    assert (left.key, left.asked_at, left.ask_after) == (key(3), NOW, None)
    assert await due(storage, NOW) == ["2200/2"], "nobody was asked about it yet"
    later = LATER + dt.timedelta(seconds=1)
    await storage.ledger.note_enquiry(key(2), NOW, not_found=False, ask_after=later)
    first, second = await storage.ledger.due_tasks(later, 10)
    assert (first.key, first.asked_at, first.ask_after, first.enquiries) == (key(1), NOW, LATER, 1)
    assert (second.key, second.ask_after, second.operator_task) == (key(2), later, True)
    assert await due(storage, LATER) == ["2200/1"]
    assert await storage.ledger.settle(settlement(1))
    assert await due(storage, later) == ["2200/2"]
    await storage.ledger.note_enquiry(key(2), later, not_found=False)
    (still,) = await storage.ledger.due_tasks(later, 10)
    assert still.operator_task and still.ask_after is None, "what was under way when it became one"


async def test_a_division_with_many_tasks_does_not_hide_another_ones(storage: Storage) -> None:
    for number in range(4):
        await storage.ledger.admit(admission(number, lines=()))
        await storage.ledger.hand_over(key(number))
    await storage.ledger.admit(admission(7, lines=(), division=OTHER))
    await storage.ledger.hand_over(key(7, OTHER))
    assert await due(storage, LATER, 3) == ["2200/0", "2299/7", "2200/1"]
    asked = []
    for _ in range(5):
        (payment,) = await storage.ledger.due_tasks(LATER, 1)
        asked.append(payment.key.voucher_no)
        put_off = LATER + dt.timedelta(minutes=1)
        await storage.ledger.note_enquiry(payment.key, LATER, not_found=True, ask_after=put_off)
    assert sorted(asked) == ["0", "1", "2", "3", "7"], "each in its turn"


async def test_what_was_put_off_by_a_clock_that_was_wrong_is_due(storage: Storage) -> None:
    await storage.ledger.admit(admission(1, lines=()))
    far = LATER + dt.timedelta(days=365)
    await storage.ledger.note_enquiry(key(1), far, not_found=True, ask_after=far)
    assert await due(storage, LATER) == ["2200/1"]


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_person_and_the_enquiry_who_answer_at_once_do_not_both_settle(
    storage: Storage, processes: int
) -> None:
    """In one group commit, or from two processes; whoever comes first, the other is told."""
    await _granted(storage, TASKS)
    person = storage.ledger if processes == 1 else storage.second
    won = await asyncio.gather(*(_both(person, storage.ledger, n) for n in range(TASKS)))
    await _held_to_one(storage, list(won))


async def _granted(storage: Storage, tasks: int) -> None:
    await storage.registers.load(b"1", registers(1, {"IND-1": 100 * tasks}))
    for number in range(tasks):
        await storage.ledger.admit(admission(number, 100))
        await storage.ledger.hand_over(key(number))


async def _both(person: Ledger, enquiry: Ledger, number: int) -> bool:
    """Whether the person settled it, as never taken; the core says at the same moment: paid."""
    word = BankAnswer(outcome=BankOutcome.ACCEPTED, reference="R1")
    by_person, by_bank = await asyncio.gather(
        settle(key(number), BankOutcome.NOT_TAKEN, person, ORIGIN, LATER, PEOPLE),
        settle_by_word(key(number), word, "enquiry", enquiry, ORIGIN, LATER),
    )
    assert by_person is not (by_bank.at is not None), "one of them, and the other knows"
    assert bool(by_bank.contradiction) is by_person
    return by_person


async def _held_to_one(storage: Storage, by_person: list[bool]) -> None:
    """Each was settled once, moved its limit once, and is told as it counts."""
    limit = await limit_at(storage.ledger, DIVISION, line())
    paid = by_person.count(False)
    assert limit and (limit.reserved_fen, limit.posted_fen) == (0, 100 * paid)
    sealed = await storage.records.seal(DIVISION, 1000, NOW, PlainSealer().seal)
    assert sealed
    kinds = [record.kind for record in sealed.records]
    assert kinds.count("bank_outcome") == len(by_person)
    assert kinds.count("correction") == by_person.count(True)
