"""A release, carried out with real steps over small truths: what it may set aside, and what not."""

import datetime as dt
import hashlib
from collections.abc import Collection
from typing import Any

import attrs
import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.domain.decision import Action, Finding, Outcome
from gateway.domain.facts import Facts
from gateway.domain.faults import FaultCode, LedgerUnavailable, Unproven, Unready
from gateway.domain.holds import Claim, Claimed, FindingName, Gone, name_of
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Moved, Settled, Short
from gateway.domain.registers import Registers
from gateway.domain.releases import (
    Order,
    Verdict,
    decision_bytes,
    read_order,
)
from gateway.pipeline.release import Release
from gateway.pipeline.tell import Origin
from tests.memory.holds import MemoryHolds
from tests.orders import order_by_two
from tests.pipeline.fakes import (
    DIVISION,
    NOW,
    SENDER,
    BookOf,
    finding,
    instruction,
    received,
    registers,
)
from tests.pipeline.test_line import Street

HELD = finding("JL-052", Action.HOLD)
RAW = b"one"
LATER = NOW + dt.timedelta(hours=2)


class Registry:
    """Says whose signature it is, as long as it counts."""

    def __init__(self) -> None:
        self.signer = SENDER

    def verify_document(self, body: bytes, signature: str, at: dt.datetime | None = None) -> str:
        if not self.signer:
            raise Unproven(FaultCode.SIGNER_UNKNOWN, "revoked")
        return self.signer


class DiaryHolds(MemoryHolds):
    lose = False

    async def claim(self, claim: Claim) -> Claimed | Gone | Short | Moved:
        answer = await super().claim(claim)
        if self.lose:
            raise LedgerUnavailable("the answer was lost")
        return answer


