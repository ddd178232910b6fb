"""The monitoring log on PostgreSQL: sealed by one sequencer, read by anybody."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import msgspec

from adapters.postgres.ledger.kept import Kept
from adapters.postgres.log.agency_counts import AgencyCounts
from adapters.postgres.log.evidence import evidence_about, gathered, whole
from adapters.postgres.log.fresh import Fresh, weight
from adapters.postgres.log.sealing import complete, head_of, pending_of, stored
from adapters.postgres.migrate import newest_known
from adapters.postgres.session import LOST, Pool, Session, UnsafeServer, open_session
from adapters.postgres.statements import statements
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import (
    Cosigned,
    Delivery,
    LogEvidence,
    LogHead,
    Notice,
    PendingRecord,
    Sealed,
    SealedRecord,
    tree_digest,
)
from gateway.domain.people import IN_CLEAR, Sealing
from gateway.domain.tree import frontier, root_of

LEAD_DEADLINE_S = 2.0
OFFICE_SILENT_S = 8.0
"""The server ends the session of a leader that does not say so often that it lives: one that is
stopped or cut off holds its lock for ever otherwise, and nobody seals, delivers or enquires. The
same of who is in the middle of a sealing, with the log's lock."""
SEAL_BYTES_MAX = 4 * 2**20
"""Of records that one checkpoint takes in, but for the last told together: a delivery ends at a
checkpoint, and the bureau takes 64 MiB."""
DELIVERY_BYTES_MAX = 4 * 2**20
"""Of one delivery, if there is a checkpoint within: a slow line must carry it within the bureau's
patience, and a day of payrolls has a thousand records of 300 KB each."""
NOTICES_BYTES_MAX = 16 * 2**20
"""Read at a time."""
STANDING = "treasury-gateway office "
"""The name of a session that stands for the office or holds it; its program's number follows."""

_SQL = statements("log")


