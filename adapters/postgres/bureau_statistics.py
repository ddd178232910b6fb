"""Statistics of interceptions, cases and conduct, from counts kept as things arrive."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.postgres.bureau_pool import Pool, connection_of
from adapters.postgres.statements import statements

_SQL = statements("bureau_statistics")
FOLD_ROWS = 20_000
Row = Mapping[str, Any]
Days = tuple[dt.date, dt.date]
"""First and last, both within."""
Moments = tuple[dt.datetime, dt.datetime]
"""From, and the first after."""


class BureauStatistics:
    """Rows {key, count, amount_fen, blocked, held}. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def by_key(self, division: str, measure: str, days: Days, limit: int) -> Sequence[Row]:
        """`measure`: policy, agency, department, bank, amount (band 1-5), conduct (bank policy),
        stage and origin of cases."""
        return await self._rows("by_key", division, measure, *days, limit)

    async def by_month(self, division: str, days: Days) -> Sequence[Row]:
        return await self._rows("by_month", division, *days)

    async def agency_names(self, division: str, codes: Sequence[str]) -> Mapping[str, str]:
        rows = await self._rows("agency_names", division, list(codes))
        return {row["code"]: row["name"] for row in rows}

    async def agency(self, division: str, code: str, moments: Moments) -> Sequence[Row]:
        """{policies, outcome, count, amount_fen} of one agency."""
        return await self._rows("agency", division, code, *moments)

    async def cases_of(
        self, division: str, moments: Moments, agency: str | None, bank: str | None
    ) -> Sequence[Row]:
        """{stage, count, amount_fen} of cases opened then against one agency or bank."""
        return await self._rows("cases_of", division, *moments, agency, bank)

    async def misbehaviours(self, division: str, bank: str) -> Sequence[Row]:
        return await self._rows("misbehaviours", division, bank)

    async def passed(self, division: str, bank: str | None = None) -> int:
        """Payments that passed, of all time."""
        return int((await self._rows("passed", division, bank))[0]["count"])

    async def typical(
        self, division: str, moments: Moments, stages: Sequence[str], limit: int
    ) -> Sequence[Row]:
        """Cases without any name; largest amount first."""
        return await self._rows("typical", division, *moments, list(stages), limit)

    async def typical_moves(
        self, division: str, keys: Sequence[tuple[int, int]], moves: Sequence[str]
    ) -> Sequence[Row]:
        years, numbers = sorted({y for y, _ in keys}), sorted({n for _, n in keys})
        rows = await self._rows("typical_moves", division, years, numbers, list(moves))
        return [row for row in rows if (row["year"], row["number"]) in set(keys)]

    async def fold(self) -> int:
        """Add up what has arrived; how many rows that were."""
        async with connection_of(self._pool) as connection:
            return int(await connection.fetchval(_SQL["fold"], FOLD_ROWS))

    async def _rows(self, name: str, *values: object) -> list[Row]:
        async with connection_of(self._pool) as connection:
            return [dict(row) for row in await connection.fetch(_SQL[name], *values)]
