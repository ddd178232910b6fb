"""The day's close on PostgreSQL: totals from the ledger, written once in one transaction."""

import datetime as dt
from collections.abc import Callable, Sequence

from adapters.postgres.session import LONG_S, Connection, Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.day import AccountTotal, DayTotals, bounds
from gateway.domain.ledger import RecordDraft

DAYS_MAX = 31
"""Closed at one look; after a long outage the next look goes on."""
GAPS_READ_MAX = 100

_SQL = statements("day_close")


class PostgresDayBook:
    """`gateway.ports.DayBook`. Raises LedgerUnavailable."""

    def __init__(self, dsn: str, *, allow_unsafe: bool = False, kept: Proof | None = None) -> None:
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe, kept=kept, cut_after_s=LONG_S)

    async def close(self) -> None:
        await self._pool.close()

    async def days_to_close(self, division: str, before: dt.date) -> list[dt.date]:
        rows = await self._pool.fetch(_SQL["days_to_close"], division, before, DAYS_MAX)
        return [row["day"] for row in rows]

    async def close_day(
        self, division: str, day: dt.date, at: dt.datetime,
        write: Callable[[DayTotals], Sequence[RecordDraft]],
    ) -> DayTotals | None:  # fmt: skip
        return await self._pool.unbroken(self._close_day(division, day, at, write))

    async def totals(self, division: str, day: dt.date) -> DayTotals:
        async with self._pool.transaction() as connection:
            return await _totals(connection, division, day)

    async def waiting(self, division: str) -> int:
        (row,) = await self._pool.fetch(_SQL["seal_lag"], division)
        return int(row["count"])

    async def closes(self, division: str, subject: str) -> list[bytes]:
        """The sealed records of a close, in the order of their parts."""
        return [row["body"] for row in await self._pool.fetch(_SQL["closes"], division, subject)]

    async def _close_day(
        self, division: str, day: dt.date, at: dt.datetime,
        write: Callable[[DayTotals], Sequence[RecordDraft]],
    ) -> DayTotals | None:  # fmt: skip
        async with self._pool.transaction() as connection:
            if await connection.fetchval(_SQL["take_day"], division, day, at) is None:
                return None
            totals = await _totals(connection, division, day)
            drafts = write(totals)
            await connection.execute(
                _SQL["write"], division, [d.subject for d in drafts], [d.body for d in drafts]
            )
        return totals


async def _totals(connection: Connection, division: str, day: dt.date) -> DayTotals:
    dawn, dusk = bounds(day)
    stretch = await connection.fetchrow(_SQL["stretch"], division, dawn, dusk)
    assert stretch is not None
    first, end = stretch["first_seq"], stretch["end_seq"]
    rows = await connection.fetch(_SQL["totals"], division, dawn, dusk, first, end, GAPS_READ_MAX)
    lines = tuple(
        AccountTotal(**{**row, "unrecorded": tuple(row["unrecorded"] or ())}) for row in rows
    )
    return DayTotals(division=division, day=day, lines=lines)
