"""The line, carried with real steps over small truths: who is told what, in which order."""

import asyncio
import datetime as dt
from collections.abc import Callable

import attrs
import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankAnswer, BankOutcome, Contradiction, LeftOut
from gateway.domain.decision import Action, Outcome
from gateway.domain.faults import (
    Conflicting,
    FaultCode,
    LedgerUnavailable,
    Unproven,
    Unreadable,
    Unready,
)
from gateway.domain.instruction import Instruction, InstructionKey
from gateway.domain.ledger import (
    Admission,
    Admitted,
    LimitKey,
    LimitKind,
    Moved,
    Settlement,
    Short,
    Standing,
)
from gateway.pipeline.line import CONFLICT_RECORDS_MAX, FORWARD_WITHIN_S, Line, Rooms
from gateway.pipeline.settle import settle
from gateway.pipeline.tell import Origin, microseconds
from tests.limits import limit_at
from tests.memory.ledger import MemoryLedger
from tests.memory.registers import MemoryRegisters
from tests.memory.state import MemoryState
from tests.pipeline.fakes import (
    DIVISION,
    INDICATOR,
    NOW,
    SENDER,
    BookOf,
    FixedClock,
    FormatOfOne,
    ObedientBank,
    OneShelf,
    OpenCommitments,
    OpenGate,
    finding,
    instruction,
    received,
    registers,
)

LIMIT = LimitKey(kind=LimitKind.INDICATOR, id=INDICATOR)


class Street:
    """One line with its rooms, and a diary of what happened at the ledger and at the bank."""

    def __init__(self, order: Instruction, granted: int = 1_000_000) -> None:
        self.diary: list[str] = []
        self.state = MemoryState()
        self.bank = DiaryBank(self.diary)
        self.ledger = DiaryLedger(self.state, self.diary)
        self.format = FormatOfOne(order)
        self.book = BookOf()
        self.clock = FixedClock()
        self.granted = granted

    async def open(self) -> "Street":
        await MemoryRegisters(self.state).load(b"", registers(self.granted))
        self.line = Line(
            Rooms(
                gatekeeper=OpenGate(),
                formats={"json": self.format},
                shelf=OneShelf(registers(self.granted)),
                book=self.book,
                committer=OpenCommitments(),
                ledger=self.ledger,
                bank=self.bank,
                clock=self.clock,
                origin=Origin(bank="103", uri="spiffe://treasury.test/gateway/103"),
                divisions=frozenset({DIVISION}),
                hold_life=dt.timedelta(days=10),
            )
        )
        return self

    def records(self) -> list[dict[str, object]]:
        return [orjson.loads(draft.body) for draft in self.state.pending[DIVISION]]

    async def available(self) -> int:
        limit = await limit_at(self.ledger, DIVISION, LIMIT)
        assert limit
        return limit.available_fen


class DiaryLedger(MemoryLedger):
    def __init__(self, state: MemoryState, diary: list[str]) -> None:
        super().__init__(state, instance="here")
        self._diary = diary
        self.lose: set[str] = set()
        self.sleeps: Callable[[], None] = lambda: None

    async def admit(self, admission: Admission) -> Admitted | Standing | Short | Moved:
        await asyncio.sleep(0)
        if "admit" in self.lose:
            raise LedgerUnavailable("hung")
        result = await super().admit(admission)
        self._diary.append(f"admit {admission.outcome} {type(result).__name__}")
        self.sleeps()
        return result

    async def standing(self, key: InstructionKey) -> Standing | None:
        if "standing" in self.lose:
            raise LedgerUnavailable("hung")
        return await super().standing(key)

    async def settle(self, settlement: Settlement) -> bool:
        if "settle" in self.lose:
            raise LedgerUnavailable("hung")
        self._diary.append(f"settle {settlement.bank}")
        return await super().settle(settlement)


class DiaryBank(ObedientBank):
    def __init__(self, diary: list[str]) -> None:
        super().__init__()
        self._diary = diary

    async def submit(
        self, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None = None
    ) -> BankAnswer:
        self._diary.append(f"submit {raw.decode()}")
        return await super().submit(key, raw, format, left_out)


