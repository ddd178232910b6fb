"""Drafts of policies, signed books on their way, and what the gateways told of theirs."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Pool, Sql, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements

_SQL = statements("bureau/policies")
Row = Mapping[str, Any]


class BureauPolicies:
    """`bureau.desk.policies.drafts.PolicyStore`. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._sql = Sql(pool, _SQL)
        self._trail = trail

    async def add_draft(
        self, division: str, values: tuple[Any, ...], act: Callable[[int], ActLike]
    ) -> int:
        """`values`: policy, place, document, reason, author, drafted_at."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_SQL["lock"], division)
            seq = int(await connection.fetchval(_SQL["add_draft"], division, *values))
            await self._trail.add(connection, values[-1], [act(seq)])
        return seq

    async def drafts(self, division: str, limit: int) -> Sequence[Row]:
        return await self._sql.rows("drafts", division, limit)

    async def waiting(self, division: str, limit: int) -> Sequence[Row]:
        """Drafts that nobody has decided on, the oldest first."""
        return await self._sql.rows("waiting_drafts", division, limit)

    async def draft(self, division: str, seq: int) -> Row | None:
        rows = await self._sql.rows("draft", division, seq)
        return rows[0] if rows else None

    async def agreed(self, division: str) -> Mapping[str, str]:
        """The last agreed text of each document, by file name."""
        return {row["place"]: row["document"] for row in await self._sql.rows("agreed", division)}

    async def decide(
        self, division: str, seq: int, by: str, at: dt.datetime, decision: tuple[bool, str],
        act: ActLike,
    ) -> bool:  # fmt: skip
        """`decision`: whether it is agreed to, and if not, why."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_SQL["lock"], division)
            if await connection.fetchval(_SQL["decide"], division, seq, by, at, *decision) is None:
                return False
            await self._trail.add(connection, at, [act])
        return True

    async def hand_over(
        self, division: str, banks: Sequence[str], values: tuple[Any, ...], act: ActLike
    ) -> bool:
        """`values`: as `add_feed` lists them from version to body. False: sent before."""
        async with connection_of(self._pool) as connection, connection.transaction():
            new = [
                await connection.fetchval(_SQL["add_feed"], division, bank, *values)
                for bank in banks
            ]
            if not any(new):
                return False
            await self._trail.add(connection, values[5], [act])
        return True

    async def feeds(self, division: str, limit: int) -> Sequence[Row]:
        return await self._sql.rows("feeds", division, limit)

    async def books_since(self, division: str, since: dt.datetime, limit: int) -> Sequence[Row]:
        return await self._sql.rows("books_since", division, since, limit)

    async def activations(self, division: str, limit: int) -> Sequence[Row]:
        return await self._sql.rows("activations", division, limit)

    async def waiting_feeds(self, resting: Collection[str] = ()) -> Sequence[Row]:
        """`resting`: `division/bank` of which nothing is read now."""
        return await self._sql.rows("waiting_feeds", list(resting))

    async def attempted(
        self, row: Row, at: dt.datetime, trouble: str | None, refusal: str = ""
    ) -> None:
        place = row["division"], row["bank"], row["version"]
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["attempted"], *place, at, trouble)
