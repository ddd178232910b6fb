"""Money that comes back counts once, whichever doors the bank tells of it through, in any order."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from gateway.domain.bank import BankOutcome
from gateway.domain.faults import FaultCode, Unreadable, Unready
from gateway.domain.instruction import Received
from gateway.domain.records import canonical
from gateway.domain.refunds import Refund, RefundAnswer
from gateway.pipeline.refund import RefundRefused
from gateway.web.outcomes import OutcomeCounter
from gateway.web.refunds import RefundCounter
from tests.pipeline.desks import BANK, ORIGIN, Desk, texts
from tests.pipeline.fakes import DIVISION, OpenGate, instruction
from tests.pipeline.letters_iso import enquiry, recall, report, returned
from tests.pipeline.test_partial import Picky, batch, street_of
from tests.pipeline.test_voucher_letters import attached, post, refund

KEY = instruction().key
SERIAL = "JH-T1"
"""The bank's own number of this one return: it stands in whatever it tells of it."""

Door = Callable[[Desk, int, str], Awaitable[str]]


async def by_refund(desk: Desk, fen: int, serial: str) -> str:
    told = {
        "amount": f"{fen // 100}.{fen % 100:02d}", "payment": str(KEY), "reason": "账户已销户",
        "reference": serial, "refund": f"{DIVISION}/2026/2203/1",
    }  # fmt: skip
    counter = RefundCounter(
        desk.returning, OpenGate(), desk.street.clock, ORIGIN, frozenset({DIVISION})
    )
    return await _counted(counter.take, told)


async def by_outcome(desk: Desk, fen: int, serial: str) -> str:
    told = {
        "amount": f"{fen // 100}.{fen % 100:02d}", "id": "ZF-T", "instruction": str(KEY),
        "outcome": "returned", "reason": "账户已销户", "reference": serial,
    }  # fmt: skip
    counter = OutcomeCounter(
        desk.outcomes(), desk.letters, OpenGate(), desk.street.clock, frozenset({DIVISION})
    )
    return await _counted(counter.take, told)


async def by_voucher(desk: Desk, fen: int, serial: str) -> str:
    told = await post(desk, refund("2204", amount_fen=fen, reference=serial))
    return attached(told)[0]


async def by_pacs004(desk: Desk, fen: int, serial: str) -> str:
    told = returned("1", f"{fen // 100}.{fen % 100:02d}", id=f"M-{serial}", refund=serial)
    return texts(await desk.post(told, BANK), "TxSts")[0]


async def _counted(take: Callable[..., Awaitable[bytes]], told: dict[str, str]) -> str:
    raw = canonical(told)
    await take(Received(raw=raw, format="json", signature="s", party=BANK), {})
    return "taken"


DOORS: tuple[Door, ...] = (by_refund, by_outcome, by_voucher, by_pacs004)
TAKEN = {"taken", "SUCCESS", "ACSC"}


@pytest.mark.parametrize("first", [BankOutcome.ACCEPTED, BankOutcome.UNKNOWN])
async def test_one_return_told_through_every_door_in_any_order_counts_once(
    first: BankOutcome,
) -> None:
    for order in itertools.permutations(DOORS):
        desk = await Desk.forwarded(first)
        for door in order:
            assert await door(desk, 10_050, SERIAL) in TAKEN, (order, door)
            assert await desk.street.available() == 980_050, (order, door)
        assert len(desk.records("refund")) == 1 and not desk.alarms.raised


@pytest.mark.parametrize("doors", [(by_refund, by_refund), (by_refund, by_outcome)])
async def test_a_return_told_twice_in_one_moment_of_what_was_unknown_is_no_alert(
    doors: tuple[Door, Door],
) -> None:
    """A bank that hears nothing tells it again; whoever slept then hears both at once."""
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    asked = desk.holds.refund

    async def slowly(refund: Refund) -> RefundAnswer:
        answer = await asked(refund)
        await asyncio.sleep(0)
        return answer

    desk.holds.refund = slowly  # type: ignore[method-assign]
    told = await asyncio.gather(*(door(desk, 10_050, SERIAL) for door in doors))
    assert set(told) <= TAKEN and not desk.alarms.raised
    assert len(desk.records("refund")) == 1
    assert await desk.street.available() == 980_050