async def test_a_pass_is_admitted_then_forwarded_then_settled_and_answered() -> None:
    street = await Street(instruction()).open()
    answer = await street.line.carry(received(b"one"))
    assert street.diary == ["admit passed Admitted", "submit one", "settle accepted"]
    assert (answer.decision.outcome, answer.bank) == (Outcome.PASS, BankOutcome.ACCEPTED)
    assert await street.available() == 1_000_000 - 30_000
    assert [record["kind"] for record in street.records()] == ["verdict", "bank_outcome"]
    assert orjson.loads(answer.receipt)["outcome"] == "passed"


@pytest.mark.parametrize(
    ("action", "outcome"), [(Action.HOLD, Outcome.HOLD), (Action.BLOCK, Outcome.BLOCK)]
)
async def test_what_is_held_or_blocked_reserves_nothing_and_never_reaches_the_bank(
    action: Action, outcome: Outcome
) -> None:
    street = await Street(instruction()).open()
    street.book.findings = (finding("JL-020", action), finding("JL-005", Action.WARN))
    answer = await street.line.carry(received())
    assert street.diary == [f"admit {outcome} Admitted"]
    assert (answer.decision.outcome, answer.bank) == (outcome, None)
    assert [f.policy for f in answer.decision.findings] == ["JL-020", "JL-005"]
    assert await street.available() == 1_000_000
    (notice,) = street.state.notices.values()
    body = orjson.loads(notice.body)
    ten_days = microseconds(NOW + dt.timedelta(days=10))
    ends = ten_days if outcome is Outcome.HOLD else None
    assert body.get("held_until") == ends, "it is told when a hold ends"
    assert body["outcome"] == outcome
    assert body["payee"]["account_masked"].startswith("***")
    (record,) = street.records()
    assert record["notice_sha256"]


async def test_a_shortage_is_judged_and_refused_with_its_finding() -> None:
    street = await Street(instruction(amount=30_000), granted=29_999).open()
    answer = await street.line.carry(received())
    assert street.diary == ["admit passed Short", "admit blocked Admitted"]
    assert answer.decision.outcome is Outcome.BLOCK
    assert [f.policy for f in answer.decision.findings] == ["JL-011"]


async def test_a_hundred_at_once_on_one_indicator_pass_exactly_as_many_as_it_carries() -> None:
    street = await Street(instruction(), granted=1_000_000).open()
    lines = []
    for number in range(100):
        other = await Street(instruction(str(number), amount=30_000)).open()
        other.ledger = street.ledger
        other.line = Line(attrs.evolve(other.line._rooms, ledger=street.ledger, bank=street.bank))
        lines.append(other.line.carry(received(str(number).encode())))
    answers = await asyncio.gather(*lines)
    passed = [a for a in answers if a.decision.outcome is Outcome.PASS]
    assert len(passed) == 33
    assert await street.available() == 10_000
    assert len(street.bank.submitted) == 33


async def test_the_same_bytes_again_get_the_same_answer_and_are_not_sent_again() -> None:
    street = await Street(instruction()).open()
    first = await street.line.carry(received(b"one"))
    street.clock.wall = NOW + dt.timedelta(days=30)
    street.book.findings = (finding("JL-093", Action.BLOCK),)
    again = await street.line.carry(received(b"one"))
    assert (again.decision, again.bank, again.receipt) == (
        first.decision, first.bank, first.receipt,
    )  # fmt: skip
    assert again.replayed
    assert street.diary.count("submit one") == 1
    assert len(street.records()) == 2


async def test_the_same_identity_with_other_bytes_is_refused_and_recorded() -> None:
    street = await Street(instruction()).open()
    await street.line.carry(received(b"one"))
    with pytest.raises(Conflicting) as caught:
        await street.line.carry(received(b"two"))
    assert caught.value.code is FaultCode.INSTRUCTION_CONFLICT
    assert [r["kind"] for r in street.records()] == ["verdict", "bank_outcome", "conflict"]
    assert "submit two" not in street.diary


