"""Clocks: a gateway whose clock is not its database's does not know the day, and passes nothing.

What it decided, sealed, closed, ended or pruned by a false hour would stay so for ever. Two clocks
are never both right and two minutes apart; which of them is wrong a person finds out (decision
0107).
"""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Protocol

import structlog

from gateway.domain.faults import LedgerUnavailable
from gateway.ports import Clock

LOOK_S = 1.0
APART = dt.timedelta(minutes=2)
"""Two gateways of one database are then less far apart than what a day's close waits for
(`gateway.workers.close.GRACE`)."""
ASKED_WITHIN_S = 5.0
"""An answer that took longer says nothing: who knows when in that time it was given."""
TOLD_EVERY_S = 60.0
UNASKED = "the database has not been asked yet what time it is"

log = structlog.get_logger()


class Witness(Protocol):
    async def time_there(self) -> dt.datetime:
        """The database's own clock. Raises LedgerUnavailable."""
        ...


class Clocks(Mapping[str, str]):
    """By division: why nothing of it is passed, sealed or ended. All of them, or none.

    Between two looks the monotonic clock tells whether the wall clock was set."""

    def __init__(self, witness: Witness, clock: Clock, divisions: tuple[str, ...]) -> None:
        self._witness = witness
        self._clock = clock
        self._divisions = divisions
        self._agreed: dt.timedelta | None = None
        """What the wall clock was ahead of the monotonic one when it last agreed."""
        self._why = UNASKED
        self._told = -TOLD_EVERY_S

    def __getitem__(self, division: str) -> str:
        why = self.why
        if not why or division not in self._divisions:
            raise KeyError(division)
        return why

    def __iter__(self) -> Iterator[str]:
        return iter(self._divisions if self.why else ())

    def __len__(self) -> int:
        return len(self._divisions) if self.why else 0

    @property
    def why(self) -> str:
        """Why this clock is not believed now; empty if it is."""
        if self._agreed is None:
            return self._why
        set_by = self._ahead() - self._agreed
        if abs(set_by) <= APART:
            return ""
        return f"this host's clock was set by {_seconds(set_by)}; the database is asked first"

    def unfit(self) -> bool:
        return bool(self.why)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Ask once. A database that is away says nothing, and nothing passes on it meanwhile."""
        asked, before, ahead = self._clock.monotonic(), self._clock.now(), self._ahead()
        try:
            there = await self._witness.time_there()
        except LedgerUnavailable:
            return
        took_s = self._clock.monotonic() - asked
        if took_s > ASKED_WITHIN_S:
            return
        # Not what the wall clock shows now: it may have been set while the answer was on its way.
        after = before + dt.timedelta(seconds=took_s)
        apart = before - there if before > there else min(after - there, dt.timedelta())
        if abs(apart) > APART:
            self._tell(apart)
            return
        if self._agreed is None and self._why != UNASKED:
            log.info("clock.agrees")
        self._agreed, self._why = ahead, ""

    def _tell(self, apart: dt.timedelta) -> None:
        which = "ahead of" if apart > dt.timedelta() else "behind"
        self._agreed = None
        self._why = f"this host's clock is {_seconds(abs(apart))} {which} the database's"
        if self._clock.monotonic() - self._told >= TOLD_EVERY_S:
            self._told = self._clock.monotonic()
            log.error("clock.apart", reason=self._why)

    def _ahead(self) -> dt.timedelta:
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        return self._clock.now() - epoch - dt.timedelta(seconds=self._clock.monotonic())


def _seconds(span: dt.timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
