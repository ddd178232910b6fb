"""Complaints, what was done about each, and who opened an informant's seal, in PostgreSQL."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.cases import open_case
from adapters.postgres.bureau.pool import Connection, Pool, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements

_SQL = statements("bureau/complaints")
Key = tuple[str, int, int]
"""division, year, number"""
Row = Mapping[str, Any]


class BureauComplaints:
    """`bureau.desk.complaints.ComplaintStore`. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._trail = trail

    async def add(
        self, division: str, year: int, values: tuple[Any, ...], at: dt.datetime,
        act: Callable[[int], ActLike], form: bytes | None,
    ) -> tuple[int, int]:  # fmt: skip
        """Under the next number of the year, or what `form` was taken as already: year and number.
        `values`: as `add` lists them from way to taken_by."""
        async with connection_of(self._pool) as connection, connection.transaction():
            if form is not None:
                await connection.execute(_SQL["lock_form"], f"bureau form {form.hex()}")
                if taken := await connection.fetchrow(_SQL["of_form"], division, form):
                    return taken["year"], taken["number"]
            number = int(await connection.fetchval(_SQL["take_number"], division, year))
            await connection.execute(_SQL["add"], division, year, number, *values, at, form)
            await self._trail.add(connection, at, [act(number)])
        return year, number

    async def listed(
        self, division: str, before: tuple[dt.datetime, int] | None, stage: str | None, limit: int
    ) -> Sequence[Row]:
        place = before or (None, 0)
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["listed"], division, *place, stage, limit)
        return [dict(row) for row in rows]

    async def one(self, key: Key) -> Row | None:
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(_SQL["one"], *key)
        return None if row is None else dict(row)

    async def steps(self, key: Key) -> Sequence[Row]:
        async with connection_of(self._pool) as connection:
            return [dict(row) for row in await connection.fetch(_SQL["steps"], *key)]

    async def openings(self, key: Key) -> Sequence[Row]:
        async with connection_of(self._pool) as connection:
            return [dict(row) for row in await connection.fetch(_SQL["openings"], *key)]

    async def step(self, key: Key, judge: Callable[[Row], Any]) -> bool:
        """Lock the complaint, judge, write step, state and trail. False: no such complaint."""
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["lock"], *key)
            if row is None:
                return False
            await self._write(connection, key, dict(row), judge(dict(row)), [])
        return True

    async def to_case(
        self, key: Key, new: Any, judge: Callable[[Row, tuple[int, int]], Any]
    ) -> int | None:
        """Lock the complaint, open the case `new` of it and write the step that says so: all or
        nothing. The case's number; None: no such complaint."""
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["lock"], *key)
            if row is None:
                return None
            number = await open_case(connection, key[0], new.year, new.values, new.at)
            made = judge(dict(row), (new.year, number))
            await self._write(connection, key, dict(row), made, [new.act(number)])
        return number

    async def _write(
        self, connection: Connection, key: Key, row: Row, made: Any, acts: list[ActLike]
    ) -> None:
        seq = row["steps"] + 1
        await connection.execute(_SQL["add_step"], *key, seq, *made.step)
        await connection.execute(_SQL["change"], *key, *made.state, seq)
        await self._trail.add(connection, made.at, [*acts, made.act])

    async def ask(self, key: Key, by: str, reason: str, at: dt.datetime, act: ActLike) -> bool:
        async with connection_of(self._pool) as connection, connection.transaction():
            if await connection.fetchrow(_SQL["lock"], *key) is None:
                return False
            await connection.execute(_SQL["ask"], *key, by, reason, at)
            await self._trail.add(connection, at, [act])
        return True

    async def agree(
        self, key: Key, seq: int, by: str, times: tuple[dt.datetime, dt.datetime], act: ActLike
    ) -> bool:
        """`times`: now, and what was asked before then is too old. False: nothing changed."""
        async with connection_of(self._pool) as connection, connection.transaction():
            if await connection.fetchval(_SQL["agree"], *key, seq, by, *times) is None:
                return False
            await self._trail.add(connection, times[0], [act])
        return True

    async def open(
        self, key: Key, seq: int, by: str, times: tuple[dt.datetime, dt.datetime],
        act: Callable[[Row], ActLike],
    ) -> tuple[str, bytes] | None:  # fmt: skip
        """The seal's name and the sealed bytes, once; the act is durable before they are given."""
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["open"], *key, seq, by, *times)
            sealed = await connection.fetchrow(_SQL["sealed"], *key)
            if row is None or sealed is None:
                return None
            await self._trail.add(connection, times[0], [act(dict(row))])
        return sealed["seal_name"], sealed["informant"]
