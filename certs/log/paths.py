"""Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4): checked, and computed.

Computing reads leaf hashes (level 0) and the kept subtree hashes (levels 8, 16, 24): a few hundred
hashes for a log of any size.
"""

from collections.abc import Callable, Iterator, Sequence

import attrs

from certs.log.tree import HASH_BYTES, node_hash, root_of
from gateway.domain.log import TILE_LEVELS, Digest, sha256

TOP_LEVEL = 24
"""Highest level that is kept; a tree above 2**32 leaves folds more hashes, nothing else."""

Fetch = Callable[[int, int, int], Sequence[bytes]]
"""fetch(level, first index, count) -> the hashes kept at that level, 0 for leaves."""


@attrs.frozen(kw_only=True)
class Span:
    """Hashes that a proof needs: `count` consecutive ones from `first` at a kept `level`."""

    level: int
    first: int
    count: int


def verify_inclusion(
    index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes,
    digest: Digest = sha256,
) -> bool:  # fmt: skip
    """Whether `leaf` is number `index` of the tree of `size` with `root` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size or not _hashes(leaf, root, *path):
        return False
    place, last, found = index, size - 1, leaf
    for each in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(each, found, digest)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each, digest)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes,
    digest: Digest = sha256,
) -> bool:  # fmt: skip
    """Whether the tree of size `new` begins with the tree of size `old` (RFC 9162 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if not path or not _hashes(old_root, new_root, *path):
        return False
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for each in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(each, before, digest), node_hash(each, after, digest)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, each, digest)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def inclusion_path(
    index: int, size: int, fetch: Fetch, digest: Digest = sha256
) -> tuple[bytes, ...]:
    """The proof for leaf `index` in the tree of `size`, lowest sibling first."""
    return tuple(_range_hash(*each, fetch, digest) for each in _inclusion_ranges(index, size))


def consistency_path(
    old: int, new: int, fetch: Fetch, digest: Digest = sha256
) -> tuple[bytes, ...]:
    """The proof that the tree of size `new` begins with that of size `old`."""
    return tuple(_range_hash(*each, fetch, digest) for each in _consistency_ranges(old, new))


def frontier_at(size: int, fetch: Fetch, digest: Digest = sha256) -> tuple[bytes, ...]:
    """The frontier of the first `size` leaves."""
    return tuple(_perfect_hash(*each, fetch, digest) for each in _perfect_parts(0, size))


def needed_for_consistency(old: int, new: int) -> tuple[Span, ...]:
    """What `consistency_path` will fetch, in its order."""
    ranges = _consistency_ranges(old, new)
    return tuple(_span(*part) for each in ranges for part in _perfect_parts(*each))


def _inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    if not 0 <= index < size:
        raise ValueError(f"a tree of size {size} has no leaf {index}")
    ranges: list[tuple[int, int]] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    return ranges[::-1]


def _consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    ranges: list[tuple[int, int]] = []
    begin, end, whole = 0, new, True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin, whole = middle, False
    if not whole:
        ranges.append((begin, end))
    return ranges[::-1]


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _perfect_parts(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """(level, index) of the perfect subtrees that make up the leaves [begin, end), leftmost first.

    `begin` is a multiple of every part's width, as it is in any range of a proof.
    """
    while begin < end:
        level = (end - begin).bit_length() - 1
        yield level, begin >> level
        begin += 1 << level


def _range_hash(begin: int, end: int, fetch: Fetch, digest: Digest) -> bytes:
    parts = [_perfect_hash(*part, fetch, digest) for part in _perfect_parts(begin, end)]
    return root_of(parts, digest)


def _perfect_hash(level: int, index: int, fetch: Fetch, digest: Digest) -> bytes:
    span = _span(level, index)
    nodes = list(fetch(span.level, span.first, span.count))
    if len(nodes) != span.count:
        raise ValueError(f"level {span.level} lacks hashes from {span.first}")
    while len(nodes) > 1:
        nodes = [
            node_hash(left, right, digest)
            for left, right in zip(nodes[::2], nodes[1::2], strict=True)
        ]
    return nodes[0]


def _span(level: int, index: int) -> Span:
    kept = min(level // TILE_LEVELS * TILE_LEVELS, TOP_LEVEL)
    below = level - kept
    return Span(level=kept, first=index << below, count=1 << below)


def _hashes(*candidates: bytes) -> bool:
    return all(len(each) == HASH_BYTES for each in candidates)
