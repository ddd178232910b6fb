"""The bureau's copy of the banks' logs in PostgreSQL: judged and stored in one transaction."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import asyncpg

from adapters.postgres.bureau.pool import Connection, Pool, connection_of
from adapters.postgres.statements import statements
from gateway.domain.faults import StoreUnavailable
from gateway.domain.log import Cosigned, LogHead, SealedRecord, Subtree
from gateway.domain.people import IN_CLEAR, Sealing, sealed_if_any

EVIDENCE_KEPT_MAX = 64
"""Refused deliveries of one log whose bytes are kept; later ones keep their checkpoint only."""
RECORDS_FETCH = 2000
OF_ONE_MAX = 200
"""Records of one payment: some five, and at most sixteen conflicts of its number."""
RECORD_COLUMNS = (
    "division", "bank", "seq", "kind", "subject", "body", "leaf_hash", "disclosures",
)  # fmt: skip

_SQL = statements("bureau/log")
_DESK = statements("bureau/desk")


class Accepted(Protocol):
    """A delivery that was proven, with all that is stored of it."""

    @property
    def head(self) -> LogHead: ...
    @property
    def records(self) -> Sequence[SealedRecord]: ...
    @property
    def subtrees(self) -> Sequence[Subtree]: ...
    @property
    def checkpoint(self) -> str: ...
    @property
    def cosigned(self) -> Cosigned: ...
    @property
    def tallies(self) -> Mapping[tuple[str, str], int]: ...
    @property
    def interceptions(self) -> Sequence[tuple[Any, ...]]: ...
    @property
    def warnings(self) -> Sequence[tuple[Any, ...]]: ...
    @property
    def received_at(self) -> dt.datetime: ...


A = TypeVar("A", bound=Accepted)


class BureauStore:
    """Logs, by (division, bank). Every method raises StoreUnavailable.

    What opens the records' commitments, people's numbers among it, is kept sealed (Art. 16).
    """

    def __init__(self, pool: Pool, sealing: Sealing = IN_CLEAR) -> None:
        self._pool = pool
        self._sealing = sealing

    async def open_log(self, division: str, bank: str, origin: str) -> None:
        """Insert the zero row, so that the first delivery finds a row to lock.

        Raises ValueError if this log already stands under another origin.
        """
        async with connection_of(self._pool) as connection:
            await connection.execute(_SQL["open_log"], division, bank, origin)
            row = await connection.fetchrow(_SQL["held_log"], division, bank)
        if row is None or row["origin"] != origin:
            raise ValueError(f"the log of {division}/{bank} already stands under another origin")

    async def append(self, division: str, bank: str, judge: Callable[[LogHead], A]) -> A:
        """Lock the log, let `judge` prove the delivery against its head, store: one transaction.

        Whatever `judge` raises leaves the log as it was. The cosignature that `judge` made is
        durable before this returns, so the bureau never signs two roots of one size (T12, T13).
        """
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["lock_log"], division, bank)
            if row is None:
                raise KeyError((division, bank))
            head = _head(row)
            accepted = judge(head)
            await self._store(connection, bank, head, accepted)
        return accepted

    async def held(self, division: str, bank: str) -> tuple[LogHead, Cosigned]:
        """Where the log stands here; an empty log's cosigned checkpoint is the empty text."""
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(_SQL["held_log"], division, bank)
        if row is None:
            raise KeyError((division, bank))
        return _head(row), Cosigned(size=row["size"], checkpoint=row["cosigned"] or "")

    async def next_stop(self, division: str, bank: str, start: int, wanted: int) -> Cosigned | None:
        """The last checkpoint beyond `start` and up to `wanted`, else the first beyond that."""
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(_SQL["next_stop"], division, bank, start, wanted)
        return None if row is None else Cosigned(size=row["size"], checkpoint=row["cosigned"])

    async def hashes(
        self, division: str, bank: str, level: int, first: int, count: int
    ) -> list[bytes]:
        """Consecutive hashes of a kept level: 0 for leaves, 8, 16, 24 for full subtrees.

        Fewer than `count` if the log is shorter.
        """
        last = first + count
        async with connection_of(self._pool) as connection:
            if level == 0:
                rows = await connection.fetch(_SQL["leaf_hashes"], division, bank, first, last)
            else:
                rows = await connection.fetch(_SQL["subtrees"], division, bank, level, first, last)
        return [row[0] for row in rows]

    async def record(self, division: str, bank: str, seq: int) -> SealedRecord | None:
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(_SQL["record"], division, bank, seq)
        if row is None:
            return None
        sealed = row["disclosures"]
        opened = None if sealed is None else self._sealing.open_bytes(sealed)
        return SealedRecord(**{**row, "disclosures": opened})

    async def of_subject(
        self, division: str, bank: str, subject: str, size: int
    ) -> list[SealedRecord]:
        """What the first `size` records say of it, in order, without disclosures; OF_ONE_MAX at
        most."""
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(
                _SQL["of_subject"], division, bank, subject, size, OF_ONE_MAX
            )
        return [SealedRecord(**row, disclosures=None) for row in rows]

    async def bodies(
        self, division: str, bank: str, end: int, start: int = 0
    ) -> AsyncIterator[list[tuple[int, bytes]]]:
        """Stored bytes from `start` to before `end`, in order, in pieces of (seq, body)."""
        async for rows in self.rows(division, bank, end, start):
            yield [(row.seq, row.body) for row in rows]

    async def rows(
        self, division: str, bank: str, end: int, start: int = 0
    ) -> AsyncIterator[list[SealedRecord]]:
        """As `bodies`, each with what stands beside it, but for disclosures."""
        for first in range(start, end, RECORDS_FETCH):
            stop = min(first + RECORDS_FETCH, end)
            async with connection_of(self._pool) as connection:
                rows = await connection.fetch(_SQL["records"], division, bank, first, stop)
            yield [SealedRecord(**row, disclosures=None) for row in rows]

    async def tallies(self, division: str, bank: str) -> dict[tuple[str, str], int]:
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["tallies"], division, bank)
        return {(row["measure"], row["value"]): row["count"] for row in rows}

    async def keep_misbehaviour(
        self, division: str, bank: str, digest: bytes, what: Mapping[str, Any], at: dt.datetime
    ) -> int:
        """Keep a refused delivery; the same one again only counts. Returns how often it was seen.

        `what`: reason, detail, party, held_size, held_checkpoint, shown_checkpoint, delivery.
        """
        async with connection_of(self._pool) as connection:
            return int(
                await connection.fetchval(
                    _SQL["keep_misbehaviour"], division, bank, digest, what["reason"],
                    what["detail"], what["party"], what["held_size"], what["held_checkpoint"],
                    what["shown_checkpoint"], self._sealing.seal_bytes(what["delivery"]), at,
                    EVIDENCE_KEPT_MAX,
                )
            )  # fmt: skip

    async def misbehaviour(
        self, division: str, bank: str, digest: bytes
    ) -> Mapping[str, Any] | None:
        """A refused delivery, `delivery` its bytes as they came; None in it where only what is
        told of it was kept."""
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(_SQL["misbehaviour"], division, bank, digest)
        if row is None:
            return None
        sealed = row["delivery"]
        return {**row, "delivery": sealed and self._sealing.open_bytes(sealed)}

    def _rows(
        self, place: tuple[str, str], records: Sequence[SealedRecord]
    ) -> list[tuple[Any, ...]]:
        return [
            (
                *place, r.seq, r.kind, r.subject, r.body, r.leaf_hash,
                sealed_if_any(self._sealing, r.disclosures),
            )
            for r in records
        ]  # fmt: skip

    async def _store(
        self, connection: Connection, bank: str, old: LogHead, accepted: Accepted
    ) -> None:
        head, cosigned, at = accepted.head, accepted.cosigned, accepted.received_at
        place = (head.division, bank)
        await connection.copy_records_to_table(
            "log_record", records=self._rows(place, accepted.records), columns=RECORD_COLUMNS
        )
        if accepted.subtrees:
            levels, indexes, hashes = zip(
                *((s.level, s.index, s.hash) for s in accepted.subtrees), strict=True
            )
            await connection.execute(_SQL["add_subtrees"], *place, levels, indexes, hashes)
        await connection.execute(
            _SQL["add_checkpoint"], *place, head.size, accepted.checkpoint, cosigned.checkpoint, at
        )
        keys = sorted(accepted.tallies)
        await connection.execute(
            _SQL["add_tallies"], *place, [measure for measure, _ in keys],
            [value for _, value in keys], [accepted.tallies[key] for key in keys],
        )  # fmt: skip
        if accepted.interceptions:
            columns = zip(*accepted.interceptions, strict=True)
            await connection.execute(_DESK["note_records"], *place, at, *columns)
        if accepted.warnings:
            columns = zip(*accepted.warnings, strict=True)
            await connection.execute(_DESK["note_warnings"], *place, at, *columns)
        won = await connection.fetchval(
            _SQL["advance_log"], *place, old.size, head.size, list(head.frontier),
            accepted.checkpoint, cosigned.checkpoint, at,
        )  # fmt: skip
        if won != head.size:
            raise StoreUnavailable("the log moved while its lock was held")


def _head(row: asyncpg.Record) -> LogHead:
    return LogHead(
        division=row["division"],
        origin=row["origin"],
        size=row["size"],
        frontier=tuple(row["frontier"]),
    )
