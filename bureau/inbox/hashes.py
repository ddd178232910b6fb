"""Reads from the store just the hashes that a proof needs, and folds them."""

from bureau.ports import LogPlace, LogStore
from gateway.domain.log import tree_digest
from gateway.domain.tree import Range, consistency, folded, frontier, inclusion, root_of, spans


async def inclusion_of(store: LogStore, place: LogPlace, seq: int, size: int) -> tuple[bytes, ...]:
    """The path of record `seq` in the tree of `size`. Raises ValueError if hashes are missing."""
    return await _gathered(inclusion(seq, size), store, place)


async def root_at(store: LogStore, place: LogPlace, size: int) -> bytes:
    """The root that the log had at an earlier size. Raises ValueError if hashes are missing."""
    return root_of(await frontier_of(store, place, size), tree_digest(place.origin))


async def frontier_of(store: LogStore, place: LogPlace, size: int) -> tuple[bytes, ...]:
    """The roots of the perfect subtrees of an earlier size, largest first. Raises ValueError."""
    return await _gathered(frontier(size), store, place)


async def growth_of(store: LogStore, place: LogPlace, old: int, new: int) -> tuple[bytes, ...]:
    """The path from one size of the log to a later one. Raises ValueError if hashes are missing."""
    return await _gathered(consistency(old, new), store, place)


async def _gathered(ranges: list[Range], store: LogStore, place: LogPlace) -> tuple[bytes, ...]:
    found = {
        each: await store.hashes(place.division, place.bank, *each) for each in set(spans(ranges))
    }
    digest = tree_digest(place.origin)
    return folded(ranges, lambda *span: found[span], digest)
