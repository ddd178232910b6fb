"""Evidence for sealed records: each one's place, the checkpoint over it, and the path between."""

from typing import Any

from adapters.postgres.session import Pool
from adapters.postgres.statements import statements
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import LogEvidence, SealedRecord, tree_digest
from gateway.domain.tree import Range, folded, inclusion, spans

_SQL = statements("log")


def whole(division: str, row: Any) -> SealedRecord:
    """Raises LedgerUnavailable: its number is there, and its body is gone (decision 0067)."""
    if row["body"] is None:
        raise LedgerUnavailable(f"log {division}: the body of record {row['seq']} is missing")
    return SealedRecord(**row)


async def evidence_about(pool: Pool, division: str, subject: str) -> list[LogEvidence]:
    """Raises LedgerUnavailable, also if the stored tree has a hole."""
    rows = await pool.fetch(_SQL["records_about"], division, subject)
    return [await _evidence_of(pool, division, row) for row in rows]


async def _evidence_of(pool: Pool, division: str, row: Any) -> LogEvidence:
    record = whole(division, row)
    covering = await pool.fetch_durably(_SQL["covering_checkpoint"], division, record.seq)
    if not covering:
        raise LedgerUnavailable(f"log {division}: no checkpoint covers record {record.seq}")
    size = covering[0]["size"]
    origin = covering[0]["checkpoint"].partition("\n")[0]
    path = await gathered(pool, division, inclusion(record.seq, size), origin)
    return LogEvidence(
        record=record, tree_size=size, path=path, checkpoint=covering[0]["checkpoint"]
    )


async def gathered(
    pool: Pool, division: str, ranges: list[Range], origin: str
) -> tuple[bytes, ...]:
    """The hashes of these ranges, folded from those that are stored. Raises LedgerUnavailable, also
    if one of them is missing: a log with a hole proves nothing."""
    nodes = [(level, first + n) for level, first, count in spans(ranges) for n in range(count)]
    leaves = [index for level, index in nodes if level == 0]
    subtrees = [(level, index) for level, index in nodes if level > 0]
    levels, indexes = [level for level, _ in subtrees], [index for _, index in subtrees]
    rows = await pool.fetch(_SQL["hashes"], division, leaves, levels, indexes)
    hashes = {(level, index): hash for level, index, hash in rows}
    try:
        return folded(
            ranges, lambda level, first, count: [hashes[level, first + n] for n in range(count)],
            tree_digest(origin),
        )  # fmt: skip
    except KeyError as hole:
        raise LedgerUnavailable(f"log {division}: hash {hole} is missing") from hole
