"""What differs in one part of its key is another payment: what befalls one spares the other."""

import asyncio
import datetime as dt

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.holds import Claimed, Ending, HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admission, Admitted, Moved
from gateway.domain.refunds import RefundResult
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    ask,
    draft,
    key,
    line,
    registers,
    settlement,
    share,
)
from tests.adapters.postgres.test_holds_contract import claim_of, given, refund_of
from tests.limits import limit_at

LATER = NOW + dt.timedelta(hours=1)
TICK = dt.timedelta(seconds=1)
OTHER = "229900000"
ONE = key(1)
NEIGHBOURS = {
    "division": replace(ONE, division=OTHER),
    "year": replace(ONE, fiscal_year=2025),
    "type": replace(ONE, voucher_type="5201"),
    "number": replace(ONE, voucher_no="2"),
}
neighbours = pytest.mark.parametrize("other", NEIGHBOURS.values(), ids=NEIGHBOURS)


async def grant(storage: Storage) -> None:
    for division in (DIVISION, OTHER):
        known = registers(1, {"IND-1": 1000}, division=division)
        await storage.registers.load(division.encode(), known)


async def admitted(storage: Storage, wanted: Admission, *keys: InstructionKey) -> None:
    for each in keys:
        assert await storage.ledger.admit(replace(wanted, key=each)) == Admitted()


async def opened(storage: Storage) -> list[InstructionKey]:
    return [payment.key for payment in await storage.ledger.open_payments(LATER + TICK, 10)]


async def counted(storage: Storage, division: str) -> int:
    """What the window holds, as told to somebody who believes something impossible."""
    curious = admission("curious", outcome=Outcome.BLOCK, asks=[ask(-1)], division=division)
    told = await storage.ledger.admit(curious)
    assert isinstance(told, Moved)
    return told.values[ask(-1).key]


@neighbours
@pytest.mark.parametrize("bank", [BankOutcome.ACCEPTED, BankOutcome.REJECTED])
async def test_settling_one_leaves_its_neighbour_open_and_counted(
    storage: Storage, other: InstructionKey, bank: BankOutcome
) -> None:
    await grant(storage)
    await admitted(storage, admission(1, 300, shares=[share(300)]), ONE, other)
    assert await storage.ledger.settle(replace(settlement(1, bank), key=ONE))
    assert await opened(storage) == [other]
    standing = await storage.ledger.standing(other)
    assert standing is not None and standing.bank is BankOutcome.UNKNOWN
    limit = await limit_at(storage.ledger, other.division, line())
    assert limit is not None and limit.reserved_fen == 300
    together = other.division == DIVISION and bank is BankOutcome.ACCEPTED
    assert await counted(storage, other.division) == (600 if together else 300)


@neighbours
async def test_what_is_noted_of_an_enquiry_is_of_that_payment_alone(
    storage: Storage, other: InstructionKey
) -> None:
    await grant(storage)
    await admitted(storage, admission(1, 300), ONE, other)
    await storage.ledger.hand_over(ONE)
    tasks = await storage.ledger.due_tasks(LATER, 10)
    assert [task.key for task in tasks] == [ONE]
    assert await opened(storage) == [other]


@neighbours
async def test_ending_one_hold_leaves_its_neighbour_held_and_counted(
    storage: Storage, other: InstructionKey
) -> None:
    await grant(storage)
    held = admission(1, 300, outcome=Outcome.HOLD, shares=[share(300)])
    await admitted(storage, held, ONE, other)
    ending = Ending(
        key=ONE, how=HoldEnding.EXPIRED, at=LATER, order=None, decision=b'{"outcome":"blocked"}',
        record=draft("1", "release"), notice=None, notification=b'{"kind":"hold_ended"}',
    )  # fmt: skip
    assert await storage.holds.end(ending)
    holds = await storage.holds.open_holds(other.division, LATER, 9)
    assert [hold.key for hold in holds] == [other]
    standing = await storage.ledger.standing(other)
    assert standing is not None and standing.ended_how == ""
    assert await counted(storage, other.division) == 300


async def test_what_divisions_commit_together_each_log_tells_of_its_own(storage: Storage) -> None:
    await grant(storage)
    first = admission("first", outcome=Outcome.BLOCK)
    together = [admission(n, division=division) for n in (1, 2) for division in (DIVISION, OTHER)]
    rooms = asyncio.gather(*map(storage.ledger.admit, [first, *together]))
    assert await rooms == [Admitted()] * 5
    for division, expected in ((DIVISION, ["first", 1, 2]), (OTHER, [1, 2])):
        sealed = await storage.records.seal(division, 100, NOW, PlainSealer().seal)
        assert sealed is not None
        subjects = [record.subject for record in sealed.records]
        assert subjects == [str(key(number, division)) for number in expected]


@neighbours
async def test_releasing_one_leaves_its_neighbour_held_and_counted(
    storage: Storage, other: InstructionKey
) -> None:
    await grant(storage)
    held = admission(1, 300, outcome=Outcome.HOLD, shares=[share(300)])
    await admitted(storage, held, ONE, other)
    order = await given(storage, 1, 1)
    assert await storage.holds.claim(claim_of(1, order, 300, shares=(share(300),))) == Claimed()
    assert await opened(storage) == [ONE]
    holds = await storage.holds.open_holds(other.division, LATER, 9)
    assert [hold.key for hold in holds] == [other]
    assert await counted(storage, other.division) == (300 if other.division == OTHER else 600)


@neighbours
async def test_what_comes_back_of_one_is_not_its_neighbours(
    storage: Storage, other: InstructionKey
) -> None:
    """Both paid: of each, all may come back, and no more."""
    await grant(storage)
    await admitted(storage, admission(1, 300), ONE, other)
    for each in (ONE, other):
        assert await storage.ledger.settle(replace(settlement(1), key=each))
    for number, paid in enumerate((ONE, other), 1):
        back = attrs.evolve(refund_of(f"R{number}", 1, 300, division=paid.division), payment=paid)
        assert (await storage.refunds.refund(back)).result is RefundResult.REFUNDED
        more = attrs.evolve(refund_of(f"M{number}", 1, 1, division=paid.division), payment=paid)
        assert (await storage.refunds.refund(more)).result is RefundResult.EXCEEDS
