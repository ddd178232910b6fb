"""Questions to the gateways about policies, and what each gateway answered."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Pool, Sql, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements

_SQL = statements("bureau/questions")
Row = Mapping[str, Any]


class BureauQuestions:
    """`bureau.desk.policies.questions.QuestionStore`. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._sql = Sql(pool, _SQL)
        self._trail = trail

    async def add(
        self, division: str, banks: Sequence[str], values: tuple[Any, ...],
        signed: Callable[[int], tuple[bytes, str]], act: Callable[[int], ActLike],
    ) -> int:  # fmt: skip
        """A question to each of these banks' gateways; its number. `values`: what, policy, draft,
        subject, since, asker, asked_at; `signed` makes its bytes and their signature."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_SQL["lock"], division)
            number = int(await connection.fetchval(_SQL["next_number"], division))
            body, signature = signed(number)
            for bank in banks:
                await connection.execute(
                    _SQL["add"], division, number, bank, *values, body, signature
                )
            await self._trail.add(connection, values[-1], [act(number)])
        return number

    async def open(self) -> Sequence[Row]:
        return await self._sql.rows("open")

    async def told(
        self, at: tuple[str, int, str], now: dt.datetime, state: bytes, over: bool,
        flips: Sequence[tuple[Any, ...]],
    ) -> None:  # fmt: skip
        """What a gateway answered. `flips`: as `add_flips` lists them."""
        async with connection_of(self._pool) as connection, connection.transaction():
            if flips:
                await connection.execute(
                    _SQL["add_flips"], *at, *map(list, zip(*flips, strict=True))
                )
            await connection.execute(_SQL["told"], *at, now, state, over)

    async def troubled(
        self, at: tuple[str, int, str], now: dt.datetime, trouble: str, over: bool
    ) -> None:
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["troubled"], *at, now, trouble, over)

    async def question(self, division: str, number: int) -> Sequence[Row]:
        return await self._sql.rows("question", division, number)

    async def of_draft(self, division: str, draft: int, limit: int) -> Sequence[Row]:
        return await self._sql.rows("of_draft", division, draft, limit)

    async def shadows(self, division: str, limit: int) -> Sequence[Row]:
        return await self._sql.rows("shadows", division, limit)

    async def replay(self, division: str, subject: str, bank: str) -> Row | None:
        rows = await self._sql.rows("replays", division, subject, bank)
        return rows[0] if rows else None

    async def changes(self, division: str, number: int, by: str = "") -> Sequence[Row]:
        """`by`: policy or agency; in sum if empty."""
        return await self._sql.rows(f"changes_by_{by}" if by else "changes", division, number)

    async def flips(
        self, division: str, number: int, after: tuple[str, int], limit: int
    ) -> Sequence[Row]:
        return await self._sql.rows("flips", division, number, *after, limit)

    async def hits(self, division: str, since: dt.datetime) -> Mapping[str, tuple[int, int]]:
        """By policy: how often it found something, and how often of that it warned only."""
        rows = await self._sql.rows("hits", division, since)
        return {row["name"]: (row["count"], row["warned"]) for row in rows}

    async def banks_of(self, division: str, subject: str) -> Sequence[str]:
        """The banks that told of this instruction, by record or by notice."""
        return [row["bank"] for row in await self._sql.rows("banks_of", division, subject)]
