"""Holds, releases and refunds: one contract, in memory and on PostgreSQL."""

import asyncio
import datetime as dt
import hashlib

import asyncpg
import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import Conflicting, FaultCode
from gateway.domain.holds import Claim, Claimed, Ending, Gone, HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Demand, Limit, LimitKey, LimitKind, Moved, Short
from gateway.domain.money import Fen
from gateway.domain.refunds import Handed, Refund, RefundResult
from gateway.domain.releases import (
    Order,
    Verdict,
    decision_bytes,
    read_order,
)
from gateway.domain.windows import WindowAsk, WindowShare
from tests.adapters.postgres.conftest import Storage, opened
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    admission,
    ask,
    draft,
    key,
    line,
    registers,
    settlement,
    share,
)
from tests.limits import limit_at
from tests.orders import order_by_two

LATER = NOW + dt.timedelta(hours=1)
TICK = dt.timedelta(microseconds=1)


def order_about(
    number: int | str, verdict: Verdict = Verdict.RELEASE, *, division: str = DIVISION,
    reason: str = "材料已补齐", nonce: int = 0,
) -> tuple[Order, bytes]:  # fmt: skip
    digest = hashlib.sha256(str(number).encode()).digest()
    at = NOW + dt.timedelta(seconds=nonce)
    decision = decision_bytes(
        key(number, division), digest, verdict, (), reason, (at, LATER + dt.timedelta(days=1))
    )
    body = order_by_two(decision, at)
    return read_order(body), body


async def given(storage: Storage, number: int | str, version: int, **changes: object) -> bytes:
    """An order about it, taken from a feed; its digest."""
    order, body = order_about(number, **changes)  # type: ignore[arg-type]
    signed = b"feed %d %d" % (version, len(body)), "jws", "spiffe://test/bureau/220000000"
    assert await storage.holds.take_feed(DIVISION, version, signed, [order], [body], NOW)
    return order.digest


def claim_of(
    number: int | str, order: bytes, amount: int = 100, lines: tuple[str, ...] = ("IND-1",), *,
    division: str = DIVISION, cap: int | None = None, asks: tuple[WindowAsk, ...] = (),
    shares: tuple[WindowShare, ...] = (),
) -> Claim:  # fmt: skip
    return Claim(
        key=key(number, division), order=order, at=LATER, decision=b'{"outcome":"passed"}',
        demands=tuple(
            Demand(limit=line(id), amount_fen=Fen(amount), cap_fen=cap) for id in lines
        ),
        asks=asks, shares=shares, record=draft(str(key(number, division)), "release"),
        notification=b'{"kind":"hold_ended"}',
    )  # fmt: skip


def ending_of(number: int | str, how: HoldEnding, order: bytes | None = None) -> Ending:
    return Ending(
        key=key(number), how=how, at=LATER, order=order, decision=b'{"outcome":"blocked"}',
        record=draft(str(key(number)), "release"), notice=b"{}" if order is None else None,
        notification=b'{"kind":"hold_ended"}',
    )  # fmt: skip


def refund_of(
    number: str, payment: int | str, amount: int, *, content: str = "", division: str = DIVISION,
    door: str = "2203", reference: str = "",
) -> Refund:  # fmt: skip
    own = InstructionKey(division=division, fiscal_year=2026, voucher_type=door, voucher_no=number)
    raw = f"{number} {payment} {amount} {content}".encode()
    return Refund(
        key=own, payment=key(payment, division), reference=reference, amount_fen=Fen(amount),
        at=LATER, digest=hashlib.sha256(raw).digest(),
        handed=Handed(raw=raw, signature=f"signature of {number}", party="spiffe://test/bank/103"),
        record=draft(str(key(payment, division)), "refund"), notification=b'{"kind":"refund"}',
    )  # fmt: skip


async def limit_of(storage: Storage, id: str = "IND-1") -> Limit:
    found = await limit_at(storage.ledger, DIVISION, line(id))
    assert found
    return found


async def held(storage: Storage, number: int | str, amount: int = 100, **more: object) -> None:
    wanted = admission(number, amount, outcome=Outcome.HOLD, **more)  # type: ignore[arg-type]
    await storage.ledger.admit(wanted)


async def grant(storage: Storage, amount: int, version: int = 1) -> None:
    await storage.registers.load(b"", registers(version, {"IND-1": amount, "IND-2": amount}))