@pytest.mark.parametrize("doors", list(itertools.permutations(DOORS, 2)))
async def test_one_number_of_the_banks_with_two_amounts_gives_back_the_first_and_is_an_alert(
    doors: tuple[Door, Door],
) -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    assert await doors[0](desk, 10_000, SERIAL) in TAKEN
    try:
        told = await doors[1](desk, 5_000, SERIAL)
        assert told not in TAKEN
    except RefundRefused as refused:
        assert refused.code is FaultCode.REFUND_CONFLICT
    assert await desk.street.available() == 980_000
    assert desk.alarms.policies() == ["JL-101"]


async def test_parts_under_their_own_numbers_each_count() -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    for number, door in enumerate(DOORS):
        assert await door(desk, 5_000, f"JH-{number}") in TAKEN
    assert await desk.street.available() == 990_000


@pytest.mark.parametrize("door", DOORS)
async def test_what_comes_back_before_its_payment_was_known_was_paid(door: Door) -> None:
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    assert await door(desk, 30_000, SERIAL) in TAKEN
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.bank is BankOutcome.ACCEPTED
    assert await desk.street.available() == 1_000_000
    assert not desk.alarms.raised


@pytest.mark.parametrize("door", [by_refund, by_voucher, by_pacs004])
async def test_what_comes_back_of_a_refused_payment_does_not_make_it_paid(door: Door) -> None:
    """As an outcome, `returned` is another word on the payment itself: that contradicts."""
    desk = await Desk.forwarded(BankOutcome.REJECTED)
    try:
        assert await door(desk, 30_000, SERIAL) not in TAKEN
    except RefundRefused as refused:
        assert refused.code is FaultCode.REFUND_UNPAID
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.bank is BankOutcome.REJECTED and not standing.disputed
    assert await desk.street.available() == 1_000_000
    assert desk.alarms.policies() == ["JL-101"] and not desk.records("correction")


@pytest.mark.parametrize("door", DOORS)
async def test_of_what_the_bank_has_told_in_two_ways_nothing_comes_back(door: Door) -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    told = texts(await desk.post(report("1", "RJCT"), BANK), "TxSts")
    assert told == ["RJCT"], "accepted before: a contradiction"
    try:
        assert await door(desk, 10_000, SERIAL) not in TAKEN or door is by_outcome
    except RefundRefused as refused:
        assert refused.code is FaultCode.REFUND_UNPAID
    assert await desk.street.available() == 970_000
    assert not desk.records("refund")


@pytest.mark.parametrize("door", DOORS)
async def test_a_number_with_a_blank_at_its_end_is_no_other_number(door: Door) -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    assert await door(desk, 10_000, SERIAL) in TAKEN
    for number, other in enumerate(DOORS):
        if other is door:
            continue
        try:
            assert await other(desk, 10_000, f"{SERIAL} ") not in TAKEN, number
        except Unreadable:
            continue
    assert await desk.street.available() == 980_000


@pytest.mark.parametrize("door", DOORS)
async def test_a_database_that_has_forgotten_takes_no_word_and_the_same_one_later(
    door: Door,
) -> None:
    desk = await Desk.forwarded(BankOutcome.ACCEPTED)
    desk.behind[DIVISION] = "restored"
    with pytest.raises(Unready):
        await door(desk, 10_000, SERIAL)
    for letter in (enquiry("1"), recall("1")):
        with pytest.raises(Unready):
            await desk.post(letter)
    with pytest.raises(Unready):
        await desk.post(report("1", "RJCT"), BANK)
    assert await desk.street.available() == 970_000
    assert not desk.alarms.raised and not desk.records("correction")
    desk.behind.clear()
    assert await door(desk, 10_000, SERIAL) in TAKEN
    assert await desk.street.available() == 980_000


async def test_of_a_batch_that_passed_in_part_no_more_comes_back_than_that_part() -> None:
    street = await street_of(batch(3_000, 4_000, 2_000), Picky(bad=frozenset({"ACCOUNT2"})))
    before = await street.available()
    desk = await Desk.open(street)
    await desk.carry()
    assert before - await street.available() == 5_000
    assert await by_pacs004(desk, 5_001, "JH-1") not in TAKEN
    assert await by_voucher(desk, 5_000, "JH-2") in TAKEN
    assert await street.available() == before
    assert await by_pacs004(desk, 1, "JH-3") not in TAKEN
    assert await street.available() == before
