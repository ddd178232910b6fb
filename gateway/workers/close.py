"""Close: after each legal day, put its counts and sums on record, once, from the ledger."""

import asyncio
import datetime as dt
from functools import partial

import structlog

from gateway.domain.day import bounds
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.legal_day import legal_day
from gateway.pipeline.close import day_close
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, DayBook
from gateway.workers.office import Office

LOOK_S = 30.0
GRACE = dt.timedelta(minutes=5)
"""After midnight: whatever was judged before it has been committed and sealed by then."""
SEAL_PATIENCE = dt.timedelta(hours=1)
"""How long a close waits for records that cannot be sealed; then it names what is missing."""

log = structlog.get_logger()


class Closing:
    """Work of the process that holds the office; an outage of days is made up day by day."""

    def __init__(
        self, office: Office, book: DayBook, clock: Clock, origin: Origin,
        divisions: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._office = office
        self._book = book
        self._clock = clock
        self._origin = origin
        self._divisions = divisions

    async def run(self) -> None:
        while True:
            if self._office.held:
                try:
                    await self.close_all()
                except LedgerUnavailable:
                    log.warning("day.postponed", reason="ledger unavailable")
            await asyncio.sleep(LOOK_S)

    async def close_all(self) -> int:
        """Every day that has ended and is not closed; returns how many were closed now. Raises
        LedgerUnavailable."""
        return await self._office.in_turn(self._divisions, self._close_days)

    async def _close_days(self, division: str) -> int:
        closed = 0
        for day in await self._book.days_to_close(division, legal_day(self._clock.now() - GRACE)):
            if await self._unsealed(division, day):
                break
            closed += await self._close(division, day)
        return closed

    async def _close(self, division: str, day: dt.date) -> bool:
        now = self._clock.now()
        write = partial(day_close, origin=self._origin, at=now)
        totals = await self._book.close_day(division, day, now, write)
        if totals is None:
            return False
        tell = log.error if totals.unrecorded else log.info
        tell(
            "day.closed", division=division, day=day.isoformat(), verdicts=totals.verdicts,
            unrecorded=len(totals.unrecorded),
        )  # fmt: skip
        return True

    async def _unsealed(self, division: str, day: dt.date) -> bool:
        """Whether the day's last records still wait for their numbers, and may soon have them."""
        if self._clock.now() > bounds(day)[1] + SEAL_PATIENCE:
            return False
        return (await self._book.totals(division, day)).unrecorded != () and (
            await self._book.waiting(division) > 0
        )
