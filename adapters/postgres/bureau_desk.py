"""What the bureau's desk keeps and asks for in PostgreSQL: notices, interceptions, sessions."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.postgres.bureau_pool import Pool, connection_of
from adapters.postgres.statements import statements

_SQL = statements("bureau_desk")
_LOG = statements("bureau_log")


class BureauDesk:
    """Rows come back as mappings named like the columns. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep_notice(
        self,
        place: tuple[str, str],
        digest: bytes,
        signed: tuple[bytes, str, str],
        at: dt.datetime,
        interception: tuple[Any, ...] | None,
    ) -> bool:
        """Store a proven notice and its line; False if these bytes were received before.

        `place`: division, bank. `signed`: body, detached JWS, signer's URI.
        """
        async with connection_of(self._pool) as connection, connection.transaction():
            new = await connection.fetchval(_SQL["keep_notice"], *place, digest, *signed, at)
            if new is not None and interception is not None:
                await connection.execute(_SQL["note_notice"], *place, at, *interception)
        return new is not None

    async def count_notices(self, division: str, bank: str) -> int:
        async with connection_of(self._pool) as connection:
            return int(await connection.fetchval(_SQL["count_notices"], division, bank))

    async def interceptions(
        self, division: str, before: tuple[dt.datetime, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Newest first; `before` is the (decided_at, voucher_no) of the last one seen."""
        moment, number = before or (None, "")
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["interceptions"], division, moment, number, limit)
        return [dict(row) for row in rows]

    async def interception(
        self, division: str, fiscal_year: int, voucher_type: str, voucher_no: str
    ) -> Mapping[str, Any] | None:
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(
                _SQL["interception"], division, fiscal_year, voucher_type, voucher_no
            )
        return None if row is None else dict(row)

    async def logs(self, division: str) -> Sequence[Mapping[str, Any]]:
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["logs"], division)
        return [dict(row) for row in rows]

    async def misbehaviours(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """Refused deliveries, last seen first."""
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_LOG["misbehaviours"], division, limit)
        return [dict(row) for row in rows]


class BureauSessions:
    """Sign-in links and sessions by digest; a link opens one session and is gone."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep_link(self, digest: bytes, expires_at: dt.datetime) -> None:
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["keep_link"], digest, expires_at)

    async def trade_link(
        self, link: bytes, session: bytes, now: dt.datetime, until: dt.datetime
    ) -> bool:
        """Use a link up for a session, both or neither. False: used, expired, or never was."""
        async with connection_of(self._pool) as connection, connection.transaction():
            await connection.execute(_SQL["drop_stale"], now)
            if await connection.fetchval(_SQL["take_link"], link, now) is None:
                return False
            await connection.execute(_SQL["keep_session"], session, until)
        return True

    async def living(self, session: bytes, now: dt.datetime) -> bool:
        async with connection_of(self._pool) as connection:
            return await connection.fetchval(_SQL["session"], session, now) is not None

    async def end(self, session: bytes) -> None:
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["end_session"], session)

    async def anybody(self, now: dt.datetime) -> bool:
        """Whether somebody is signed in, so that a restart prints no new link."""
        async with connection_of(self._pool) as connection:
            return await connection.fetchval(_SQL["any_session"], now) is not None
