"""The ledger in memory: the same answers as PostgreSQL's, from dictionaries, for tests."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import orjson
from msgspec.structs import replace

from gateway.domain.bank import HOW_TOLD, BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.holds import HoldEnding, Notification
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import (
    Admission,
    Admitted,
    Limit,
    LimitKey,
    Moved,
    OpenPayment,
    RecordDraft,
    Settlement,
    Short,
    Standing,
    WordTaken,
    correction_standing,
)
from gateway.domain.limits import in_want_of
from gateway.domain.log import Notice, PendingRecord, SealedRecord
from gateway.domain.records import RecordKind, digest_mark
from gateway.domain.windows import Measure, WindowAsk
from tests.memory.state import DivisionLog, MemoryState
from tests.memory.words import words_against

CLOCKS_APART = dt.timedelta(minutes=2)
"""What was opened further ahead was opened by a clock that was wrong; it does not wait for it."""
PUT_OFF_MAX = dt.timedelta(hours=2)
"""Likewise what is to be asked about again."""
_AT_ONCE = dt.datetime.min.replace(tzinfo=dt.UTC)


class MemoryLedger:
    """`gateway.ports.Ledger`. Several may share one `state`, as gateways share a database."""

    def __init__(self, state: MemoryState, *, instance: str) -> None:
        self._state = state
        self._instance = instance

    async def admit(self, admission: Admission) -> Admitted | Standing | Short | Moved:
        state, key = self._state, admission.key
        if key in state.instructions:
            return self._standing(key)
        if moved := self.moved(admission):
            return moved
        if short := self.reserve(admission):
            return short
        state.instructions[key] = admission
        self.add_shares(admission)
        if admission.outcome is Outcome.PASS:
            self.open(admission)
        self.pend(key.division, admission.record)
        if admission.notice is not None:
            self.give_notice(key, admission.decided_at, admission.notice)
        return Admitted()

    async def settle(self, settlement: Settlement) -> bool:
        state, key = self._state, settlement.key
        if state.open_payments.pop(key, None) is None:
            return False
        posted = settlement.bank is BankOutcome.ACCEPTED
        for demand in state.instructions[key].demands:
            place = key.division, demand.limit
            if demand.amount_fen:
                limit = state.limits[place]
                state.limits[place] = attrs.evolve(
                    limit,
                    reserved_fen=limit.reserved_fen - demand.amount_fen,
                    posted_fen=limit.posted_fen + (demand.amount_fen if posted else 0),
                )
        if not posted:
            self.take_back(key)
        state.settlements[key] = settlement
        self.pend(key.division, settlement.record)
        return True

    async def record(self, division: str, draft: RecordDraft) -> None:
        self.pend(division, draft)

    async def record_contradiction(
        self, key: InstructionKey, draft: RecordDraft, at: dt.datetime
    ) -> WordTaken:
        settled, word = self.settled(key), orjson.loads(draft.body)
        if settled is None:
            raise LedgerUnavailable("a word against a settlement that is not there")
        if settled.bank != word["held"]:
            return WordTaken.MOVED
        standing, ended = words_against(map(orjson.loads, self.corrections(key)))
        told = _but_for_time(word)
        if any(_but_for_time(each) == told for each in standing):
            return WordTaken.STANDS
        asked = word["how"] != HOW_TOLD
        for each in ended:
            if (asked and each["said"] == word["said"]) or _but_for_time(each) == told:
                return WordTaken.OVERRULED
        self.pend(key.division, draft)
        return WordTaken.RECORDED

    async def record_conflict(
        self, key: InstructionKey, draft: RecordDraft, digest: bytes, records_max: int
    ) -> bool:
        told = self.told(key, RecordKind.CONFLICT)
        if len(told) >= records_max or any(digest_mark(digest) in body for body in told):
            return False
        self.pend(key.division, draft)
        return True

    async def standing(self, key: InstructionKey) -> Standing | None:
        return self._standing(key) if key in self._state.instructions else None

    async def standing_for(self, agency: str | None, key: InstructionKey) -> Standing | None:
        found = await self.standing(key)
        return found if found and agency in (None, found.agency_code) else None

    async def open_payments(self, before: dt.datetime, limit: int) -> list[OpenPayment]:
        waiting = [
            payment
            for payment in self._state.open_payments.values()
            if not before <= payment.opened_at <= before + CLOCKS_APART
            and not payment.operator_task
        ]
        return sorted(waiting, key=lambda p: (p.enquiries, p.opened_at, p.key))[:limit]

    async def due_tasks(self, now: dt.datetime, limit: int) -> list[OpenPayment]:
        due = [
            payment
            for payment in self._state.open_payments.values()
            if payment.operator_task and not _put_off(payment, now)
        ]
        due.sort(key=lambda p: (p.ask_after or _AT_ONCE, p.opened_at, p.key))
        turns: Counter[str] = Counter()
        turn: dict[InstructionKey, int] = {}
        for payment in due:
            turns[payment.key.division] += 1
            turn[payment.key] = turns[payment.key.division]
        return sorted(due, key=lambda p: turn[p.key])[:limit]

    async def note_enquiry(
        self, key: InstructionKey, at: dt.datetime, *, not_found: bool,
        ask_after: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        payment = self._state.open_payments.get(key)
        if payment is not None:
            self._state.open_payments[key] = attrs.evolve(
                payment,
                enquiries=payment.enquiries + 1,
                first_not_found_at=(payment.first_not_found_at or at) if not_found else None,
                operator_task=payment.operator_task or ask_after is not None,
                asked_at=at,
                ask_after=ask_after,
            )

    async def hand_over(self, key: InstructionKey) -> None:
        payment = self._state.open_payments.get(key)
        if payment is not None:
            self._state.open_payments[key] = attrs.evolve(payment, operator_task=True)

    async def limits(self, division: str, keys: Sequence[LimitKey]) -> dict[LimitKey, Limit]:
        return self._limits(division, keys)

    def reserve(self, admission: Admission) -> Short | None:
        """All demands or none; the first that does not fit is told."""
        limits, division = self._state.limits, admission.key.division
        here = self._limits(division, [demand.limit for demand in admission.demands])
        for short in in_want_of(admission.demands, here):
            return short
        for demand in admission.demands:
            if demand.amount_fen:
                limit = limits[division, demand.limit]
                limits[division, demand.limit] = attrs.evolve(
                    limit, reserved_fen=limit.reserved_fen + demand.amount_fen
                )
        return None

    def moved(self, admission: Admission) -> Moved | None:
        true = {ask.key: self._value(admission.key.division, ask) for ask in admission.asks}
        moved = {ask.key: true[ask.key] for ask in admission.asks if true[ask.key] != ask.believed}
        return Moved(values=moved) if moved else None

    def _value(self, division: str, ask: WindowAsk) -> int:
        entries = self._state.windows.get((division, ask.key), [])
        shares = [share for _, share in entries if share.day >= ask.since]
        if ask.measure is Measure.SUM:
            return sum(share.value for share in shares)
        if ask.measure is Measure.MAX:
            return max((share.value for share in shares), default=0)
        if ask.measure is Measure.DISTINCT:
            return len({share.item for share in shares})
        return len(shares)

    def take_back(self, key: InstructionKey) -> None:
        """The shares of a payment that did not take effect."""
        for share in self._state.instructions[key].shares:
            place = key.division, share.key
            kept = [entry for entry in self._state.windows[place] if entry[0] != key]
            self._state.windows[place] = kept

    def open(self, admission: Admission) -> None:
        """It passed, and its bank's word is awaited."""
        self._state.open_payments[admission.key] = OpenPayment(
            key=admission.key, agency_code=admission.agency_code,
            amount_fen=admission.amount_fen, opened_at=admission.decided_at,
            instance=self._instance, enquiries=0, first_not_found_at=None, operator_task=False,
        )  # fmt: skip

    def add_shares(self, admission: Admission) -> None:
        key, windows = admission.key, self._state.windows
        for share in admission.shares:
            windows.setdefault((key.division, share.key), []).append((key, share))

    def give_notice(self, key: InstructionKey, at: dt.datetime, body: bytes) -> None:
        id = self._state.next_id()
        self._state.notices[id] = Notice(
            id=id, division=key.division, subject=str(key), body=body, created_at=at, attempts=0,
        )  # fmt: skip

    def notify(self, key: InstructionKey, at: dt.datetime, agency: str, body: bytes) -> None:
        told = Notification(id=self._state.next_id(), subject=str(key), created_at=at, body=body)
        self._state.notifications[told] = key.division, agency

    def pend(self, division: str, draft: RecordDraft) -> None:
        record = PendingRecord(
            id=self._state.next_id(), kind=draft.kind, subject=draft.subject, body=draft.body,
            disclosures=draft.disclosures,
        )  # fmt: skip
        self._state.pending.setdefault(division, []).append(record)

    def settled(self, key: InstructionKey) -> Settlement | None:
        """As it counts now: paid after all where that is how its contradiction ended."""
        settled, turns = self._state.settlements.get(key), self._state.set_aside.get(key)
        if settled is None or not turns or not turns[-1].posted:
            return settled
        assert turns[-1].ended_at is not None
        return replace(
            settled, bank=BankOutcome.ACCEPTED, bank_reference=turns[-1].reference,
            bank_reason=None, settled_at=turns[-1].ended_at,
        )  # fmt: skip

    def _overruled(self, key: InstructionKey) -> BankOutcome | None:
        turns = self._state.set_aside.get(key)
        return self._state.settlements[key].bank if turns and turns[-1].posted else None

    def disputed(self, key: InstructionKey) -> bool:
        return bool(correction_standing(self.corrections(key)))

    def corrections(self, key: InstructionKey) -> list[bytes]:
        return self.told(key, RecordKind.CORRECTION)

    def _limits(self, division: str, keys: Sequence[LimitKey]) -> dict[LimitKey, Limit]:
        limits = self._state.limits
        return {key: limits[division, key] for key in keys if (division, key) in limits}

    def _standing(self, key: InstructionKey) -> Standing:
        admission, settled = self._state.instructions[key], self.settled(key)
        end = self._state.hold_ends.get(key)
        forwarded = admission.outcome is Outcome.PASS or (end and end.how is HoldEnding.RELEASED)
        unsettled = BankOutcome.UNKNOWN if forwarded else None
        return Standing(
            key=key, digest=admission.digest, party=admission.party, format=admission.format,
            raw=admission.raw, signature=admission.signature, agency_code=admission.agency_code,
            outcome=admission.outcome, decided_at=admission.decided_at,
            decision=admission.decision, bank=settled.bank if settled else unsettled,
            bank_reference=settled.bank_reference if settled else None,
            bank_reason=settled.bank_reason if settled else None,
            settled_at=settled.settled_at if settled else None,
            overruled=self._overruled(key),
            correction=correction_standing(self.corrections(key)) if settled else b"",
            ended_at=end.at if end else None, ended_how=end.how if end else "",
            ended_decision=end.decision if end else b"",
        )  # fmt: skip

    def told(self, key: InstructionKey, kind: RecordKind) -> list[bytes]:
        """The records of one kind about one identity, numbered or not."""
        log = self._state.logs.get(key.division, DivisionLog())
        records: list[PendingRecord | SealedRecord] = [*log.records]
        records += self._state.pending.get(key.division, [])
        return [r.body for r in records if (r.kind, r.subject) == (kind, str(key))]


def _put_off(payment: OpenPayment, now: dt.datetime) -> bool:
    return payment.ask_after is not None and now < payment.ask_after <= now + PUT_OFF_MAX


def _but_for_time(correction: Mapping[str, Any]) -> dict[str, Any]:
    return {**correction, "recorded_at": None, "seq": None}
