"""The workers that end holds: orders are carried out, and what waits too long expires."""

import datetime as dt
from typing import Any

import attrs
import orjson
import pytest
import structlog
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.holds import name_of
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Limit, LimitKey, LimitKind, RecordDraft, Standing
from gateway.domain.refunds import Overdraft
from gateway.domain.releases import (
    Order,
    Verdict,
    decision_bytes,
    read_order,
)
from gateway.pipeline.tell import Origin, microseconds
from gateway.workers.expire import CLOCKS_APART, SWEEP, Expiring, Keeping
from gateway.workers.office import Office
from gateway.workers.release import ORDERS_MAX, Releasing
from tests.orders import order_by_two
from tests.pipeline.fakes import DIVISION, NOW, instruction, received
from tests.pipeline.test_release import HELD, LATER, RAW, Counter

ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")
DAY_S = 86_400.0
OTHER = "220100000"


@attrs.define
class Told:
    """Overdrawn lines, each told once."""

    waiting: list[Overdraft] = attrs.field(factory=list)
    records: list[RecordDraft] = attrs.field(factory=list)

    async def untold(self, division: str, limit: int) -> list[Overdraft]:
        return self.waiting[:limit]

    async def tell(self, division: str, overdraft: Overdraft, record: RecordDraft) -> bool:
        self.waiting.remove(overdraft)
        self.records.append(record)
        return True


def expiring(
    counter: Counter, told: Told | None = None, behind: dict[str, str] | None = None
) -> Expiring:
    street = counter.street
    keeping = Keeping(holds=counter.holds, overdrafts=told or Told(), ledger=street.ledger)
    office = Office(None)  # type: ignore[arg-type]  # nobody asks who leads
    return Expiring(office, keeping, street.clock, ORIGIN, (DIVISION,), 3 * DAY_S, behind or {})


