"""Reads from the store just the hashes that a proof needs, and computes it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from bureau.ports import LogPlace, LogStore
from certs.log.paths import Fetch, consistency_path, frontier_at, inclusion_path
from certs.log.tree import HASH_BYTES, root_of
from gateway.domain.log import tree_digest

T = TypeVar("T")
_BLANK = bytes(HASH_BYTES)


async def inclusion_of(store: LogStore, place: LogPlace, seq: int, size: int) -> tuple[bytes, ...]:
    """The path of record `seq` in the tree of `size`. Raises ValueError if hashes are missing."""
    digest = tree_digest(place.origin)
    return await _gathered(lambda fetch: inclusion_path(seq, size, fetch, digest), store, place)


async def root_at(store: LogStore, place: LogPlace, size: int) -> bytes:
    """The root that the log had at an earlier size. Raises ValueError if hashes are missing."""
    return root_of(await frontier_of(store, place, size), tree_digest(place.origin))


async def frontier_of(store: LogStore, place: LogPlace, size: int) -> tuple[bytes, ...]:
    """The roots of the perfect subtrees of an earlier size, largest first. Raises ValueError."""
    digest = tree_digest(place.origin)
    return await _gathered(lambda fetch: frontier_at(size, fetch, digest), store, place)


async def growth_of(store: LogStore, place: LogPlace, old: int, new: int) -> tuple[bytes, ...]:
    """The path from one size of the log to a later one. Raises ValueError if hashes are missing."""
    digest = tree_digest(place.origin)
    return await _gathered(lambda fetch: consistency_path(old, new, fetch, digest), store, place)


async def _gathered(compute: Callable[[Fetch], T], store: LogStore, place: LogPlace) -> T:
    """Run a computation twice: first to see which hashes it wants, then with them.

    What it wants depends on sizes alone, never on the hashes.
    """
    wanted: list[tuple[int, int, int]] = []

    def note(level: int, first: int, count: int) -> Sequence[bytes]:
        wanted.append((level, first, count))
        return [_BLANK] * count

    compute(note)
    found = {each: await store.hashes(place.division, place.bank, *each) for each in set(wanted)}
    return compute(lambda level, first, count: found[level, first, count])
