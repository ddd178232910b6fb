"""The rows of a sealing: what `waiting` gives, and what `store_sealed` takes."""

from collections.abc import Sequence
from typing import Any

from gateway.domain.log import LogHead, PendingRecord, Sealed


def head_of(
    division: str, origin: str | None, size: int | None, frontier: list[bytes] | None
) -> LogHead | None:
    """Of a log that has begun."""
    if origin is None or size is None or frontier is None:
        return None
    return LogHead(division=division, origin=origin, size=size, frontier=tuple(frontier))


def complete(rows: Sequence[Any]) -> bool:
    """Whether each batch is here with all that was told in it: its number is given up with it."""
    told = sum([row[6] for row in rows if row[1] < 2])
    return told == len(rows) and None not in [row[4] for row in rows]


def pending_of(row: Any) -> PendingRecord:
    id, _, kind, subject, body, disclosures, _ = row
    return PendingRecord(id=id, kind=kind, subject=subject, body=body, disclosures=disclosures)


def stored(
    head: LogHead | None, rows: Sequence[Any], pending: Sequence[PendingRecord], sealed: Sealed,
    counted: dict[str, int],
) -> tuple[Any, ...]:  # fmt: skip
    """From the old size on. A batch's records are consecutive, and their bodies are where they are:
    the number of the first, the leaf hashes and the agencies' numbers say all."""
    new, records, subtrees = sealed.head, sealed.records, sealed.subtrees
    batches, firsts, singles, whole = [], [], [], []
    for row, record in zip(rows, records, strict=True):
        id, place = row[0], row[1]
        if place == 1:
            batches.append(id)
            firsts.append(record.seq)
        elif place == 0:
            singles.append(id)
            whole.append((
                record.seq, record.kind, record.subject, record.leaf_hash, record.body,
                record.disclosures,
            ))  # fmt: skip
    return (
        head.size if head else None, new.origin, new.size, list(new.frontier), batches, firsts,
        b"".join([record.leaf_hash for record in records]),
        [record.agency_no or 0 for record in pending], singles, whole,
        list(counted), list(counted.values()),
        [s.level for s in subtrees], [s.index for s in subtrees], [s.hash for s in subtrees],
        sealed.sealed_at, sealed.checkpoint,
    )  # fmt: skip