async def test_a_claim_reserves_opens_the_payment_and_ends_the_hold(storage: Storage) -> None:
    await grant(storage, 1000)
    await held(storage, 1)
    for until, shown in ((LATER, [key(1)]), (NOW, [key(1)]), (NOW - TICK, [])):
        holds = await storage.holds.open_holds(DIVISION, until, 9)
        assert [hold.key for hold in holds] == shown, "held not later than that"
    order = await given(storage, 1, 1)
    assert await storage.holds.claim(claim_of(1, order)) == Claimed()
    assert ((await limit_of(storage)).reserved_fen, (await limit_of(storage)).posted_fen) == (
        100,
        0,
    )
    standing = await storage.second.standing(key(1))
    assert standing and (standing.outcome, standing.ended_how) == (Outcome.HOLD, "released")
    assert standing.bank is BankOutcome.UNKNOWN
    assert standing.decided_now == (b'{"outcome":"passed"}', LATER)
    (payment,) = await storage.ledger.open_payments(LATER + dt.timedelta(seconds=1), 9)
    assert (payment.key, payment.amount_fen) == (key(1), 100)
    assert await storage.holds.open_holds(DIVISION, LATER, 9) == []
    assert await storage.holds.open_orders(9) == []
    assert await storage.ledger.settle(settlement(1))
    assert ((await limit_of(storage)).reserved_fen, (await limit_of(storage)).posted_fen) == (
        0,
        100,
    )


