"""What logs tell of and this bureau did not give: found once, kept, and seen by a person."""

import datetime as dt
from collections.abc import Sequence

from adapters.postgres.bureau.pool import Pool, Row, Sql, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements

_SQL = statements("bureau/not_ours")


class BureauNotOurs:
    """`bureau.desk.not_ours.Store`. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._trail = trail
        self._sql = Sql(pool, _SQL)

    async def next_registers(self, division: str, signer: bytes, limit: int) -> Sequence[Row]:
        """`signer`: as records name us. Of each bank: record's number, and whether it is ours."""
        return await self._sql.rows("registers", division, signer, limit)

    async def next_books(self, division: str, limit: int) -> Sequence[Row]:
        return await self._sql.rows("book", division, limit)

    async def next_releases(self, division: str, limit: int) -> Sequence[Row]:
        return await self._sql.rows("releases", division, limit)

    async def looked(self, division: str, what: str, rows: Sequence[Row], at: dt.datetime) -> None:
        """These were looked at; what is not ours among them is kept."""
        async with connection_of(self._pool) as connection, connection.transaction():
            strange = [row for row in rows if not row["ours"]]
            for name, those, more in (("found", strange, [at]), ("looked", rows, [])):
                banks, seqs = [row["bank"] for row in those], [row["seq"] for row in those]
                await connection.execute(_SQL[name], division, what, banks, seqs, *more)

    async def open(self, division: str) -> Sequence[Row]:
        return await self._sql.rows("open", division)

    async def all(
        self, division: str, before: tuple[dt.datetime, int, str, str] | None, limit: int
    ) -> Sequence[Row]:
        """Newest first. `before`: found at, record's number, bank, what."""
        place = before or (None, 0, "", "")
        return await self._sql.rows("all", division, *place, limit)

    async def see(
        self, place: tuple[str, str, str, int], by: tuple[str, dt.datetime, str], act: ActLike
    ) -> bool:
        """`place`: division, bank, what, record. `by`: login, when, reason. False: it is there no
        more to be seen."""
        async with connection_of(self._pool) as connection, connection.transaction():
            if await connection.fetchval(_SQL["see"], *place, *by) is None:
                return False
            await self._trail.add(connection, by[1], [act])
        return True
