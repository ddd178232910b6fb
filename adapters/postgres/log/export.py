"""Reading a stretch of the log for export: two cosigned checkpoints and every record between."""

import datetime as dt
from collections.abc import AsyncIterator

import attrs

from adapters.postgres.log.evidence import evidence_about, gathered
from adapters.postgres.session import Pool
from adapters.postgres.statements import statements
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import LogEvidence
from gateway.domain.tree import consistency, frontier

PAGE = 2000

_SQL = statements("export")


@attrs.frozen(kw_only=True)
class Stop:
    """Where the log stood at a checkpoint that the bureau has cosigned."""

    size: int
    checkpoint: str

    @property
    def origin(self) -> str:
        return self.checkpoint.partition("\n")[0]


class PostgresExport:
    """Reads only. Every error of the database is LedgerUnavailable."""

    def __init__(self, dsn: str, *, allow_unsafe: bool = False) -> None:
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe, cut_after_s=None)

    async def close(self) -> None:
        await self._pool.close()

    async def stop_before(self, division: str, moment: dt.datetime) -> Stop | None:
        """The last cosigned checkpoint sealed before `moment`."""
        return await self._stop("cosigned_before", division, moment)

    async def stop_cosigned_before(self, division: str, moment: dt.datetime) -> Stop | None:
        """The last checkpoint that the bureau had cosigned by `moment`."""
        return await self._stop("known_before", division, moment)

    async def stop_reaching(self, division: str, size: int) -> Stop | None:
        """The first cosigned checkpoint of `size` records or more."""
        return await self._stop("first_reaching", division, size)

    async def frontier(self, division: str, stop: Stop) -> tuple[bytes, ...]:
        """Roots of the perfect subtrees over the records up to `stop`, largest first."""
        return await gathered(self._pool, division, frontier(stop.size), stop.origin)

    async def latest(self, division: str, size: int) -> Stop | None:
        """The last cosigned checkpoint, if it is of `size` records or more."""
        return await self._stop("checkpoint_of", division, size)

    async def growth(self, division: str, old: int, new: Stop) -> tuple[bytes, ...]:
        """The proof that the log up to `new` begins with its first `old` records."""
        return await gathered(self._pool, division, consistency(old, new.size), new.origin)

    async def about(self, division: str, subject: str) -> list[LogEvidence]:
        return await evidence_about(self._pool, division, subject)

    async def notices(
        self, division: str, since: dt.datetime, until: dt.datetime
    ) -> list[tuple[bytes, str | None]]:
        """Notices of that time with the bureau's receipt, None where it has not come."""
        rows = await self._pool.fetch(_SQL["notices_between"], division, since, until)
        return [(row["body"], row["receipt"]) for row in rows]

    async def bodies(self, division: str, start: int, end: int) -> AsyncIterator[list[bytes]]:
        """The records' exact bytes from `start` up to `end`, a page at a time."""
        for first in range(start, end, PAGE):
            last = min(first + PAGE, end)
            rows = await self._pool.fetch(_SQL["bodies_between"], division, first, last)
            bodies = [row["body"] for row in rows]
            if len(bodies) != last - first or None in bodies:
                raise LedgerUnavailable(f"log {division}: records {first} to {last} have a hole")
            yield bodies

    async def _stop(self, query: str, division: str, by: dt.datetime | int) -> Stop | None:
        rows = await self._pool.fetch(_SQL[query], division, by)
        return Stop(size=rows[0]["size"], checkpoint=rows[0]["cosigned"]) if rows else None
