"""Prune: take away what windows no longer reach, in small pieces, off the request path."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable

import structlog

from gateway.domain.faults import LedgerUnavailable
from gateway.domain.legal_day import legal_day
from gateway.ports import Clock
from gateway.workers.office import Office

LOOK_S = 600.0
PAUSE_S = 0.5
"""Between two pieces, so that payments go on."""

log = structlog.get_logger()


class Pruning:
    def __init__(
        self, office: Office, prune: Callable[[dt.date], Awaitable[int]], clock: Clock
    ) -> None:
        """`prune` takes away one piece as of a legal day and says how many entries that were."""
        self._office = office
        self._prune = prune
        self._clock = clock

    async def run(self) -> None:
        while True:
            more = await self.look()
            await asyncio.sleep(PAUSE_S if more else LOOK_S)

    async def look(self) -> bool:
        """One piece; True if there may be more."""
        if not self._office.held:
            return False
        try:
            taken = await self._prune(legal_day(self._clock.now()))
        except LedgerUnavailable as lost:
            log.warning("windows.not_pruned", reason=str(lost))
            return False
        if taken:
            log.info("windows.pruned", entries=taken)
        return taken > 0
