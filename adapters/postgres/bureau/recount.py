"""What a recount at the bureau reads, in one snapshot: no lock, and deliveries go on beside it."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Connection, Pool, Row, connection_of
from adapters.postgres.statements import statements
from gateway.domain.log import SealedRecord

PAGE = 2_000
FOUND_MAX = 1_000

_SQL = statements("bureau/recount")
_LOG = statements("bureau/log")

Key = tuple[int, str, str]
"""Fiscal year, voucher type and number."""


class Snapshot:
    """One bank's log in one division, and what stands about it."""

    def __init__(self, connection: Connection, division: str, bank: str) -> None:
        self._connection = connection
        self._place = division, bank

    async def size(self) -> int:
        row = await self._connection.fetchrow(_LOG["held_log"], *self._place)
        return row["size"] if row else 0

    async def records(self, start: int, end: int) -> list[SealedRecord]:
        rows = await self._connection.fetch(_LOG["records"], *self._place, start, end)
        return [SealedRecord(**row, disclosures=None) for row in rows]

    async def lines(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Interceptions; `waits`: it stands among the open holds."""
        return await self._of("lines", keys)

    async def warned(self, keys: Sequence[Key]) -> dict[Key, Row]:
        return await self._of("warned", keys)

    async def told_since(self, subjects: Sequence[str], size: int) -> list[Row]:
        """In the order of the log: subject, kind, body."""
        rows = await self._connection.fetch(_SQL["told_since"], *self._place, list(subjects), size)
        return [dict(row) for row in rows]

    async def noticed(self) -> AsyncIterator[list[Row]]:
        """All interceptions with the notice that told of each."""
        after: Key = (0, "", "")
        while True:
            rows = await self._connection.fetch(_SQL["noticed"], *self._place, *after, PAGE)
            if not rows:
                return
            yield [dict(row) for row in rows]
            after = _key(rows[-1])

    async def tallies(self) -> dict[tuple[str, str], int]:
        rows = await self._connection.fetch(_LOG["tallies"], *self._place)
        return {(row["measure"], row["value"]): row["count"] for row in rows}

    async def strays(self) -> list[tuple[str, Key]]:
        """Rows without the record that they name: of what kind, about which payment."""
        rows = await self._connection.fetch(_SQL["strays"], *self._place, FOUND_MAX)
        return [(row["what"], _key(row)) for row in rows]

    async def figures(self) -> list[Row]:
        """Of the whole division: figures that are not what its lines come to."""
        rows = await self._connection.fetch(_SQL["figures"], self._place[0], FOUND_MAX)
        return [dict(row) for row in rows]

    async def _of(self, name: str, keys: Sequence[Key]) -> dict[Key, Row]:
        years, types, numbers = zip(*keys, strict=True) if keys else ((), (), ())
        rows = await self._connection.fetch(
            _SQL[name], *self._place, list(years), list(types), list(numbers)
        )
        return {_key(row): dict(row) for row in rows}


DAY_S = 86_400.0


@contextlib.asynccontextmanager
async def snapshot(pool: Pool, division: str, bank: str) -> AsyncIterator[Snapshot]:
    """All that is read through it stood at one moment. Raises StoreUnavailable."""
    async with (
        connection_of(pool, DAY_S) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(_SQL["patience"])
        yield Snapshot(connection, division, bank)


def _key(row: Any) -> Key:
    return row["fiscal_year"], row["voucher_type"], row["voucher_no"]