class Counter:
    """A street with one held instruction, and the bureau's orders about it."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.holds = DiaryHolds(street.state, street.ledger)
        self.registry = Registry()
        self.version = 0
        self.release = Release(street.line._rooms, street.line, self.holds, self.registry)

    @classmethod
    async def holding(
        cls, *findings: Finding, granted: int = 1_000_000, amount: int = 30_000
    ) -> "Counter":
        street = await Street(instruction(amount=amount), granted=granted).open()
        street.book.findings = findings or (HELD,)
        answer = await street.line.carry(received(RAW))
        assert answer.decision.outcome is Outcome.HOLD
        street.diary.clear()
        street.clock.wall = LATER
        return cls(street)

    async def order(
        self, overrides: Collection[FindingName] = (name_of(HELD),), *,
        verdict: Verdict = Verdict.RELEASE, raw: bytes = RAW, number: str = "1",
        valid: dt.timedelta = dt.timedelta(days=1),
    ) -> Order:  # fmt: skip
        self.version += 1
        key = InstructionKey(
            division=DIVISION, fiscal_year=2026, voucher_type="8202", voucher_no=number
        )
        at = LATER - dt.timedelta(minutes=5) + dt.timedelta(microseconds=self.version)
        decision = decision_bytes(
            key, hashlib.sha256(raw).digest(), verdict, overrides, "材料已补齐", (at, at + valid)
        )
        body = order_by_two(decision, at)
        order = read_order(body)
        signed = body, "jws", "bureau"
        await self.holds.take_feed(DIVISION, self.version, signed, [order], [body], LATER)
        return order

    @property
    def last(self) -> dict[str, object]:
        return [r for r in self.street.records() if r["kind"] == "release"][-1]


async def test_a_release_makes_every_check_again_and_forwards_once() -> None:
    counter = await Counter.holding()
    order = await counter.order()
    came_to = await counter.release.carry_out(order)
    assert isinstance(came_to, Settled) and came_to.bank.outcome is BankOutcome.ACCEPTED
    assert counter.street.diary == ["submit one", "settle accepted"]
    assert await counter.street.available() == 1_000_000 - 30_000
    assert counter.last["what"] == "released"
    assert [p["name"] for p in counter.last["persons"]] == ["李经办", "王复核"]  # type: ignore[index,attr-defined]
    again = await counter.street.line.carry(received(RAW))
    assert (again.decision.outcome, again.bank) == (Outcome.PASS, BankOutcome.ACCEPTED)
    assert await counter.release.carry_out(order) == "ended before"
    assert counter.street.diary.count("submit one") == 1


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (finding("JL-093", Action.BLOCK), "a block that the order even names"),
        (finding("JL-041", Action.HOLD), "a hold that the order does not name"),
        (attrs.evolve(HELD, revision=2), "the same policy, revised since"),
        (attrs.evolve(HELD, detail="2"), "the same policy on another detail"),
        (attrs.evolve(HELD, unavailable=("accounts",)), "a register that cannot be consulted"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_was_not_overridden_stops_a_release_and_the_hold_stays(
    now: Finding, what: str
) -> None:
    counter = await Counter.holding()
    named = {name_of(HELD)} | ({name_of(now)} if now.action is Action.BLOCK else set())
    order = await counter.order(named)
    counter.street.book.findings = (HELD, now)
    assert await counter.release.carry_out(order) == "findings", what
    assert counter.street.diary == []
    assert await counter.street.available() == 1_000_000
    assert (counter.last["what"], counter.last["why"]) == ("not_carried_out", "findings")
    assert now.policy in [each["policy"] for each in counter.last["judged"]]  # type: ignore[index,attr-defined]
    counter.street.book.findings = (HELD,)
    assert isinstance(await counter.release.carry_out(await counter.order()), Settled)


async def test_money_that_is_gone_by_now_stops_a_release() -> None:
    counter = await Counter.holding(granted=50_000)
    other = await Street(instruction("2", amount=30_000)).open()
    counter.street.book.findings = ()
    other.line._rooms = attrs.evolve(other.line._rooms, ledger=counter.street.ledger)
    await other.line.carry(received(b"two"))
    counter.street.book.findings = (HELD,)
    assert await counter.release.carry_out(await counter.order()) == "findings"
    assert counter.street.diary[-1] != "submit one"
    assert "JL-011" in [each["policy"] for each in counter.last["judged"]]  # type: ignore[index,attr-defined]


async def test_a_window_that_has_filled_up_since_stops_a_release() -> None:
    counter = await Counter.holding(amount=60_000)
    counter.street.book.cash_max = 100_000
    other = await Street(instruction("2", amount=50_000)).open()
    other.book.cash_max = 100_000
    other.line._rooms = attrs.evolve(other.line._rooms, ledger=counter.street.ledger)
    await other.line.carry(received(b"two"))
    assert await counter.release.carry_out(await counter.order()) == "findings"
    assert "JL-044" in [each["policy"] for each in counter.last["judged"]]  # type: ignore[index,attr-defined]
    named = {name_of(HELD), name_of(finding("JL-044", Action.HOLD))}
    assert isinstance(await counter.release.carry_out(await counter.order(named)), Settled)


OTHERS = "spiffe://treasury.test/agency/220000000/101002"


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"signer": OTHERS}, "sender_unknown"),
        ({"signer": "spiffe://treasury.test/nobody"}, "sender_unknown"),
        ({"origin": "spiffe://elsewhere.test/gateway/103"}, "sender_unknown"),
        ({"agency": "101002"}, "sender_not_entitled"),
        ({"divisions": frozenset()}, "division_unknown"),
        ({"message": None}, "signature_invalid"),
    ],
)
async def test_who_may_no_longer_send_it_is_not_paid_by_a_release(
    what: dict[str, Any], why: str
) -> None:
    counter = await Counter.holding()
    rooms = counter.street.line._rooms
    counter.registry.signer = what.get("signer", SENDER)
    if "origin" in what:
        rooms = attrs.evolve(rooms, origin=Origin(bank="103", uri=what["origin"]))
    rooms = attrs.evolve(rooms, divisions=what.get("divisions", rooms.divisions))
    order = counter.street.format.instruction
    counter.street.format.instruction = replace(order, agency_code=what.get("agency", "101001"))

    async def message(division: str, raw: bytes) -> bytes | None:
        return what.get("message", raw)

    release = Release(rooms, counter.street.line, counter.holds, counter.registry, message)
    assert await release.carry_out(await counter.order()) == why
    assert (counter.last["what"], counter.last["why"]) == ("not_carried_out", why)
    assert counter.street.diary == [] and not counter.street.state.hold_ends


@attrs.define
class Noting(BookOf):
    """Notes each row of facts that it is asked about."""

    seen: list[Facts] = attrs.field(factory=list)

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        self.seen.append(facts)
        return BookOf.decide(self, facts)


async def test_it_is_judged_by_the_day_and_the_minute_at_which_it_is_released() -> None:
    """A hold of Monday morning, released on Tuesday afternoon: by Tuesday's law and windows."""
    counter, book = await Counter.holding(), Noting(cash_max=10**9)
    counter.street.clock.wall = NOW + dt.timedelta(hours=28, minutes=7)
    rooms = attrs.evolve(counter.street.line._rooms, book=book)
    release = Release(rooms, counter.street.line, counter.holds, counter.registry)
    order = await counter.order(valid=dt.timedelta(days=3))
    assert isinstance(await release.carry_out(order), Settled)
    assert {(each.on, each.minute) for each in book.seen} == {(dt.date(2026, 3, 3), 14 * 60 + 7)}
    shares = [share for rows in counter.street.state.windows.values() for _, share in rows]
    assert [(share.day, share.value) for share in shares] == [(dt.date(2026, 3, 3), 30_000)]


class Unloaded:
    def of(self, division: str, now: dt.datetime) -> Registers:
        raise Unready(FaultCode.REGISTERS_UNAVAILABLE, "no registers are loaded")