class PostgresRecordLog:
    """`gateway.ports.RecordLog`. Every error of the database is LedgerUnavailable."""

    def __init__(
        self, dsn: str, *, pool_size: int = 2, allow_unsafe: bool = False,
        office_silent_s: float = OFFICE_SILENT_S, sealing: Sealing = IN_CLEAR,
        kept: Kept | None = None, program: str | None = None,
    ) -> None:  # fmt: skip
        """`program`: the newest migration that it knows; this one's unless it is said."""
        self._sealing = sealing
        self._stands_as = f"{STANDING}{program or newest_known()}"
        self._dsn = dsn
        self._office_silent = f"{round(office_silent_s * 1000)}ms"
        self._allow_unsafe = allow_unsafe
        self._kept = kept or Kept()
        self._pool = Pool(dsn, size=pool_size, allow_unsafe=allow_unsafe, kept=self._kept)
        self._office: Session | None = None
        self._leads = False
        self._fresh: dict[str, Fresh] = {}
        self._counts: dict[str, AgencyCounts] = {}

    async def close(self) -> None:
        await self.leave_office()
        await self._pool.close()

    async def lead(self) -> bool:
        """The lock lives and dies with its session; a session that does not answer is given up.
        Who does not lead stands for the office with a session of its own: to a newer program it is
        left at once, and never taken from one (decision 0140)."""
        try:
            async with asyncio.timeout(LEAD_DEADLINE_S):
                if self._office is None:
                    self._office = await open_session(self._dsn, allow_unsafe=self._allow_unsafe)
                    await self._office.connection.execute(
                        _SQL["stand"], self._office_silent, self._stands_as
                    )
                leads: bool = await self._office.connection.fetchval(
                    _SQL["lead"], STANDING, self._stands_as, self._leads
                )
        except (*LOST, UnsafeServer) as error:
            await self.leave_office()
            raise LedgerUnavailable(f"the office cannot be held: {type(error).__name__}") from error
        if self._leads and not leads:
            await self.leave_office()
        self._leads = leads
        return leads

    async def leave_office(self) -> None:
        if self._office:
            await self._office.close()
        self._office = None
        self._leads = False

    async def time_there(self) -> dt.datetime:
        """The server's own clock."""
        rows = await self._pool.fetch(_SQL["time_there"])
        told: dt.datetime = rows[0]["at"]
        return told

    async def rules_told(self, division: str, kind: str, limit: int) -> list[bytes]:
        """Of books (`policy_activated`) or registers (`register_applied`): the newest records,
        `limit` of those that are sealed."""
        rows = await self._pool.fetch(_SQL["rules_told"], division, kind, limit)
        return [bytes(row["body"]) for row in rows]

    async def pending_divisions(self) -> list[str]:
        return [row["division"] for row in await self._pool.fetch(_SQL["pending_divisions"])]

    async def seal(
        self, division: str, limit: int, at: dt.datetime,
        make: Callable[[LogHead | None, str, Sequence[PendingRecord], dt.datetime], Sealed],
    ) -> Sealed | None:  # fmt: skip
        """Raises LedgerUnavailable also when another sequencer sealed first: then nothing stands,
        and what `make` signed was never stored and must not be sent."""
        sealed = await self._pool.unbroken(self._seal(division, limit, at, make))
        if sealed is not None:
            self._fresh.setdefault(division, Fresh()).keep(sealed)
            self._kept.sealed(division, sealed.head.size)
        return sealed

    async def next_delivery(
        self, division: str, limit: int, start: int | None = None
    ) -> Delivery | None:
        """The furthest checkpoint within `limit` records, or the nearest if none is within. What
        was sealed here a moment ago is not read again: its checkpoint says that it is the same."""
        upto = await self._pool.fetch_durably(_SQL["next_checkpoint"], division, limit, start)
        if not upto:
            return None
        start, size, text = upto[0]
        found = self._fresh_ones(division, start, size, text)
        if found is None:
            within = division, start, size, DELIVERY_BYTES_MAX
            light = max((await self._pool.fetch(_SQL["records_within"], *within))[0]["records"], 1)
            if light < size - start:
                upto = await self._pool.fetch_durably(
                    _SQL["next_checkpoint"], division, light, start
                )
                start, size, text = upto[0]
            rows = await self._pool.fetch(_SQL["records_between"], division, start, size)
            found = [whole(division, row) for row in rows]
        if len(found) != size - start:
            raise LedgerUnavailable(f"log {division}: records {start} to {size} are not complete")
        records = tuple(self._opened(record) for record in found)
        return Delivery(division=division, start=start, records=records, checkpoint=text)

    def _fresh_ones(
        self, division: str, start: int, size: int, checkpoint: str
    ) -> list[SealedRecord] | None:
        if division not in self._fresh:
            return None
        found = self._fresh[division].between(start, size, checkpoint)
        return found if found and sum(map(weight, found)) <= DELIVERY_BYTES_MAX else None

    async def acknowledged(self, division: str) -> int:
        rows = await self._pool.fetch(_SQL["acknowledged"], division)
        return int(rows[0]["acknowledged_size"]) if rows else 0

    async def acknowledge(self, division: str, cosigned: Cosigned, at: dt.datetime) -> None:
        """Raises LedgerUnavailable if the bureau holds more than this log: one of them is forked
        or was rolled back, which an operator must look into."""
        await self._pool.unbroken(self._acknowledge(division, cosigned, at))

    async def evidence(self, division: str, subject: str) -> list[LogEvidence]:
        return await evidence_about(self._pool, division, subject)

    async def root_at(self, division: str, size: int) -> bytes | None:
        """Raises LedgerUnavailable, also if the stored tree has a hole."""
        head = await self._pool.fetch(_SQL["head"], division)
        if not head or not 0 < size <= head[0]["size"]:
            return None
        origin = head[0]["origin"]
        return root_of(
            await gathered(self._pool, division, frontier(size), origin), tree_digest(origin)
        )

    async def sizes(self) -> dict[str, int]:
        return {row["division"]: row["size"] for row in await self._pool.fetch(_SQL["sizes"])}

    async def sealed_for_s(self, division: str, beyond: int) -> float:
        rows = await self._pool.fetch(_SQL["sealed_for"], division, beyond)
        return float(rows[0]["seconds"])

    async def newest_checkpoint(self, division: str, above: int) -> tuple[int, str] | None:
        rows = await self._pool.fetch_durably(_SQL["newest_checkpoint"], division, above)
        return (rows[0]["size"], rows[0]["text"]) if rows else None

    async def notices(self, division: str, limit: int) -> list[Notice]:
        columns = division, limit, NOTICES_BYTES_MAX
        return [Notice(**row) for row in await self._pool.fetch(_SQL["notices"], *columns)]

    async def notices_told(
        self, division: str, receipts: Mapping[int, str], at: dt.datetime
    ) -> None:
        ids, texts = list(receipts), list(receipts.values())
        await self._pool.unbroken(
            self._pool.execute(_SQL["notices_told"], division, ids, texts, at)
        )

    async def notices_untold(self, division: str, ids: Sequence[int], at: dt.datetime) -> None:
        await self._pool.unbroken(
            self._pool.execute(_SQL["notices_untold"], division, list(ids), at)
        )

    async def untold_divisions(self) -> list[str]:
        return [row["division"] for row in await self._pool.fetch(_SQL["untold_divisions"])]

    async def _seal(
        self, division: str, limit: int, at: dt.datetime,
        make: Callable[[LogHead | None, str, Sequence[PendingRecord], dt.datetime], Sealed],
    ) -> Sealed | None:  # fmt: skip
        """What waits is read under the log's lock; what `make` adds is written in one statement."""
        async with self._pool.transaction() as connection:
            log = await connection.fetchrow(_SQL["lock_log"], division, self._office_silent)
            if log is None or not log["locked"]:
                raise LedgerUnavailable(f"log {division}: another sequencer is at it")
            head = head_of(division, log["origin"], log["size"], log["frontier"])
            rows = await connection.fetch(_SQL["waiting"], division, limit, SEAL_BYTES_MAX)
            if not rows:
                return None
            if not complete(rows):
                raise LedgerUnavailable(f"log {division}: records that were told are gone")
            waiting = [pending_of(row) for row in rows]
            counts = self._counts.setdefault(division, AgencyCounts())
            pending, counted = await counts.counted(connection, division, head, waiting)
            await asyncio.sleep(0)  # for each of these steps holds everybody for a millisecond
            sealed = make(head, division, pending, at)
            await asyncio.sleep(0)
            columns = stored(head, rows, pending, sealed, counted)
            if not await connection.fetchval(_SQL["store"], division, *columns):
                raise LedgerUnavailable(f"log {division}: another sequencer sealed first")
        counts.keep(sealed.head, counted)
        return sealed

    async def _acknowledge(self, division: str, cosigned: Cosigned, at: dt.datetime) -> None:
        async with self._pool.session() as session:
            kept = await session.connection.fetchval(
                _SQL["acknowledge"], division, cosigned.size, cosigned.checkpoint, at
            )
            session.believed()
        if kept is None:
            raise LedgerUnavailable(
                f"log {division}: the bureau holds {cosigned.size} records, more than we do"
            )

    def _opened(self, record: SealedRecord) -> SealedRecord:
        """With its disclosures open: the bureau is told them."""
        if record.disclosures is None:
            return record
        return msgspec.structs.replace(
            record, disclosures=self._sealing.open_bytes(record.disclosures)
        )