async def test_of_many_who_claim_one_hold_exactly_one_may_forward(storage: Storage) -> None:
    await grant(storage, 1000)
    await held(storage, 1)
    order = await given(storage, 1, 1)
    other = await given(storage, 1, 2, nonce=1)
    rooms = [storage.holds, storage.second_holds] * 4
    claims = [claim_of(1, order if n % 3 else other) for n in range(len(rooms))]
    answers = await asyncio.gather(*(r.claim(c) for r, c in zip(rooms, claims, strict=True)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Claimed"] + ["Gone"] * 7
    assert (await limit_of(storage)).reserved_fen == 100


async def test_six_parallel_releases_of_a_thousand_on_five_never_all_succeed(
    storage: Storage,
) -> None:
    await grant(storage, 5000)
    orders = []
    for number in range(6):
        await held(storage, number, 1000)
        orders.append(await given(storage, number, number + 1))
    rooms = [storage.holds, storage.second_holds] * 3
    answers = await asyncio.gather(
        *(room.claim(claim_of(n, orders[n], 1000)) for n, room in enumerate(rooms))
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Claimed"] * 5 + ["Short"]
    assert (await limit_of(storage)).available_fen == 0


async def test_a_claim_that_is_short_or_rests_on_old_windows_writes_nothing(
    storage: Storage,
) -> None:
    await grant(storage, 100)
    await held(storage, 1, 100)
    order = await given(storage, 1, 1)
    two = claim_of(1, order, 60, ("IND-2", "IND-1", "IND-1"))
    assert await storage.holds.claim(two) == Short(demand=two.demands[2], available_fen=100)
    capped = claim_of(1, order, 60, cap=50)
    assert await storage.holds.claim(capped) == Short(demand=capped.demands[0], available_fen=50)
    await storage.ledger.admit(admission(9, 0, shares=[share(7)]))
    wrong = claim_of(1, order, asks=(ask(0),), shares=(share(5),))
    assert await storage.holds.claim(wrong) == Moved(values={ask(0).key: 7})
    assert (await limit_of(storage)).reserved_fen == 0
    assert (await limit_of(storage, "IND-2")).reserved_fen == 0
    assert len(await storage.holds.open_orders(9)) == 1
    high = claim_of(1, order, asks=(ask(8),), shares=(share(5),))
    assert await storage.holds.claim(high) == Moved(values={ask(0).key: 7}), "nor on too much"
    right = claim_of(1, order, asks=(ask(7),), shares=(share(5),))
    assert await storage.holds.claim(right) == Claimed()
    later = admission(10, outcome=Outcome.BLOCK, asks=[ask(0)])
    assert await storage.ledger.admit(later) == Moved(values={ask(0).key: 12})
    await storage.ledger.settle(settlement(1, BankOutcome.REJECTED))
    assert await storage.ledger.admit(later) == Moved(values={ask(0).key: 7})


async def test_what_it_added_as_a_held_one_does_not_count_against_itself(storage: Storage) -> None:
    await grant(storage, 1000)
    await held(storage, 1, shares=[share(50)])
    order = await given(storage, 1, 1)
    claim = claim_of(1, order, asks=(ask(0),), shares=(share(60), share(1)))
    assert await storage.holds.claim(claim) == Claimed()
    curious = admission(10, outcome=Outcome.BLOCK, asks=[ask(0)])
    assert await storage.ledger.admit(curious) == Moved(values={ask(0).key: 61})


@pytest.mark.parametrize("how", [HoldEnding.REFUSED, HoldEnding.EXPIRED])
async def test_a_hold_that_ended_is_never_claimed_and_ends_once(
    storage: Storage, how: HoldEnding
) -> None:
    await grant(storage, 1000)
    await held(storage, 1)
    order = await given(storage, 1, 1)
    refusing = await given(storage, 1, 2, verdict=Verdict.REFUSE)
    ending = ending_of(1, how, refusing if how is HoldEnding.REFUSED else None)
    assert await storage.holds.end(ending)
    assert not await storage.second_holds.end(ending)
    assert await storage.holds.claim(claim_of(1, order)) == Gone()
    standing = await storage.ledger.standing(key(1))
    assert standing and (standing.ended_how, standing.bank) == (how, None)
    assert (await limit_of(storage)).reserved_fen == 0
    told = await storage.holds.notifications(DIVISION, "101001", 9)
    assert [each.subject for each in told] == [str(key(1))]


async def test_only_what_is_held_can_be_released_or_expire(storage: Storage) -> None:
    await grant(storage, 1000)
    await storage.ledger.admit(admission(1, outcome=Outcome.BLOCK))
    await storage.ledger.admit(admission(2))
    for number, version in ((1, 1), (2, 2), (3, 3)):
        order = await given(storage, number, version)
        assert await storage.holds.claim(claim_of(number, order)) == Gone()
        assert not await storage.holds.end(ending_of(number, HoldEnding.EXPIRED))
        assert await storage.holds.dismiss(DIVISION, order, LATER, draft("x", "release"))
        assert not await storage.holds.dismiss(DIVISION, order, LATER, draft("x", "release"))


async def test_feeds_rise_by_one_and_an_order_is_given_once(storage: Storage) -> None:
    order, body = order_about(1)
    feed = b"one", "jws", "bureau"
    assert await storage.holds.take_feed(DIVISION, 1, feed, [order], [body], NOW)
    assert not await storage.holds.take_feed(DIVISION, 1, feed, [order], [body], NOW)
    for version, code in ((1, FaultCode.FEED_CONFLICT), (3, FaultCode.FEED_GAP)):
        with pytest.raises(Conflicting) as caught:
            other = b"other", "jws", "bureau"
            await storage.holds.take_feed(DIVISION, version, other, [order], [body], NOW)
        assert caught.value.code is code
    assert await storage.holds.take_feed(DIVISION, 2, feed, [order], [body], NOW)
    assert await storage.holds.open_orders(9) == [(DIVISION, body)]
    assert await storage.holds.given_in(DIVISION, order.digest) == (b"one", "jws"), "the first"
    assert await storage.holds.given_in(DIVISION, bytes(32)) is None
    assert not await storage.holds.take_feed(DIVISION, 1, feed, [order], [body], NOW), "still"


async def test_of_each_division_the_oldest_orders_are_shown(storage: Storage) -> None:
    """However many another one has, and however old."""
    given_first, bodies = "110000000", dict[str, list[bytes]]()
    for division, version, numbers in ((given_first, 1, (1, 2, 3)), (given_first, 2, (4,)),
                                       (DIVISION, 1, (5,))):  # fmt: skip
        pairs = [order_about(number, division=division) for number in numbers]
        orders, raw = [order for order, _ in pairs], [body for _, body in pairs]
        feed, at = (b"%d" % numbers[0], "jws", "bureau"), NOW + dt.timedelta(hours=numbers[0])
        assert await storage.holds.take_feed(division, version, feed, orders, raw, at)
        bodies.setdefault(division, []).extend(raw)
    shown = await storage.holds.open_orders(3)
    assert {division for division, _ in shown} == {given_first, DIVISION}
    assert {body for _, body in shown} == {*bodies[given_first][:3], *bodies[DIVISION]}
    assert len(await storage.holds.open_orders(9)) == 5


async def test_an_agency_fetches_and_acknowledges_its_own_notifications(storage: Storage) -> None:
    await grant(storage, 1000)
    await held(storage, 1)
    await storage.holds.end(ending_of(1, HoldEnding.EXPIRED))
    (told,) = await storage.holds.notifications(DIVISION, "101001", 9)
    assert await storage.holds.notifications(DIVISION, "101002", 9) == []
    assert await storage.holds.notifications("220100000", None, 9) == []
    assert await storage.holds.acknowledge(DIVISION, "101002", [told.id], NOW, "x") == []
    assert await storage.holds.acknowledge(DIVISION, None, [told.id], NOW, "x") == [told.id]
    assert await storage.holds.notifications(DIVISION, "101001", 9) == []


async def test_a_refund_gives_back_once_in_parts_and_never_more_than_was_posted(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await storage.ledger.admit(admission(1, 100, ("IND-1", "IND-2")))
    early = await storage.refunds.refund(refund_of("R0", 1, 1))
    assert early.result is RefundResult.UNPAID
    await storage.ledger.settle(settlement(1))
    first = refund_of("R1", 1, 30)
    results = await asyncio.gather(*(storage.refunds.refund(first) for _ in range(4)))
    told = sorted(answer.result for answer in results)
    assert told == [RefundResult.REFUNDED] + [RefundResult.REPEATED] * 3
    changed = refund_of("R1", 1, 30, content="other")
    assert (await storage.refunds.refund(changed)).result is RefundResult.CONFLICT
    over = await storage.refunds.refund(refund_of("R2", 1, 71))
    assert (over.result, over.refundable_fen) == (RefundResult.EXCEEDS, 70)
    for id in ("IND-1", "IND-2"):
        assert (await limit_of(storage, id)).posted_fen == 70
    rest = await storage.refunds.refund(refund_of("R3", 1, 70))
    assert rest.result is RefundResult.REFUNDED
    for id in ("IND-1", "IND-2"):
        assert (
            (await limit_of(storage, id)).posted_fen,
            (await limit_of(storage, id)).available_fen,
        ) == (0, 1000)
    again = await storage.refunds.refund(refund_of("R4", 1, 1))
    assert (again.result, again.refundable_fen) == (RefundResult.EXCEEDS, 0)


@pytest.mark.postgres
async def test_a_refund_is_kept_with_the_bytes_and_the_signature_it_came_with(
    migrated: str,
) -> None:
    async with opened(migrated) as storage:
        await grant(storage, 1000)
        await storage.ledger.admit(admission(1, 100))
        await storage.ledger.settle(settlement(1))
        first = refund_of("R1", 1, 30)
        await storage.refunds.refund(first)
        forged = attrs.evolve(
            first, handed=attrs.evolve(first.handed, signature="another signature")
        )
        assert (await storage.refunds.refund(forged)).result is RefundResult.REPEATED
    connection = await asyncpg.connect(migrated)
    kept = await connection.fetchrow("SELECT raw, signature, party FROM refund")
    await connection.close()
    assert tuple(kept) == (first.handed.raw, first.handed.signature, first.handed.party)


async def test_refunds_at_once_never_come_to_more_than_was_paid(storage: Storage) -> None:
    await grant(storage, 1000)
    await storage.ledger.admit(admission(1, 100))
    await storage.ledger.settle(settlement(1))
    answers = await asyncio.gather(
        *(storage.refunds.refund(refund_of(f"R{n}", 1, 30)) for n in range(8))
    )
    told = sorted(answer.result for answer in answers)
    assert told == [RefundResult.EXCEEDS] * 5 + [RefundResult.REFUNDED] * 3
    assert (await limit_of(storage)).posted_fen == 10


async def test_a_line_that_carried_a_part_gets_its_share_and_all_of_it_at_last(
    storage: Storage,
) -> None:
    """One detail's approval of 33 in a voucher of 100."""
    await grant(storage, 1000)
    wanted = admission(1, 100)
    part = Demand(limit=line("IND-2"), amount_fen=Fen(33))
    await storage.ledger.admit(replace(wanted, demands=(*wanted.demands, part)))
    await storage.ledger.settle(settlement(1))
    seen = []
    for number, amount in (("R1", 1), ("R2", 49), ("R3", 49), ("R4", 1)):
        await storage.refunds.refund(refund_of(number, 1, amount))
        seen.append((await limit_of(storage, "IND-2")).posted_fen)
    assert seen == [33, 17, 1, 0]


async def test_a_released_payment_gives_back_what_its_release_had_reserved(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await held(storage, 1)
    order = await given(storage, 1, 1)
    await storage.holds.claim(claim_of(1, order, 100, ("IND-1", "IND-2")))
    await storage.ledger.settle(settlement(1))
    assert (await storage.refunds.refund(refund_of("R1", 1, 100))).result is RefundResult.REFUNDED
    assert (await limit_of(storage)).posted_fen == 0
    assert (await limit_of(storage, "IND-2")).posted_fen == 0


async def test_what_is_refunded_below_a_lowered_grant_does_not_open_it(storage: Storage) -> None:
    await grant(storage, 1000)
    await storage.ledger.admit(admission(1, 900))
    await storage.ledger.settle(settlement(1))
    await grant(storage, 100, version=2)
    await storage.refunds.refund(refund_of("R1", 1, 850))
    assert (await limit_of(storage)).available_fen == 50
    answer = await storage.ledger.admit(admission(2, 51))
    assert answer == Short(
        demand=Demand(limit=LimitKey(kind=LimitKind.INDICATOR, id="IND-1"), amount_fen=Fen(51)),
        available_fen=50,
    )
