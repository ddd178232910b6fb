"""What was sealed at rest, opened one by one: what does not open keeps nothing else waiting."""

import asyncio
import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from bureau.desk.registers.store import RegisterStore, Sealing
from bureau.desk.registers.ways import UNOPENED
from bureau.ports import Clock

AGAIN = dt.timedelta(minutes=1)
"""How long a feed that does not open is left alone: it may have megabytes."""

_log = structlog.get_logger("bureau.registers")


class OpenedFeeds:
    """Signed feeds that wait, as they were signed. Raises StoreUnavailable."""

    def __init__(self, store: RegisterStore, seal: Sealing, clock: Clock) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._closed: dict[str, dt.datetime] = {}

    async def waiting(self, resting: Collection[str]) -> list[Mapping[str, Any]]:
        """Of a bank whose oldest does not open nothing is sent: they go in order. Its page says so,
        and a whole file that is published overtakes it."""
        now = self._clock()
        closed = [place for place, until in self._closed.items() if now < until]
        found: list[Mapping[str, Any]] = []
        for row in await self._store.waiting_feeds([*resting, *closed]):
            place = row["division"], row["bank"]
            try:
                found.append({**row, "body": self._seal.open(row["body"], "register feed")})
            except ValueError as broken:
                self._closed["/".join(place)] = now + AGAIN
                _log.error("feed.unopened", place="/".join(place), version=row["version"],
                           reason=str(broken))  # fmt: skip
                await self._store.attempted(row, now, UNOPENED)
        return found


def opened_or_nothing(
    body: bytes, opened: Callable[[bytes], Mapping[str, Any]]
) -> Mapping[str, Any]:  # fmt: skip
    try:
        return opened(body)
    except ValueError:
        _log.error("rows.unopened", rows=1)
        return {}


async def opened_rows(
    bodies: Sequence[bytes], opened: Callable[[bytes], Mapping[str, Any]], what: str
) -> list[Mapping[str, Any]]:
    """Those that open; the others are counted in the log: every page reads the names in them."""

    def all_that_open() -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for body in bodies:
            with suppress(ValueError):
                found.append(opened(body))
        return found

    rows = await asyncio.to_thread(all_that_open)
    if len(rows) < len(bodies):
        _log.error("rows.unopened", register=what, rows=len(bodies) - len(rows))
    return rows
