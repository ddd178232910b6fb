"""The office: which of several gateway processes does the work that only one may do."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.domain.faults import LedgerUnavailable
from gateway.ports import RecordLog

KEEP_S = 1.0

log = structlog.get_logger()


class Office:
    """Held by one process at a time (an advisory lock); sealing, delivery and enquiry need it."""

    def __init__(self, records: RecordLog) -> None:
        self._records = records
        self.held = False

    async def run(self) -> None:
        while True:
            await self.take_or_keep()
            await asyncio.sleep(KEEP_S)

    async def take_or_keep(self) -> None:
        try:
            held = await self._records.lead()
        except LedgerUnavailable:
            held = False
        if held != self.held:
            log.info("office.taken" if held else "office.lost")
        self.held = held

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
