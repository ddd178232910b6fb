"""The bureau's registers in PostgreSQL: rows that stand, proposals, signed feeds."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Connection, Pool, Sql, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements

_SQL = statements("bureau/registers")
Row = Mapping[str, Any]


class BureauRegisters:
    """`bureau.desk.registers.store.RegisterStore`, bodies sealed. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._sql = Sql(pool, _SQL)
        self._trail = trail

    async def version(self, division: str) -> int:
        async with connection_of(self._pool) as connection:
            return int(await connection.fetchval(_SQL["version"], division) or 0)

    async def kept(
        self, division: str, register: str, after: str, agency: str | None, limit: int
    ) -> Sequence[Row]:
        return await self._sql.rows("kept", division, register, after, agency, limit)

    async def bodies(
        self, division: str, register: str, keys: Sequence[str] | None = None
    ) -> Sequence[bytes]:
        """Of these keys, or all."""
        only = None if keys is None else list(keys)
        return [row["body"] for row in await self._sql.rows("bodies", division, register, only)]

    async def row(self, division: str, register: str, key: str) -> Row | None:
        rows = await self._sql.rows("row", division, register, key)
        return rows[0] if rows else None

    async def last_whole(self, division: str) -> bytes | None:
        """The last whole file that was approved, sealed."""
        rows = await self._sql.rows("last_whole", division)
        return rows[0]["body"] if rows else None

    async def changes(
        self, division: str, before: int, register: str | None, limit: int
    ) -> Sequence[Row]:
        return await self._sql.rows("changes", division, before, register, limit)

    async def waiting(self, division: str, limit: int) -> Sequence[Row]:
        return await self._sql.rows("waiting_changes", division, limit)

    async def change(self, division: str, seq: int) -> Row | None:
        rows = await self._sql.rows("change", division, seq)
        return rows[0] if rows else None

    async def wishes(self, division: str, wish: int | None = None) -> Sequence[Row]:
        """What cases ask of the registers (Art. 21(4)) and nothing has published; one of them."""
        return await self._sql.rows("wishes", division, wish)

    async def gateways(self, division: str) -> Sequence[Row]:
        """By bank: newest version signed, the one it applied, how many wait, and why."""
        return await self._sql.rows("gateways", division)

    async def catch_up(self, division: str, banks: Sequence[str]) -> None:
        """A bank that lacks the whole registers, or a change since, gets what it lacks."""
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["catch_up"], division, list(banks))

    async def propose(
        self, division: str, values: tuple[Any, ...], act: Callable[[int], ActLike],
        base: int | None = None,
    ) -> int:  # fmt: skip
        """`values`: as `propose` lists them from register to proposed_at. `base`: the version that
        it was made upon; None: the one in force."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await self._lock(connection, division)
            seq = int(await connection.fetchval(_SQL["propose"], division, *values, base))
            await self._trail.add(connection, values[-1], [act(seq)])
        return seq

    async def decide(self, division: str, seq: int, judge: Callable[[Row, int], Any]) -> bool:
        """Lock, judge with the proposal and the version in force, write it all or nothing.

        `judge` gives `bureau.desk.registers.changes.Decided`. False: there is no such proposal.
        """
        async with connection_of(self._pool) as connection, connection.transaction():
            version = await self._lock(connection, division)
            row = await connection.fetchrow(_SQL["change"], division, seq)
            if row is None:
                return False
            made = judge(dict(row), version)
            await connection.execute(
                _SQL["decide"], division, seq, made.by, made.at, made.approved, made.said,
                made.version, made.late,
            )  # fmt: skip
            if made.approved:
                await self._publish(connection, division, made)
            await self._trail.add(connection, made.at, [made.act])
        return True

    async def unjudged(self, division: str) -> Sequence[Row]:
        """Changes of accounts decided before it was kept whether they were told late."""
        return await self._sql.rows("unjudged", division)

    async def keep_late(self, division: str, judged: Sequence[int], late: Collection[int]) -> None:
        await self._sql.rows("keep_late", division, list(judged), list(late))

    async def waiting_feeds(self, resting: Collection[str] = ()) -> Sequence[Row]:
        """`resting`: `division/bank` of which nothing is read now."""
        return await self._sql.rows("waiting_feeds", list(resting))

    async def attempted(
        self, row: Row, at: dt.datetime, trouble: str | None, refusal: str = ""
    ) -> None:
        place = row["division"], row["bank"], row["version"]
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["attempted"], *place, at, trouble)

    async def _publish(self, connection: Connection, division: str, made: Any) -> None:
        await connection.execute(_SQL["set_version"], division, made.version)
        if made.whole:
            await connection.execute(_SQL["drop_all"], division)
        for register, key in made.gone:
            await connection.execute(_SQL["drop"], division, register, key)
        await connection.executemany(
            _SQL["keep"], [(division, *row[:3], made.version, row[3]) for row in made.puts]
        )
        for bank in made.banks:
            await connection.execute(
                _SQL["add_feed"], division, bank, made.version, made.at, made.signature, made.body
            )
        if made.wish is not None:
            await connection.execute(
                _SQL["wish_published"], division, made.wish, made.version, made.at
            )

    async def _lock(self, connection: Connection, division: str) -> int:
        await connection.execute(_SQL["open_version"], division)
        return int(await connection.fetchval(_SQL["lock_version"], division))
