"""The desk's people, their sessions and the audit trail, in PostgreSQL."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Pool, Sql, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements

_SQL = statements("bureau/people")
PIECE_ROWS = 2000
Following = tuple[Sequence[ActLike], Sequence[tuple[str, tuple[Any, ...]]]]
"""Acts of the trail, and named statements with their values."""


class _TakenError(Exception):
    """The login, certificate or identity of an account that was agreed to is another's by now."""


class BureauPeople:
    """Rows come back as mappings named like the columns. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._sql = Sql(pool, _SQL)
        self._trail = trail

    async def person(self, login: str) -> Mapping[str, Any] | None:
        return await self._sql.row("person", login)

    async def names(self, logins: Sequence[str]) -> Mapping[str, str]:
        """By login, of those whom somebody has."""
        return {row["login"]: row["name"] for row in await self._sql.rows("names", list(logins))}

    async def person_by(self, kind: str, value: str) -> str | None:
        """The login bound to a certificate's URI (`party`) or an OIDC identity (`subject`)."""
        row = await self._sql.row(f"person_by_{kind}", value)
        return None if row is None else str(row["login"])

    async def people(self, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        return await self._sql.rows("people", after, limit)

    async def able_administrators(self) -> Sequence[Mapping[str, Any]]:
        """Login and division of those who can sign in with what they know or hold."""
        return await self._sql.rows("able_administrators")

    async def add_person(
        self, values: tuple[str, str, str, str, str, str | None, str | None],
        at: dt.datetime, act: ActLike,
    ) -> bool:  # fmt: skip
        """`values`: login, division, office, name, code, party, subject. False: it is taken."""
        async with connection_of(self._pool) as connection, connection.transaction():
            if await connection.fetchval(_SQL["add_person"], *values, at) is None:
                return False
            await self._trail.add(connection, at, [act])
        return True

    async def change(
        self, at: dt.datetime, acts: Sequence[ActLike], *steps: tuple[str, tuple[Any, ...]],
        provided: Sequence[tuple[str, tuple[Any, ...]]] = (),
    ) -> bool:  # fmt: skip
        """Named statements and what is told of them, all or nothing. False: nothing, for one of
        `provided` finds no row."""
        async with connection_of(self._pool) as connection, connection.transaction():
            for name, values in provided:
                if await connection.fetchval(_SQL[name], *values) is None:
                    return False
            for name, values in steps:
                await connection.execute(_SQL[name], *values)
            await self._trail.add(connection, at, acts)
        return True

    async def failed(
        self, login: str, limit: tuple[int, dt.datetime], at: dt.datetime, act: ActLike
    ) -> None:
        """Count a failure; from `limit[0]` on the account is locked until `limit[1]`."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_SQL["failed"], login, *limit)
            await self._trail.add(connection, at, [act])

    async def use_totp(self, login: str, step: int) -> bool:
        async with connection_of(self._pool) as connection:
            return await connection.fetchval(_SQL["use_totp"], login, step) is not None

    async def invitation(self, digest: bytes, now: dt.datetime) -> Mapping[str, Any] | None:
        """Whose a link is, and whether it wants a code; the link is not used up."""
        return await self._sql.row("invitation", digest, now)

    async def take_invitation(self, digest: bytes, now: dt.datetime, code: bytes) -> str | None:
        async with connection_of(self._pool) as connection:
            login = await connection.fetchval(_SQL["take_invitation"], digest, now, code)
        return None if login is None else str(login)

    async def ask(self, values: tuple[Any, ...], at: dt.datetime, act: ActLike) -> int:
        """`values`: as `ask` lists them from kind to asked_by. The request's number."""
        async with connection_of(self._pool) as connection, connection.transaction():
            number = int(await connection.fetchval(_SQL["ask"], *values, at))
            await self._trail.add(connection, at, [act])
        return number

    async def requests(self, since: dt.datetime, limit: int) -> Sequence[Mapping[str, Any]]:
        return await self._sql.rows("requests", since, limit)

    async def named(self) -> Sequence[Mapping[str, Any]]:
        return await self._sql.rows("named")

    async def request(self, number: int) -> Mapping[str, Any] | None:
        return await self._sql.row("request", number)

    async def decide(
        self, number: int, decision: tuple[str, bool, bytes | None],
        times: tuple[dt.datetime, dt.datetime], follow: Callable[[Mapping[str, Any]], Following],
    ) -> bool:  # fmt: skip
        """Another's word on a request, and what follows from it, both or neither.

        `decision`: by whom, whether agreed, digest of the link's code. `times`: now, and what was
        asked before then is too old. False: nothing changed, or the login or binding is taken.
        """
        try:
            async with connection_of(self._pool) as connection, connection.transaction():
                row = await connection.fetchrow(_SQL["decide"], number, *decision, *times)
                if row is None:
                    return False
                acts, steps = follow(dict(row))
                for name, values in steps:
                    done = await connection.fetchval(_SQL[name], *values)
                    if name == "add_person" and done is None:
                        raise _TakenError
                await self._trail.add(connection, times[0], acts)
        except _TakenError:
            return False
        return True

    async def take_link(
        self, number: int, by: str, times: tuple[dt.datetime, dt.datetime],
        follow: Callable[[Mapping[str, Any]], Following],
    ) -> bool:  # fmt: skip
        """Once, for who asked; `times`: now, and what was agreed before then is too old."""
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["take_link"], number, by, *times)
            if row is None:
                return False
            acts, steps = follow(dict(row))
            for name, values in steps:
                await connection.execute(_SQL[name], *values)
            await self._trail.add(connection, times[0], acts)
        return True

    async def program_acts(
        self, divisions: Sequence[str], since: dt.datetime, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        return await self._sql.rows("program_acts", list(divisions), since, limit)

    async def seat(
        self, digest: bytes, now: dt.datetime, seen_after: dt.datetime
    ) -> Mapping[str, Any] | None:
        return await self._sql.row("seat", digest, now, seen_after)

    async def seen(self, digest: bytes, now: dt.datetime) -> None:
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["seen"], digest, now)

    async def views(self, login: str) -> Sequence[Mapping[str, Any]]:
        return await self._sql.rows("views", login)

    async def acts(
        self, division: str, before: int, asked: tuple[Any, ...], limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """`asked`: login, act (each may be empty), since, until (each may be None)."""
        return await self._sql.rows("acts", division, before, *asked, limit)

    async def trail(
        self, division: str, take: Callable[[Sequence[Mapping[str, Any]]], None]
    ) -> tuple[int, bytes]:
        """Every act in order, to `take`, a piece at a time and beside the loop: a trail has no end.
        The head that is kept apart, of the same moment."""
        last = 0
        async with (
            connection_of(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            head = await connection.fetchrow(_SQL["trail_head"], division)
            while rows := await connection.fetch(_SQL["trail"], division, last, PIECE_ROWS):
                last = rows[-1]["seq"]
                await asyncio.to_thread(take, [dict(row) for row in rows])
        return (0, bytes(32)) if head is None else (head["seq"], head["digest"])
