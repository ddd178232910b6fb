"""Statistics of interceptions, cases and conduct, from counts kept as things arrive."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Pool, Sql, connection_of
from adapters.postgres.statements import statements

_SQL = statements("bureau/statistics")
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
        self._sql = Sql(pool, _SQL)

    async def by_key(
        self, division: str, measure: str, days: Days, limit: int | None
    ) -> Sequence[Row]:
        return (await self.by_keys(division, [measure], days, limit))[measure]

    async def by_keys(
        self, division: str, measures: Sequence[str], days: Days, limit: int | None
    ) -> Mapping[str, Sequence[Row]]:
        """By measure: policy, agency, department, bank, amount (band 1-5), state, conduct (bank
        policy), stage and origin of cases. `days`: a month's first to a month's last. What
        is over the `limit` comes as one last row: `key` None, `keys` how many it stands for."""
        found: dict[str, list[Row]] = {measure: [] for measure in measures}
        asked = division, list(measures), *_cells(days), *days, limit
        for row in await self._sql.rows("by_keys", *asked):
            found[row["measure"]].append(row)
        return found

    async def by_key_of(self, division: str, measure: str, days: Days, owner: str) -> Sequence[Row]:
        """Of one agency or bank, `key` without its code. `measure`: agency_policy,
        agency_verdict, conduct, bank_stage."""
        ends = owner + " ", owner + "!"
        rows = await self._sql.rows("by_key_of", division, measure, *_cells(days), *days, *ends)
        return [{**row, "key": row["key"].removeprefix(ends[0])} for row in rows]

    async def stages_of_agency(self, division: str, moments: Moments, agency: str) -> Sequence[Row]:
        """Cases about it by stage; `confirmed`: how many of the archived had been."""
        return await self._sql.rows("stages_of_agency", division, agency, *moments)

    async def by_month(self, division: str, days: Days) -> Sequence[Row]:
        return await self._sql.rows("by_month", division, *days)

    async def agency_names(self, division: str, codes: Sequence[str]) -> Mapping[str, str]:
        rows = await self._sql.rows("agency_names", division, list(codes))
        return {row["code"]: row["name"] for row in rows}

    async def misbehaviours(self, division: str, bank: str, moments: Moments) -> Sequence[Row]:
        """Deliveries that were refused for the first time then."""
        return await self._sql.rows("misbehaviours", division, bank, *moments)

    async def passed(self, division: str, bank: str, days: Days) -> int:
        """Payments of one bank that passed in the months of these days."""
        months = [f"{day:%Y-%m}" for day in days]
        return int((await self._sql.rows("passed", division, bank, *months))[0]["count"])

    async def typical(
        self, division: str, moments: Moments, stages: Sequence[str], limit: int
    ) -> Sequence[Row]:
        """Cases without any name; largest amount first."""
        return await self._sql.rows("typical", division, *moments, list(stages), limit)

    async def reported(
        self, division: str, moments: Moments, agency: str | None, bank: str | None
    ) -> Row:
        """Of the cases being rectified those that wait for the bureau's word; None: everybody's."""
        return (await self._sql.rows("reported", division, *moments, agency, bank))[0]

    async def typical_moves(
        self, division: str, keys: Sequence[tuple[int, int]], moves: Sequence[str]
    ) -> Sequence[Row]:
        years, numbers = sorted({y for y, _ in keys}), sorted({n for _, n in keys})
        rows = await self._sql.rows("typical_moves", division, years, numbers, list(moves))
        return [row for row in rows if (row["year"], row["number"]) in set(keys)]

    async def fold(self, least: int = 1) -> int:
        """Add up what has arrived, if that is at least so many rows; how many were added up."""
        async with connection_of(self._pool) as connection:
            return int(await connection.fetchval(_SQL["fold"], FOLD_ROWS, least))


def _cells(days: Days) -> tuple[list[dt.date], list[dt.date], list[dt.date]]:
    """Whole years, months to add to them and months to take off again: of each year whichever
    reads fewer cells. Of a year that runs most months are taken off which nobody has filled."""
    years, more, less = [], [], []
    for year in range(days[0].year, days[1].year + 1):
        months = [dt.date(year, month, 1) for month in range(1, 13)]
        asked = [month for month in months if days[0] <= month <= days[1]]
        if 2 * len(asked) > len(months):
            years.append(months[0])
            less += [month for month in months if month not in asked]
        else:
            more += asked
    return years, more, less
