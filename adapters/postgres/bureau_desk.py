"""What the bureau's desk keeps and asks for in PostgreSQL: notices, interceptions."""

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

    async def search(
        self, division: str, before: tuple[dt.datetime, str] | None, narrowed: Sequence[Any],
        limit: int, words_among: int,
    ) -> Sequence[Mapping[str, Any]]:  # fmt: skip
        """`narrowed`: agency, department, bank, policy, outcome, voucher, least and most fen,
        since, until, words; None does not narrow. Newest first."""
        moment, number = before or (None, "")
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(
                _SQL["search"], division, moment, number, *narrowed, limit, words_among
            )
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
