"""Records that were sealed a moment ago, so that delivering them does not read them back."""

from collections import deque

from gateway.domain.log import Sealed

RECORDS_MAX = 4096
Row = tuple[int, str, str, bytes, bytes, bytes | None]
"""As `records_between` gives it: seq, kind, subject, body, leaf hash, disclosures as stored."""


class Fresh:
    """The last batches of one division's log, each durable before it is kept here."""

    def __init__(self) -> None:
        self._batches: deque[Sealed] = deque()
        self._count = 0

    def keep(self, sealed: Sealed) -> None:
        self._batches.append(sealed)
        self._count += len(sealed.records)
        while self._count > RECORDS_MAX:
            self._count -= len(self._batches.popleft().records)

    def between(self, start: int, size: int, checkpoint: str) -> list[Row] | None:
        """The records from `start` on, if these batches are all of them up to that very checkpoint;
        what the bureau holds already is forgotten. A database that lost a commit and sealed anew
        has another checkpoint of that size, and its own records are read."""
        while self._batches and self._batches[0].head.size <= start:
            self._count -= len(self._batches.popleft().records)
        wanted = [batch for batch in self._batches if batch.head.size <= size]
        if not wanted or wanted[-1].head.size != size or wanted[-1].checkpoint != checkpoint:
            return None
        rows = [
            (r.seq, r.kind, r.subject, r.body, r.leaf_hash, r.disclosures)
            for batch in wanted
            for r in batch.records
        ]
        return rows if [row[0] for row in rows] == list(range(start, size)) else None
