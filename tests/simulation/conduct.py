"""What the bank's books show, as rows in memory: what is looked up there, and found undone."""

import datetime as dt
from collections.abc import Sequence

import attrs

from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import (
    Alert,
    Arrears,
    BankEntry,
    ClearingTotal,
    Correction,
    Direction,
    HandedOver,
    Known,
    Statement,
    TakenBack,
)
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft
from tests.memory.conduct import MemoryConduct
from tests.memory.ledger import MemoryLedger
from tests.memory.state import MemoryState
from tests.pipeline.alarms import NOTHING_UNDONE


class Books(MemoryConduct):
    """`gateway.conduct_ports.ConductStore`, as far as money goes."""

    def __init__(self, state: MemoryState, ledger: MemoryLedger, cursors: dict[str, str]) -> None:
        super().__init__(state, ledger)
        self._cursors = cursors

    async def known(
        self, entries: Sequence[BankEntry], clearing: Sequence[ClearingTotal] = ()
    ) -> Known:
        held = {entry.key: await self._ledger.standing(entry.key) for entry in entries if entry.key}
        return Known(
            standings={key: standing for key, standing in held.items() if standing},
            booked=dict(self._state.entries),
        )

    async def take(
        self, statement: Statement, alerts: Sequence[tuple[Alert, RecordDraft, bytes]],
        at: dt.datetime, *, corrections: Sequence[Correction] = (),
        received: HandedOver | None = None, cursor: tuple[str, str] | None = None,
    ) -> int:  # fmt: skip
        await super().take(statement, alerts, at, corrections=corrections)
        if cursor:
            self._cursors[cursor[0]] = cursor[1]
        return 0

    async def cursor(self, source: str) -> str | None:
        return self._cursors.get(source)

    async def arrears(
        self, division: str, now: dt.datetime, *, since: dt.datetime,
        records_before: dt.datetime, notices_before: dt.datetime,
    ) -> Arrears:  # fmt: skip
        denied, back = [], []
        for key, settled in self._state.settlements.items():
            if settled.bank is BankOutcome.ACCEPTED:
                continue
            turns, net = self._state.set_aside.get(key, []), self._state.booked_net(key)
            stands = bool(turns) and turns[-1].posted is None
            if net > 0 and not (turns and turns[-1].posted is not False):
                denied.append(self._newest(key, Direction.DEBIT))
            elif stands and net <= 0:
                agency = self._state.instructions[key].agency_code
                entry = self._newest(key, Direction.CREDIT)
                back.append(TakenBack(key=key, agency_code=agency, held=settled.bank, entry=entry))
        return attrs.evolve(NOTHING_UNDONE, denied=tuple(denied), taken_back=tuple(back))

    def _newest(self, key: InstructionKey, direction: Direction) -> BankEntry:
        of_it = [each for each in self._of(key) if each.direction is direction]
        return max(of_it, key=lambda each: each.booked_at)
