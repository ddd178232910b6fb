"""What waits of holds, what was proposed about each, and how it ended, in PostgreSQL."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.desk import LinePlace
from adapters.postgres.bureau.pool import Pool, Sql
from adapters.postgres.statements import statements

_SQL = statements("bureau/holds")


class BureauHolds:
    """Lists page by key. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._sql = Sql(pool, _SQL)

    async def open_holds(
        self, division: str, after: LinePlace | None, limit: int, since: dt.datetime,
        waits: str | None = None,
    ) -> Sequence[Mapping[str, Any]]:  # fmt: skip
        """Oldest first. `after`: decided at, voucher number, bank, type, year. `since`: what was
        proposed before then is void. `waits`: only those, recorded, that wait for this step."""
        place = after or (None, "", "", "", 0)
        return await self._sql.rows("open_holds", division, *place, limit, since, waits)

    async def proposals(
        self, division: str, before: tuple[dt.datetime, bytes] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Newest first, of the whole division. `before`: proposed at, digest."""
        moment, digest = before or (None, None)
        return await self._sql.rows(
            "proposals", division, moment, None, None, None, None, limit, digest
        )

    async def proposals_of(
        self, division: str, bank: str, key: tuple[int, str, str], limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """`key`: fiscal year, voucher type, voucher number."""
        return await self._sql.rows("proposals", division, None, *key, bank, limit, None)

    async def ends(self, division: str, bank: str, subject: str) -> Sequence[Mapping[str, Any]]:
        """Records `release` and `bank_outcome` of one instruction in this bank's log: what became
        of it."""
        return await self._sql.rows("ends", division, bank, subject)
