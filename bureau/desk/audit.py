"""Recomputes a whole log from its stored bytes and holds it against what both parties signed."""

import asyncio
from collections.abc import Callable, Sequence

import attrs

from bureau.inbox.glance import glance
from bureau.inbox.keys import auditing_keys, own_keys
from bureau.ports import LogPlace, LogStore
from certs.log.note import NoteRefused, cosignatures, open_checkpoint
from certs.trust import Trust
from gateway.domain.log import SealedRecord, tree_digest
from gateway.domain.tree import extend, leaf_hash, root_of


@attrs.frozen(kw_only=True)
class Audit:
    holds: bool
    size: int
    """What the bank signed and we cosigned."""
    records: int
    """What is really there."""
    reason: str
    """Why it does not hold; empty if it does."""


def _said_otherwise(rows: Sequence[SealedRecord], leaves: Sequence[bytes]) -> list[int]:
    said = []
    for row, leaf in zip(rows, leaves, strict=True):
        one = glance(row.body)
        if (row.kind, row.subject, row.leaf_hash) != (one.kind_shown, one.subject, leaf):
            said.append(row.seq)
    return said


def _unheard(_done: int, _size: int) -> None: ...


class Auditor:
    """One audit at a time: it reads everything. Raises StoreUnavailable."""

    def __init__(self, store: LogStore, trust: Trust) -> None:
        self._store = store
        self._trust = trust
        self._one = asyncio.Lock()

    async def audit(
        self, place: LogPlace, on_progress: Callable[[int, int], None] = _unheard
    ) -> Audit:
        """Some 12 us a record, in pieces, so that deliveries go on meanwhile. What stands beside a
        record is held against its bytes too: by that it is searched for and shown. `on_progress`
        gets how many records were read, of how many."""
        async with self._one:
            head, cosigned = await self._store.held(place.division, place.bank)
            count, size, gap = 0, 0, False
            otherwise: list[int] = []
            frontier: tuple[bytes, ...] = ()
            digest = tree_digest(place.origin)
            async for piece in self._store.rows(place.division, place.bank, head.size):
                gap = gap or any(row.seq != size + n for n, row in enumerate(piece))
                leaves = [leaf_hash(row.body, digest) for row in piece]
                if not otherwise:
                    otherwise = _said_otherwise(piece, leaves)
                growth = extend(size, frontier, leaves, digest)
                size, frontier = growth.size, growth.frontier
                count += len(piece)
                on_progress(min(count, head.size), head.size)
            reason = "records are missing" if gap or count != head.size else ""
            if not reason and head.size:
                root = root_of(frontier, digest)
                reason = self._unsigned(place, cosigned.checkpoint, size, root)
            if not reason and otherwise:
                reason = f"what stands beside record {otherwise[0]} is not what its bytes say"
        return Audit(holds=not reason, size=head.size, records=count, reason=reason)

    def _unsigned(self, place: LogPlace, note: str, size: int, root: bytes) -> str:
        try:
            checkpoint, signed = open_checkpoint(note, auditing_keys(self._trust, place))
            seals = cosignatures(signed, own_keys(self._trust))
        except NoteRefused as error:
            return str(error)
        if (checkpoint.origin, checkpoint.size, checkpoint.root) != (place.origin, size, root):
            return "the stored bytes do not make the signed root"
        return "" if seals else "the bureau's own cosignature is missing"
