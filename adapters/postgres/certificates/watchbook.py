"""What processes saw of certificates, what is told about them, and all of it brought together."""

import datetime as dt
from collections.abc import Mapping, Sequence

from adapters.postgres.certificates.cases import PostgresCertificates
from adapters.postgres.session import Pool, Proof
from adapters.postgres.statements import statements
from gateway.domain.inventory import (
    Inventory,
    LogState,
    RefusedHandshakes,
    Seen,
    Untold,
    taken,
)

SEEN_LIFE = dt.timedelta(hours=1)
"""What no process has seen for so long is in use nowhere."""
ALERTS_MAX = 20

_SQL = statements("certificates")


class PostgresWatchbook:
    """Every error of the database is LedgerUnavailable. `process` names this one."""

    def __init__(
        self, dsn: str, process: str, *, allow_unsafe: bool = False, kept: Proof | None = None
    ) -> None:
        self._process = process
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe, kept=kept)
        self._cases = PostgresCertificates(dsn, allow_unsafe=allow_unsafe, kept=kept)

    async def close(self) -> None:
        await self._cases.close()
        await self._pool.close()

    async def note(self, seen: Sequence[Seen], refused: Mapping[str, int], at: dt.datetime) -> None:
        """What this process has met since it last told."""
        if seen:
            await self._pool.execute(
                _SQL["see"], self._process, at,
                [one.issuer for one in seen], [one.serial for one in seen],
                [one.place for one in seen], [one.holder for one in seen],
                [one.not_before for one in seen], [one.not_after for one in seen],
            )  # fmt: skip
        if refused:
            columns = list(refused), list(refused.values())
            await self._pool.execute(_SQL["count_refused"], self._process, at, *columns)
        await self._pool.execute(_SQL["forget"], at - SEEN_LIFE)

    async def inventory(self, now: dt.datetime) -> Inventory:
        rows = await self._pool.fetch(_SQL["seen"])
        seen = [Seen(**{**row, "processes": tuple(row["processes"])}) for row in rows]
        refused = [RefusedHandshakes(**row) for row in await self._pool.fetch(_SQL["refused"])]
        logs = await self.logs()
        return taken(
            now, await self._cases.cases(), seen, await self._cases.lists(),
            await self._cases.revocations(), refused, logs,
        )  # fmt: skip

    async def logs(self) -> list[LogState]:
        return [LogState(**row) for row in await self._pool.fetch(_SQL["logs"])]

    async def raise_alert(self, subject: str, threshold: int, body: bytes, at: dt.datetime) -> bool:
        """False if it was raised before."""
        rows = await self._pool.unbroken(self._raise(subject, threshold, body, at))
        return bool(rows)

    async def _raise(self, subject: str, threshold: int, body: bytes, at: dt.datetime) -> bool:
        async with self._pool.transaction() as connection:
            columns = subject, threshold, at, body
            return await connection.fetchval(_SQL["raise_alert"], *columns) is not None

    async def untold(self, now: dt.datetime) -> list[Untold]:
        rows = await self._pool.fetch(_SQL["untold_alerts"], now, ALERTS_MAX)
        return [Untold(**row) for row in rows]

    async def tried(
        self, one: Untold, next_at: dt.datetime, delivered_at: dt.datetime | None
    ) -> None:
        await self._pool.execute(
            _SQL["alert_tried"], one.subject, one.threshold, next_at, delivered_at
        )
