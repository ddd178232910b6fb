"""A small truth that stands behind `ConductStore` where a test asks what was raised and kept."""

import datetime as dt
from collections.abc import Sequence

from gateway.domain.conduct import (
    Alert,
    Arrears,
    BankEntry,
    ClearingTotal,
    ContradictionEnd,
    Correction,
    EndResult,
    HandedOver,
    Known,
    ScoreCard,
    Statement,
)
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft
from tests.memory.ledger import MemoryLedger

NOTHING_UNDONE = Arrears(
    unbooked=(), overpaid=(), unreturned=(), unbacked=(), denied=(), taken_back=(), days=(),
    records=(), notices=(), tasks=(),
)  # fmt: skip


class AlarmBook:
    """Each alert once a subject; statements by their number."""

    def __init__(self, ledger: MemoryLedger | None = None) -> None:
        self._ledger = ledger
        self.raised: dict[tuple[str, str, str], Alert] = {}
        self.corrections: dict[InstructionKey, Correction] = {}
        self.statements: dict[tuple[str, str], tuple[bytes, Statement]] = {}

    def policies(self) -> list[str]:
        return [policy for _, policy, _ in self.raised]

    async def known(
        self, entries: Sequence[BankEntry], clearing: Sequence[ClearingTotal] = ()
    ) -> Known:
        keys = {entry.key for entry in entries if entry.key}
        held = {key: await self._ledger.standing(key) for key in keys} if self._ledger else {}
        return Known(standings={k: s for k, s in held.items() if s}, booked={})

    async def take(
        self, statement: Statement, alerts: Sequence[tuple[Alert, RecordDraft, bytes]],
        at: dt.datetime, *, corrections: Sequence[Correction] = (),
        received: HandedOver | None = None, cursor: tuple[str, str] | None = None,
    ) -> int:  # fmt: skip
        if received:
            place = received.division, statement.id
            self.statements.setdefault(place, (received.digest, statement))
        new = 0
        for alert, record, notice in alerts:
            assert record.body and notice
            place3 = alert.division, alert.policy, alert.subject
            new += place3 not in self.raised
            self.raised.setdefault(place3, alert)
        for correction in corrections:
            self.corrections.setdefault(correction.key, correction)
        return new

    async def statement_digest(self, division: str, id: str) -> bytes | None:
        kept = self.statements.get((division, id))
        return kept[0] if kept else None

    async def cursor(self, source: str) -> str | None:
        return None

    async def arrears(
        self, division: str, now: dt.datetime, *, since: dt.datetime,
        records_before: dt.datetime, notices_before: dt.datetime,
    ) -> Arrears:  # fmt: skip
        return NOTHING_UNDONE

    async def end_contradiction(self, end: ContradictionEnd, at: dt.datetime) -> EndResult:
        return EndResult.GONE

    async def score(self, division: str, first: dt.date, last: dt.date) -> ScoreCard:
        raise NotImplementedError
