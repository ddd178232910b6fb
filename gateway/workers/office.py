"""The office: which of several gateway processes does the work that only one may do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from gateway.domain.faults import LedgerUnavailable
from gateway.ports import RecordLog

KEEP_S = 1.0

log = structlog.get_logger()


class Office:
    """Held by one process at a time (an advisory lock); sealing, delivery and enquiry need it."""

    def __init__(self, records: RecordLog) -> None:
        self._records = records
        self._held = False
        self.unfit: Callable[[], bool] = lambda: False
        """Whether this process must not hold it just now: its clock is wrong (`Clocks`)."""

    @property
    def held(self) -> bool:
        return self._held and not self.unfit()

    @held.setter
    def held(self, held: bool) -> None:
        self._held = held

    async def run(self) -> None:
        while True:
            await self.take_or_keep()
            await asyncio.sleep(KEEP_S)

    async def take_or_keep(self) -> None:
        if self.unfit():
            await self._records.leave_office()
            held = False
        else:
            held = await self._led()
        if held != self._held:
            log.info("office.taken" if held else "office.lost")
        self._held = held

    async def _led(self) -> bool:
        try:
            return await self._records.lead()
        except LedgerUnavailable:
            return False

    async def in_turn(self, divisions: Iterable[str], work: Callable[[str], Awaitable[int]]) -> int:
        """The same for every division, in turn; the sum. A division whose rows the ledger does not
        give or take keeps no other from its turn. Raises LedgerUnavailable when all had theirs."""
        done, lost = 0, None
        for division in divisions:
            try:
                done += await work(division)
            except LedgerUnavailable as reason:
                lost = reason
        if lost is not None:
            raise lost
        return done

    async def rounds(
        self, every_s: float, work: Callable[[], Awaitable[object]], postponed: str
    ) -> None:
        """Work for ever, in each round in which the office is held. A ledger that does not answer
        postpones a round, which `postponed` names in the log."""
        while True:
            await asyncio.sleep(every_s)
            if not self.held:
                continue
            try:
                await work()
            except LedgerUnavailable as lost:
                log.warning(postponed, reason=str(lost))
