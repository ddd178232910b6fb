"""What waits of holds, what was proposed about each, and how it ended, in PostgreSQL."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.postgres.bureau_pool import Pool, connection_of
from adapters.postgres.statements import statements

_SQL = statements("bureau_holds")


class BureauHolds:
    """Lists page by key. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open_holds(
        self, division: str, after: tuple[dt.datetime, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Oldest first."""
        return await self._rows("open_holds", division, *(after or (None, "")), limit)

    async def proposals(
        self, division: str, before: dt.datetime | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Newest first, of the whole division."""
        return await self._rows("proposals", division, before, None, None, None, None, limit)

    async def proposals_of(
        self, division: str, bank: str, key: tuple[int, str, str], limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """`key`: fiscal year, voucher type, voucher number."""
        return await self._rows("proposals", division, None, *key, bank, limit)

    async def ends(self, division: str, bank: str, subject: str) -> Sequence[Mapping[str, Any]]:
        """Records `release` and `bank_outcome` of one instruction in this bank's log: what became
        of it."""
        return await self._rows("ends", division, bank, subject)

    async def _rows(self, name: str, *values: object) -> list[Mapping[str, Any]]:
        async with connection_of(self._pool) as connection:
            return [dict(row) for row in await connection.fetch(_SQL[name], *values)]
