"""The bank's movements, and the contradictions they make, in memory: the answers of PostgreSQL.

Of `gateway.conduct_ports.ConductStore` what moves money: what is found and told beside it is rows.
"""

import datetime as dt
from collections.abc import Sequence

import attrs
import orjson

from gateway.domain.bank import BOOKS, BankOutcome
from gateway.domain.conduct import (
    Alert,
    BankEntry,
    ContradictionEnd,
    Correction,
    Direction,
    EndResult,
    HandedOver,
    Statement,
)
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import LimitKey, RecordDraft
from tests.memory.ledger import MemoryLedger
from tests.memory.state import MemoryState, SetAside
from tests.memory.words import words_against

_MARK = b'"how":"%b"' % BOOKS.encode()


class MemoryConduct:
    """Over the state that `ledger` works on."""

    def __init__(self, state: MemoryState, ledger: MemoryLedger) -> None:
        self._state = state
        self._ledger = ledger

    async def close(self) -> None:
        return None

    async def debit(self, key: InstructionKey, *, though_back: bool = False) -> BankEntry | None:
        debits = [each for each in self._of(key) if each.direction is Direction.DEBIT]
        newest = max(debits, key=lambda each: each.booked_at, default=None)
        return newest if though_back or self._state.booked_net(key) > 0 else None

    async def take(
        self, statement: Statement, alerts: Sequence[tuple[Alert, RecordDraft, bytes]],
        at: dt.datetime, *, corrections: Sequence[Correction] = (),
        received: HandedOver | None = None, cursor: tuple[str, str] | None = None,
    ) -> int:  # fmt: skip
        for entry in statement.entries:
            self._state.entries.setdefault((entry.division, entry.id), entry)
        for correction in corrections:
            self._contradict(correction, at)
        return 0

    async def end_contradiction(self, end: ContradictionEnd, at: dt.datetime) -> EndResult:
        key, turns = end.key, self._state.set_aside.get(end.key, [])
        if not turns or turns[-1].posted is not None:
            result = self._end_words(end)
            if result is EndResult.ENDED:
                self._tell_end(end, at)
            return result
        if end.paid != (self._state.booked_net(key) > 0):
            return EndResult.AGAINST
        turns[-1].posted, turns[-1].ended_at, turns[-1].reference = end.paid, at, end.reference
        for limit, fen in turns[-1].amounts.items():
            self._move(key.division, limit, -fen, fen if end.paid else 0)
        self._tell_end(end, at)
        return EndResult.ENDED

    def _end_words(self, end: ContradictionEnd) -> EndResult:
        """Officers, never the books, end what the bank said, with the word that it counts as."""
        settled, fields = self._ledger.settled(end.key), orjson.loads(end.record.body)
        told = map(orjson.loads, self._ledger.corrections(end.key))
        standing, _ = words_against(told)
        if (
            settled is None
            or fields["how"] == BOOKS
            or fields["said"] != settled.bank
            or not standing
        ):
            return EndResult.GONE
        debited = any(each.direction is Direction.DEBIT for each in self._of(end.key))
        agrees = debited if end.paid else self._state.booked_net(end.key) <= 0
        return EndResult.ENDED if agrees else EndResult.AGAINST

    def _tell_end(self, end: ContradictionEnd, at: dt.datetime) -> None:
        self._ledger.pend(end.key.division, end.record)
        self._ledger.notify(end.key, at, end.agency_code, end.notification)

    def _contradict(self, correction: Correction, at: dt.datetime) -> None:
        key, state = correction.key, self._state
        settled, turns = state.settlements.get(key), state.set_aside.setdefault(key, [])
        if (
            settled is None
            or settled.bank is BankOutcome.ACCEPTED
            or self._state.booked_net(key) <= 0
        ):
            return
        if turns and turns[-1].posted is not False:
            return
        told = not turns and any(_MARK in body for body in self._ledger.corrections(key))
        amounts: dict[LimitKey, int] = {}
        for demand in state.instructions[key].demands:
            if demand.amount_fen:
                amounts[demand.limit] = amounts.get(demand.limit, 0) + demand.amount_fen
        turns.append(SetAside(at=at, amounts=amounts))
        for limit, fen in amounts.items():
            self._move(key.division, limit, fen, 0)
        if not told:
            self._ledger.pend(key.division, correction.record)
            self._ledger.notify(key, at, correction.agency_code, correction.notification)

    def _move(self, division: str, key: LimitKey, reserve: int, post: int) -> None:
        limit = self._state.limits[division, key]
        self._state.limits[division, key] = attrs.evolve(
            limit, reserved_fen=limit.reserved_fen + reserve, posted_fen=limit.posted_fen + post
        )

    def _of(self, key: InstructionKey) -> list[BankEntry]:
        return [each for each in self._state.entries.values() if each.key == key]