async def test_ever_new_content_under_one_number_fills_no_log() -> None:
    street = await Street(instruction()).open()
    await street.line.carry(received(b"one"))
    recorded = []
    for content in [*range(20), 0]:
        with pytest.raises(Conflicting) as caught:
            await street.line.carry(received(b"other %d" % content))
        recorded.append(caught.value.recorded)
    assert recorded == [True] * CONFLICT_RECORDS_MAX + [False] * 5
    assert len(street.records()) == 2 + CONFLICT_RECORDS_MAX


async def test_silence_of_the_bank_is_unknown_and_keeps_the_reservation() -> None:
    street = await Street(instruction()).open()
    street.bank.outcome = BankOutcome.UNKNOWN
    answer = await street.line.carry(received(b"one"))
    assert (answer.decision.outcome, answer.bank) == (Outcome.PASS, BankOutcome.UNKNOWN)
    assert await street.available() == 1_000_000 - 30_000
    assert len(await street.ledger.open_payments(NOW + dt.timedelta(seconds=1), 9)) == 1
    again = await street.line.carry(received(b"one"))
    assert again.bank is BankOutcome.UNKNOWN
    assert street.diary.count("submit one") == 1


async def test_a_refusal_of_the_bank_gives_the_reservation_back() -> None:
    street = await Street(instruction()).open()
    street.bank.outcome = BankOutcome.REJECTED
    answer = await street.line.carry(received())
    assert (answer.decision.outcome, answer.bank) == (Outcome.PASS, BankOutcome.REJECTED)
    assert await street.available() == 1_000_000


async def test_nothing_is_forwarded_when_the_ledger_does_not_answer() -> None:
    street = await Street(instruction()).open()
    street.ledger.lose.add("admit")
    with pytest.raises(LedgerUnavailable):
        await street.line.carry(received())
    assert street.diary == []


async def test_a_settlement_that_cannot_be_written_stays_open_and_the_answer_is_true() -> None:
    street = await Street(instruction()).open()
    street.ledger.lose.add("settle")
    answer = await street.line.carry(received())
    assert (answer.bank, answer.settled_at) == (BankOutcome.ACCEPTED, None)
    assert len(await street.ledger.open_payments(NOW + dt.timedelta(seconds=1), 9)) == 1


class SettledMeanwhile(ObedientBank):
    """While this bank takes its time, somebody else settles the payment in another way."""

    def __init__(self, street: Street, held: BankOutcome) -> None:
        super().__init__()
        self._street, self._held = street, held

    async def submit(
        self, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None = None
    ) -> BankAnswer:
        evidence: dict[str, str | None] = {"how": "horizon", "reason": None, "reference": "R0"}
        origin = self._street.line._rooms.origin
        await settle(key, self._held, self._street.ledger, origin, NOW, evidence)
        return await super().submit(key, raw, format, left_out)


async def contradicted(held: BankOutcome) -> Street:
    street = Street(instruction())
    street.bank = SettledMeanwhile(street, held)  # type: ignore[assignment]
    return await street.open()


@pytest.mark.parametrize("held", [BankOutcome.NOT_TAKEN, BankOutcome.REJECTED])
async def test_what_was_settled_in_another_way_is_recorded_and_told_to_nobody_as_true(
    held: BankOutcome,
) -> None:
    street = await contradicted(held)
    answer = await street.line.carry(received(b"one"))
    assert (answer.bank, answer.bank_reference, answer.settled_at) == (
        BankOutcome.UNKNOWN, None, None,
    )  # fmt: skip
    assert answer.bank_reason and "请勿换号重报" in answer.bank_reason
    assert answer.contradiction == Contradiction(said=BankOutcome.ACCEPTED, held=held)
    *_, correction = street.records()
    assert (correction["kind"], correction["said"], correction["held"]) == (
        "correction", "accepted", held,
    )  # fmt: skip
    again = await street.line.carry(received(b"one"))
    assert (again.bank, again.bank_reason, again.settled_at) == (
        answer.bank, answer.bank_reason, answer.settled_at,
    )  # fmt: skip
    assert len(street.bank.submitted) == 1


