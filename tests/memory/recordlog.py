"""The monitoring log in memory, with proofs computed straight from RFC 9162's definition."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import attrs
from msgspec.structs import replace

from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import (
    Cosigned,
    Delivery,
    Digest,
    LogEvidence,
    LogHead,
    Notice,
    PendingRecord,
    Sealed,
    SealedRecord,
    tree_digest,
)
from gateway.domain.records import counted_agency
from tests.memory.state import Checkpoint, DivisionLog, MemoryState


class MemoryRecordLog:
    """`gateway.ports.RecordLog`. Several may share one `state`; one of them leads."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def close(self) -> None:
        await self.leave_office()

    async def leave_office(self) -> None:
        if self._state.leader is self:
            self._state.leader = None

    async def lead(self) -> bool:
        if self._state.leader is None:
            self._state.leader = self
        return self._state.leader is self

    async def pending_divisions(self) -> list[str]:
        return sorted(division for division, waiting in self._state.pending.items() if waiting)

    async def seal(
        self, division: str, limit: int, at: dt.datetime,
        make: Callable[[LogHead | None, str, Sequence[PendingRecord], dt.datetime], Sealed],
    ) -> Sealed | None:  # fmt: skip
        pending = self._state.pending.get(division, [])[:limit]
        if not pending:
            return None
        log = self._state.logs.setdefault(division, DivisionLog())
        counts = dict(log.agencies)
        sealed = make(log.head, division, [_counted(each, counts) for each in pending], at)
        log.head, log.agencies = sealed.head, counts
        log.records.extend(sealed.records)
        log.checkpoints[sealed.head.size] = Checkpoint(
            text=sealed.checkpoint, sealed_at=sealed.sealed_at
        )
        del self._state.pending[division][: len(pending)]
        return sealed

    async def next_delivery(
        self, division: str, limit: int, start: int | None = None
    ) -> Delivery | None:
        log = self._state.logs.get(division, DivisionLog())
        start = log.acknowledged_size if start is None else start
        later = [size for size in log.checkpoints if size > start]
        if not later:
            return None
        size = max((size for size in later if size <= start + limit), default=min(later))
        return Delivery(
            division=division, start=start, records=tuple(log.records[start:size]),
            checkpoint=log.checkpoints[size].text,
        )  # fmt: skip

    async def acknowledged(self, division: str) -> int:
        return self._state.logs.get(division, DivisionLog()).acknowledged_size

    async def acknowledge(self, division: str, cosigned: Cosigned, at: dt.datetime) -> None:
        log = self._state.logs.get(division, DivisionLog())
        if cosigned.size > len(log.records) or log.head is None:
            raise LedgerUnavailable(
                f"log {division}: the bureau holds {cosigned.size} records, more than we do"
            )
        log.acknowledged_size = max(log.acknowledged_size, cosigned.size)
        checkpoint = log.checkpoints.get(cosigned.size)
        if checkpoint and checkpoint.cosigned is None:
            checkpoint.cosigned = cosigned.checkpoint

    async def evidence(self, division: str, subject: str) -> list[LogEvidence]:
        log = self._state.logs.get(division, DivisionLog())
        return [_evidence(log, record) for record in log.records if record.subject == subject]

    async def root_at(self, division: str, size: int) -> bytes | None:
        log = self._state.logs.get(division, DivisionLog())
        leaves = [r.leaf_hash for r in log.records]
        if log.head is None or not 0 < size <= len(leaves):
            return None
        return root(leaves[:size], tree_digest(log.head.origin))

    async def sizes(self) -> dict[str, int]:
        return {division: len(log.records) for division, log in self._state.logs.items()}

    async def sealed_for_s(self, division: str, beyond: int) -> float:
        log = self._state.logs.get(division, DivisionLog())
        later = [each.sealed_at for size, each in log.checkpoints.items() if size > beyond]
        return (max(later) - min(later)).total_seconds() if later else 0.0

    async def newest_checkpoint(self, division: str, above: int) -> tuple[int, str] | None:
        log = self._state.logs.get(division, DivisionLog())
        size = max((size for size in log.checkpoints if size > above), default=None)
        return None if size is None else (size, log.checkpoints[size].text)

    async def notices(self, division: str, limit: int) -> list[Notice]:
        waiting = (self._state.notices[id] for id in sorted(self._state.notices))
        return [notice for notice in waiting if notice.division == division][:limit]

    async def notices_told(
        self, division: str, receipts: Mapping[int, str], at: dt.datetime
    ) -> None:
        for id, receipt in receipts.items():
            if id in self._state.notices and self._state.notices[id].division == division:
                del self._state.notices[id]
                self._state.receipts[id] = receipt

    async def notices_untold(self, division: str, ids: Sequence[int], at: dt.datetime) -> None:
        for id in ids:
            notice = self._state.notices.get(id)
            if notice is not None and notice.division == division:
                self._state.notices[id] = attrs.evolve(notice, attempts=notice.attempts + 1)

    async def untold_divisions(self) -> list[str]:
        logs = self._state.logs.items()
        behind = {division for division, log in logs if log.acknowledged_size < len(log.records)}
        noticed = {notice.division for notice in self._state.notices.values()}
        return sorted(behind | noticed | set(await self.pending_divisions()))


def _counted(record: PendingRecord, counts: dict[str, int]) -> PendingRecord:
    agency = counted_agency(record.body)
    if agency is None:
        return record
    counts[agency] = counts.get(agency, 0) + 1
    return replace(record, agency_no=counts[agency])


def _evidence(log: DivisionLog, record: SealedRecord) -> LogEvidence:
    covering = [size for size in log.checkpoints if size > record.seq]
    size = min(covering, key=lambda size: (log.checkpoints[size].cosigned is None, size))
    leaves = [sealed.leaf_hash for sealed in log.records[:size]]
    checkpoint = log.checkpoints[size]
    digest = tree_digest(checkpoint.text.partition("\n")[0])
    return LogEvidence(
        record=record, tree_size=size, path=tuple(path(record.seq, leaves, digest)),
        checkpoint=checkpoint.cosigned or checkpoint.text,
    )  # fmt: skip


def path(seq: int, leaves: Sequence[bytes], digest: Digest) -> list[bytes]:
    """PATH(m, D[n]) of RFC 9162 2.1.3.1, over leaf hashes."""
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if seq < half:
        return [*path(seq, leaves[:half], digest), root(leaves[half:], digest)]
    return [*path(seq - half, leaves[half:], digest), root(leaves[:half], digest)]


def root(leaves: Sequence[bytes], digest: Digest) -> bytes:
    """MTH(D[n]) of RFC 9162 2.1.1, over leaf hashes; at least one."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return digest(b"\x01" + root(leaves[:half], digest) + root(leaves[half:], digest))
