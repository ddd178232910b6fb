"""Keys: take up what changed of certificates and revocations at once, and tell what was seen."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from gateway.domain.faults import LedgerUnavailable
from gateway.ports import Clock

NOTE_EVERY_S = 5.0
TOLD_EVERY_S = 60.0

log = structlog.get_logger()


class Ring(Protocol):
    """What this process lives by."""

    @property
    def problems(self) -> Mapping[str, str]: ...

    async def look(self) -> None:
        """Take up what changed. Raises LedgerUnavailable."""
        ...

    async def note(self) -> None:
        """Tell what was met and refused. Raises LedgerUnavailable."""
        ...


class Keeping:
    """`wait` returns when something has changed, and soon in any case."""

    def __init__(self, ring: Ring, wait: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._ring = ring
        self._wait = wait
        self._clock = clock
        self._noted = -NOTE_EVERY_S
        self._told = -TOLD_EVERY_S

    @property
    def troubles(self) -> dict[str, str]:
        """What could not be taken up; the last good state is in force meanwhile."""
        return {f"keys.{what}": reason for what, reason in self._ring.problems.items()}

    async def run(self) -> None:
        while True:
            await self.turn()
            await self._wait()

    async def turn(self) -> None:
        """Look, and now and then note. A database that is down is waited out: nothing is admitted
        without it either."""
        now = self._clock.monotonic()
        try:
            await self._ring.look()
            if now - self._noted >= NOTE_EVERY_S:
                self._noted = now
                await self._ring.note()
        except LedgerUnavailable as reason:
            if now - self._told >= TOLD_EVERY_S:
                self._told = now
                log.warning("keys.not_looked_at", reason=str(reason))
