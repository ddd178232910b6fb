"""Records that were sealed a moment ago, so that delivering them does not read them back."""

from collections import deque

from gateway.domain.log import Sealed, SealedRecord

RECORDS_MAX = 4096
BYTES_MAX = 16 * 2**20


def weight(record: SealedRecord) -> int:
    """In bytes."""
    return len(record.body) + len(record.disclosures or b"")


class Fresh:
    """The last batches of one division's log, each durable before it is kept here."""

    def __init__(self) -> None:
        self._batches: deque[Sealed] = deque()
        self._count = 0
        self._bytes = 0

    def keep(self, sealed: Sealed) -> None:
        self._batches.append(sealed)
        self._count += len(sealed.records)
        self._bytes += sum(map(weight, sealed.records))
        while self._count > RECORDS_MAX or self._bytes > BYTES_MAX:
            self._forget()

    def between(self, start: int, size: int, checkpoint: str) -> list[SealedRecord] | None:
        """The records from `start` on, if these batches are all of them up to that very checkpoint;
        what the bureau holds already is forgotten. A database that lost a commit and sealed anew
        has another checkpoint of that size, and its own records are read. As stored: sealed."""
        while self._batches and self._batches[0].head.size <= start:
            self._forget()
        wanted = [batch for batch in self._batches if batch.head.size <= size]
        if not wanted or wanted[-1].head.size != size or wanted[-1].checkpoint != checkpoint:
            return None
        records = [record for batch in wanted for record in batch.records]
        return records if [r.seq for r in records] == list(range(start, size)) else None

    def _forget(self) -> None:
        oldest = self._batches.popleft()
        self._count -= len(oldest.records)
        self._bytes -= sum(map(weight, oldest.records))