async def test_while_nothing_can_be_checked_the_order_waits() -> None:
    """Whatever is unready ends no order: it is carried out as soon as it can be."""
    counter = await Counter.holding()
    order, rooms = await counter.order(), attrs.evolve(counter.street.line._rooms, shelf=Unloaded())
    release = Release(rooms, counter.street.line, counter.holds, counter.registry)
    with pytest.raises(Unready):
        await release.carry_out(order)
    assert isinstance(await counter.release.carry_out(order), Settled)


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_who_comes_second_to_a_hold_is_told_so(verdict: Verdict) -> None:
    """Another process, presumed lost, was first between our look and our commit."""
    counter = await Counter.holding()
    order = await counter.order((), verdict=verdict)
    counter.street.book.findings = ()

    async def second(_: object) -> Any:
        return False if verdict is Verdict.REFUSE else Gone()

    counter.holds.end = counter.holds.claim = second  # type: ignore[method-assign]
    assert await counter.release.carry_out(order) == "ended before"
    assert counter.street.diary == []
    if verdict is Verdict.RELEASE:
        assert counter.last["why"] == "ended before"


async def test_an_order_is_valid_to_its_last_moment_and_about_what_was_held() -> None:
    counter = await Counter.holding()
    order = await counter.order()
    counter.street.clock.wall = order.valid_until + dt.timedelta(microseconds=1)
    assert await counter.release.carry_out(order) == "no longer valid"
    order = await counter.order(valid=-dt.timedelta(seconds=1))
    counter.street.clock.wall = order.valid_until
    assert await counter.release.carry_out(order) == "no longer valid", "it never was"
    order = await counter.order()
    counter.street.clock.wall = order.valid_until
    assert isinstance(await counter.release.carry_out(order), Settled)
    street = await Street(instruction()).open()
    await street.line.carry(received(RAW))
    passed = Counter(street)
    assert await passed.release.carry_out(await passed.order()) == "never held"


async def test_signatures_and_registers_are_those_of_this_moment() -> None:
    counter = await Counter.holding()
    counter.registry.signer = ""
    assert await counter.release.carry_out(await counter.order()) == "signer_unknown"
    counter.registry.signer = SENDER
    shelf = counter.street.line._rooms.shelf
    shelf.registers = attrs.evolve(registers(), version=7)  # type: ignore[attr-defined]
    assert isinstance(await counter.release.carry_out(await counter.order()), Settled)
    assert counter.last["registers"] == 7


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"raw": b"other"}, "another content"),
        ({"number": "2"}, "no such instruction"),
        ({"valid": dt.timedelta(minutes=1)}, "no longer valid"),
    ],
)
async def test_an_order_about_something_else_is_dismissed_and_recorded(
    changes: dict[str, object], why: str
) -> None:
    counter = await Counter.holding()
    assert await counter.release.carry_out(await counter.order(**changes)) == why  # type: ignore[arg-type]
    assert counter.last["why"] == why
    assert counter.street.diary == []


async def test_a_refusal_ends_the_hold_with_the_bureaus_reason_and_a_replay_says_so() -> None:
    counter = await Counter.holding()
    order = await counter.order((), verdict=Verdict.REFUSE)
    assert await counter.release.carry_out(order) == "refused"
    again = await counter.street.line.carry(received(RAW))
    assert (again.decision.outcome, again.bank) == (Outcome.BLOCK, None)
    assert [f.policy for f in again.decision.findings] == ["RELEASE", "JL-052"]
    assert "材料已补齐" in again.decision.findings[0].reason_zh
    assert orjson.loads(again.receipt)["outcome"] == "blocked"
    assert await counter.release.carry_out(await counter.order()) == "ended before"
    assert "submit one" not in counter.street.diary


async def test_a_claim_of_which_nothing_is_known_is_never_forwarded() -> None:
    counter = await Counter.holding()
    order = await counter.order()
    counter.holds.lose = True
    with pytest.raises(LedgerUnavailable):
        await counter.release.carry_out(order)
    counter.holds.lose = False
    assert await counter.release.carry_out(order) == "ended before"
    assert counter.street.diary == []
    assert len(await counter.street.ledger.open_payments(LATER + dt.timedelta(days=1), 9)) == 1


async def test_while_the_bank_is_saturated_the_order_waits() -> None:
    counter = await Counter.holding()
    order = await counter.order()
    counter.street.bank.strain = "silent"
    with pytest.raises(Unready):
        await counter.release.carry_out(order)
    counter.street.bank.strain = ""
    assert isinstance(await counter.release.carry_out(order), Settled)


async def test_what_is_claimed_too_late_is_never_forwarded() -> None:
    counter = await Counter.holding()

    async def sleepy(claim: Claim) -> Claimed | Gone | Short | Moved:
        counter.street.clock.ticks += 60
        return await MemoryHolds.claim(counter.holds, claim)

    counter.holds.claim = sleepy  # type: ignore[method-assign]
    came_to = await counter.release.carry_out(await counter.order())
    late = BankAnswer(outcome=BankOutcome.NOT_TAKEN, reason="too late to be forwarded")
    assert isinstance(came_to, Settled) and came_to.bank == late
    assert "submit one" not in counter.street.diary
    assert await counter.street.available() == 1_000_000