async def test_what_was_settled_in_the_same_way_is_answered_from_the_ledger() -> None:
    street = await contradicted(BankOutcome.ACCEPTED)
    answer = await street.line.carry(received())
    assert (answer.bank, answer.bank_reference, answer.settled_at) == (
        BankOutcome.ACCEPTED, "R0", NOW,
    )  # fmt: skip
    assert [r["kind"] for r in street.records()] == ["verdict", "bank_outcome"]
    assert answer.contradiction is None


async def test_whoever_settled_it_where_the_ledger_cannot_say_how_nothing_is_claimed() -> None:
    street = await contradicted(BankOutcome.NOT_TAKEN)
    street.ledger.lose.add("standing")
    answer = await street.line.carry(received())
    assert (answer.bank, answer.settled_at) == (BankOutcome.UNKNOWN, None)
    unrecorded = Contradiction(said=BankOutcome.ACCEPTED, held=None, recorded=False)
    assert answer.contradiction == unrecorded


@pytest.mark.parametrize("wall_s", [FORWARD_WITHIN_S + 0.1, -1.1])
async def test_what_slept_with_the_whole_machine_is_never_forwarded(wall_s: float) -> None:
    """The monotonic clock stands still in suspend, and the wall clock may be set meanwhile."""
    street = await Street(instruction()).open()
    later = NOW + dt.timedelta(seconds=wall_s)
    street.ledger.sleeps = lambda: setattr(street.clock, "wall", later)
    answer = await street.line.carry(received())
    assert street.diary == ["admit passed Admitted", "settle not_taken"]
    assert answer.bank is BankOutcome.NOT_TAKEN


async def test_what_is_admitted_too_late_is_never_forwarded_and_settled_as_not_taken() -> None:
    """The process slept in commit 1: others may have enquired, and told that nothing was paid."""
    street = await Street(instruction()).open()
    street.ledger.sleeps = lambda: setattr(street.clock, "ticks", FORWARD_WITHIN_S + 0.1)
    answer = await street.line.carry(received())
    assert street.diary == ["admit passed Admitted", "settle not_taken"]
    assert answer.bank is BankOutcome.NOT_TAKEN
    assert await street.available() == 1_000_000


async def test_a_saturated_bank_refuses_before_anything_is_written() -> None:
    street = await Street(instruction()).open()
    street.bank.strain = "silent"
    with pytest.raises(Unready) as caught:
        await street.line.carry(received())
    assert caught.value.code is FaultCode.OVERLOADED
    assert caught.value.detail == "silent", "the bank's trouble is not told as our own"
    assert street.diary == []


@pytest.mark.parametrize(
    "change",
    [
        lambda order: replace(order, agency_code="101002"),
        lambda order: replace(order, key=replace(order.key, division="220100000")),
    ],
)
async def test_a_proven_sender_speaks_only_for_itself(
    change: Callable[[Instruction], Instruction],
) -> None:
    street = await Street(change(instruction())).open()
    with pytest.raises(Unproven) as caught:
        await street.line.carry(received())
    assert caught.value.code is FaultCode.SENDER_NOT_ENTITLED
    assert street.diary == []


async def test_a_division_with_registers_that_is_not_served_is_refused_at_once() -> None:
    street = await Street(instruction()).open()
    street.line = Line(attrs.evolve(street.line._rooms, divisions=frozenset({"220100000"})))
    with pytest.raises(Unreadable) as refused:
        await street.line.carry(received(b"one"))
    assert refused.value.code is FaultCode.DIVISION_UNKNOWN
    assert street.diary == [] and not street.state.pending


async def test_a_signer_of_another_trust_domain_is_a_stranger() -> None:
    street = await Street(instruction()).open()
    foreign = SENDER.replace("treasury.test", "treasury.test.evil.example")
    with pytest.raises(Unproven) as refused:
        await street.line.carry(replace(received(b"one"), party=foreign))
    assert refused.value.code is FaultCode.SENDER_UNKNOWN
    assert street.diary == []