@pytest.mark.parametrize("odd", [None, b"not json", b'{"outcome":"of a newer release"}'])
async def test_a_hold_that_cannot_be_read_keeps_no_other_from_its_end(
    odd: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays held: nothing is paid on what nobody can read."""
    counter = await Counter.holding()
    counter.street.clock.wall = NOW + dt.timedelta(days=3)
    ledger, holds = counter.street.ledger, counter.holds
    (well,) = await holds.open_holds(DIVISION, counter.street.clock.wall, 9)
    ill = attrs.evolve(well, key=replace(well.key, voucher_no="0"))
    standing, open_holds = ledger.standing, holds.open_holds

    async def found(division: str, due: dt.datetime, limit: int) -> list[Any]:
        return [ill, *await open_holds(division, due, limit)]

    async def stood(key: InstructionKey) -> Any:
        if key != ill.key:
            return await standing(key)
        return odd and attrs.evolve(await standing(well.key), key=key, decision=odd)

    monkeypatch.setattr(holds, "open_holds", found)
    monkeypatch.setattr(ledger, "standing", stood)
    worker = expiring(counter)
    assert await worker.look() == 1 and await worker.look() == 0
    assert counter.last["what"] == "expired" and counter.last["voucher_no"] == "1"


async def test_a_hold_that_nobody_released_in_time_ends_told_to_everybody() -> None:
    counter = await Counter.holding()
    worker = expiring(counter)
    counter.street.clock.wall = NOW + dt.timedelta(days=3) - dt.timedelta(seconds=1)
    assert await worker.look() == 0
    counter.street.clock.wall = NOW + dt.timedelta(days=3)
    assert await worker.look() == 1
    assert await worker.look() == 0
    assert counter.last["what"] == "expired"
    notices = [orjson.loads(n.body)["kind"] for n in counter.street.state.notices.values()]
    assert notices == ["interception", "hold_expired"]
    (told,) = counter.street.state.notifications
    assert orjson.loads(told.body)["how"] == "expired"
    again = await counter.street.line.carry(received(RAW))
    assert (again.decision.outcome, again.bank) == (Outcome.BLOCK, None)
    assert [f.policy for f in again.decision.findings] == ["EXPIRED", "JL-052"]
    assert "3天" in again.decision.findings[0].reason_zh
    counter.street.clock.wall = LATER
    assert await counter.release.carry_out(await counter.order()) == "ended before"
    assert "submit one" not in counter.street.diary


async def test_the_mark_up_to_which_all_holds_ended_stays_behind_by_as_much_as_clocks_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A neighbour whose clock is behind may write a hold of before; nobody would look for it."""
    counter = await Counter.holding()
    worker = expiring(counter)
    swept: list[dt.datetime] = []

    async def note(division: str, before: dt.datetime) -> None:
        swept.append(before)

    monkeypatch.setattr(counter.holds, "swept", note)
    counter.street.clock.wall = NOW + dt.timedelta(days=3)
    assert await worker.look() == 1
    assert swept == [], "not while some may be left"
    assert await worker.look() == 0
    assert swept == [NOW - CLOCKS_APART]
    for seconds, count in ((299, 1), (1, 2), (299, 2)):
        counter.street.clock.wall += dt.timedelta(seconds=seconds)
        await worker.look()
        assert len(swept) == count, "each five minutes"
    assert swept[-1] == NOW + SWEEP - CLOCKS_APART


async def test_a_hold_that_another_has_ended_meanwhile_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counter = await Counter.holding()
    counter.street.clock.wall = NOW + dt.timedelta(days=3)

    async def second(ending: object) -> bool:
        return False

    monkeypatch.setattr(counter.holds, "end", second)
    with structlog.testing.capture_logs() as told:
        assert await expiring(counter).look() == 0
    assert told == []


async def test_what_a_database_that_forgot_holds_does_not_expire_until_it_is_whole() -> None:
    """It may have been released and paid in what is lost: nobody may order it anew."""
    counter, behind = await Counter.holding(), {DIVISION: "it was restored from an older copy"}
    worker = expiring(counter, behind=behind)
    counter.street.clock.wall = NOW + dt.timedelta(days=4)
    assert await worker.look() == 0
    assert not counter.street.state.notifications and not counter.street.state.hold_ends
    behind.clear()
    assert await worker.look() == 1


async def test_an_order_that_must_wait_stops_no_other_and_each_is_carried_out_once() -> None:
    counter = await Counter.holding()
    first = await counter.order((name_of(HELD),))
    await counter.order((), verdict=Verdict.REFUSE)
    office = Office(None)  # type: ignore[arg-type]
    worker = Releasing(office, counter.holds, counter.release)
    counter.street.bank.strain = "silent"
    assert await worker.carry_out_all() == 1, "the release waits for the bank, the refusal does not"
    counter.street.bank.strain = ""
    assert counter.last["what"] == "refused"
    assert await worker.carry_out_all() == 1
    assert counter.last["why"] == "ended before"
    assert await worker.carry_out_all() == 0
    assert first.digest not in [order for _, order in counter.street.state.open_releases]


async def test_an_order_that_no_bureau_gave_is_not_carried_out_and_stops_no_other() -> None:
    counter = await Counter.holding()
    forged = await counter.order((name_of(HELD),))
    await counter.order((), verdict=Verdict.REFUSE)

    async def against(order: Order, body: bytes) -> str:
        return "nobody gave it" if order.digest == forged.digest else ""

    worker = Releasing(Office(None), counter.holds, counter.release, against)  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as logs:
        assert await worker.carry_out_all() == 1
    assert counter.last["what"] == "refused" and counter.street.bank.submitted == []
    assert "release.not_given" in [each["event"] for each in logs]
    assert await worker.carry_out_all() == 0


async def test_a_release_by_the_worker_is_settled_by_the_banks_word() -> None:
    counter = await Counter.holding()
    await counter.order()
    counter.street.bank.outcome = BankOutcome.UNKNOWN
    worker = Releasing(Office(None), counter.holds, counter.release)  # type: ignore[arg-type]
    assert await worker.carry_out_all() == 1
    assert await worker.carry_out_all() == 0
    again = await counter.street.line.carry(received(RAW))
    assert (again.decision.outcome, again.bank) == (Outcome.PASS, BankOutcome.UNKNOWN)
    assert counter.street.diary.count("submit one") == 1


async def test_a_line_below_its_reservations_is_put_on_record() -> None:
    counter = await Counter.holding()
    limit = Limit(
        key=LimitKey(kind=LimitKind.INDICATOR, id="I1"), granted_fen=500, frozen_fen=1,
        opening_fen=2, reserved_fen=600, posted_fen=3,
    )  # fmt: skip
    told = Told([Overdraft(limit=limit, noted_at=NOW)])
    await expiring(counter, told).look()
    (record,) = told.records
    fields = orjson.loads(record.body)
    assert (fields["kind"], fields["id"]) == ("limit_overdrawn", "I1")
    assert [fields[f"{name}_fen"] for name in ("granted", "frozen", "opening", "reserved",
                                               "posted")] == [500, 1, 2, 600, 3]  # fmt: skip
    assert (fields["noted_at"], fields["recorded_at"]) == (
        microseconds(NOW), microseconds(counter.street.clock.now()),
    )  # fmt: skip


async def test_a_division_whose_orders_must_wait_keeps_no_other_waiting() -> None:
    """Be it shut by whatever shuts a division, with more orders than a round has places."""
    counter = await Counter.holding()
    waiting = _ordered_elsewhere(counter, ORDERS_MAX + 1)
    counter.release._rooms.behind[OTHER] = "it was restored from an older copy"  # type: ignore[index]
    await counter.order((), verdict=Verdict.REFUSE)
    worker = Releasing(Office(None), counter.holds, counter.release)  # type: ignore[arg-type]
    assert await worker.carry_out_all() == 1
    assert counter.last["what"] == "refused"
    assert set(counter.street.state.open_releases) == waiting


async def test_an_order_that_this_release_cannot_read_ends_nothing_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program that was put back meets what a newer one has taken: it would end at each start."""
    counter = await Counter.holding()
    await counter.order()
    orders = counter.holds.open_orders

    async def with_a_newer_one(limit: int) -> list[tuple[str, bytes]]:
        return [(DIVISION, b'{"decision":{"kind":"of a newer release"}}'), *await orders(limit)]

    monkeypatch.setattr(counter.holds, "open_orders", with_a_newer_one)
    worker = Releasing(Office(None), counter.holds, counter.release)  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as told:
        assert [await worker.carry_out_all() for _ in range(2)] == [1, 0]
    assert [line["event"] for line in told].count("release.unreadable") == 1


async def test_an_order_that_the_ledger_does_not_take_stops_no_other() -> None:
    counter = await Counter.holding()
    _ordered_elsewhere(counter, 1)
    await counter.order((), verdict=Verdict.REFUSE)
    known = counter.street.ledger.standing

    async def some(key: InstructionKey) -> Standing | None:
        if key.division == OTHER:
            raise LedgerUnavailable("not this one")
        return await known(key)

    counter.street.ledger.standing = some  # type: ignore[method-assign]
    worker = Releasing(Office(None), counter.holds, counter.release)  # type: ignore[arg-type]
    assert await worker.carry_out_all() == 1
    assert counter.last["what"] == "refused"


def _ordered_elsewhere(counter: Counter, count: int) -> set[tuple[str, bytes]]:
    """Refusals of another division, older than all others."""
    waiting = counter.street.state.open_releases
    for number in range(count):
        key = replace(instruction(str(number)).key, division=OTHER)
        life = NOW, NOW + dt.timedelta(days=9)
        decision = decision_bytes(key, bytes(32), Verdict.REFUSE, (), "不予支付", life)
        body = order_by_two(decision, NOW)
        waiting[OTHER, read_order(body).digest] = body
    return set(waiting)
