"""`export day`: a stretch of a division's log as a folder that `verify day` accepts."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import attrs

from adapters.postgres.export import PostgresExport, Stop
from certs.log.day import Day, write_day
from gateway.domain.legal_day import SHANGHAI

Told = Callable[[int, int], None]
"""Records read so far, and of how many."""


class NothingToExport(ValueError):
    """The bureau has cosigned no checkpoint of that stretch yet."""


@attrs.frozen(kw_only=True)
class Exported:
    start: int
    end: int
    """One past the last record."""

    @property
    def count(self) -> int:
        return self.end - self.start


def export_day(
    database: str, division: str, on: dt.date | None, folder: Path, told: Told
) -> Exported:
    """Write what was sealed on the legal day `on`; the whole log if None.

    The stretch ends at the day's last checkpoint that the bureau has cosigned and begins where the
    day before ended by the same rule, so the days of a log join without a gap. Refuses a folder
    that holds anything. Raises NothingToExport, LedgerUnavailable, OSError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    day, exported = asyncio.run(_read(database, division, on, told))
    write_day(folder, day)
    return exported


async def _read(
    database: str, division: str, on: dt.date | None, told: Told
) -> tuple[Day, Exported]:
    log = PostgresExport(database)
    try:
        first, last = await _stops(log, division, on)
        start = first.size if first else 0
        records: list[bytes] = []
        async for page in log.bodies(division, start, last.size):
            records += page
            told(len(records), last.size - start)
        day = Day(
            checkpoint=last.checkpoint,
            records=records,
            previous=first.checkpoint if first else None,
            frontier=await log.frontier(division, first) if first else (),
        )
        return day, Exported(start=start, end=last.size)
    finally:
        await log.close()


async def _stops(
    log: PostgresExport, division: str, on: dt.date | None
) -> tuple[Stop | None, Stop]:
    if on is None:
        first, last = None, await log.stop_before(division, dt.datetime.max.replace(tzinfo=dt.UTC))
    else:
        dawn = dt.datetime.combine(on, dt.time(), SHANGHAI)
        first = await log.stop_before(division, dawn)
        last = await log.stop_before(division, dawn + dt.timedelta(days=1))
    if last is None or (first is not None and first.size == last.size):
        raise NothingToExport(
            f"division {division}: the bureau has cosigned nothing of {on or 'it'}"
        )
    return first, last
