"""Shadow: while a candidate book is on trial, a process of its own follows the log for it.

Off the request path and off this process's one thread: what a candidate costs is paid elsewhere,
after payments. The follower ends with its parent and by itself when no candidate is left.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from gateway.domain.faults import LedgerUnavailable
from gateway.workers.office import Office

LOOK_S = 3.0
AGAIN_S = 30.0
"""How long after a follower has failed the next one is started."""
STOP_S = 5.0

log = structlog.get_logger()


class Follower(Protocol):
    """A process that has been started (asyncio.subprocess.Process)."""

    @property
    def returncode(self) -> int | None: ...
    def terminate(self) -> None: ...
    async def wait(self) -> int: ...


class Shadowing:
    def __init__(
        self, office: Office, any_candidate: Callable[[], Awaitable[bool]],
        start: Callable[[], Awaitable[Follower]], monotonic: Callable[[], float],
        ask: Callable[[], Awaitable[dict[str, str]]],
    ) -> None:  # fmt: skip
        """`ask`: by division, why a candidate on trial does not go on."""
        self._office = office
        self._any_candidate = any_candidate
        self._start = start
        self._monotonic = monotonic
        self._follower: Follower | None = None
        self._not_before = 0.0
        self._ask = ask
        self._found: dict[str, str] = {}

    @property
    def troubles(self) -> dict[str, str]:
        """`shadow.<division>`: why what is on trial there does not go on; no payment rests on it.
        Known where the office is held."""
        return {f"shadow.{division}": words for division, words in self._found.items()}

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                await self.look()
        finally:
            await self._end()

    async def look(self) -> None:
        """One turn: a follower exactly while this process holds the office and one is wanted."""
        if self._follower and self._follower.returncode is not None:
            if self._follower.returncode:
                log.error("shadow.ended", code=self._follower.returncode)
                self._not_before = self._monotonic() + AGAIN_S
            self._follower = None
        if not self._office.held:
            self._found = {}
            await self._end()
            return
        with contextlib.suppress(LedgerUnavailable):  # that is told as the database's
            self._found = await self._ask()
        if self._follower or self._monotonic() < self._not_before:
            return
        try:
            if await self._any_candidate():
                self._follower = await self._start()
                log.info("shadow.started")
        except (LedgerUnavailable, OSError) as reason:
            log.warning("shadow.not_started", reason=str(reason))

    async def _end(self) -> None:
        follower, self._follower = self._follower, None
        if follower is None or follower.returncode is not None:
            return
        follower.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await follower.wait()
        except TimeoutError:
            log.warning("shadow.slow_to_end")
