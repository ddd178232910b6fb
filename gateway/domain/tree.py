"""The Merkle tree of the log (RFC 6962, RFC 9162 section 2.1): hashes, growth, root.

A tree is carried as its frontier: the roots of the perfect subtrees that make it up, largest
first. Growing by a batch hashes level by level, so a record costs one leaf and one node. The hash
is the log's (`gateway.domain.log.tree_digest`): SHA-256 unless its suite is GW1-SM2-SM3.

A proof is the hashes of some ranges of leaves, each folded from leaf hashes (level 0) and the kept
subtree hashes (levels 8, 16, 24): a few hundred for a log of any size, and never the records.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs

from gateway.domain.log import TILE_LEVELS, Digest, Subtree, sha256

HASH_BYTES = 32
"""Of both hashes, SHA-256 and SM3."""
TOP_LEVEL = 24
"""Highest level that is kept; a tree above 2**32 leaves folds more hashes, nothing else."""

Range: TypeAlias = tuple[int, int]
"""The leaves from the first number up to the second: a node of the tree."""
Span: TypeAlias = tuple[int, int, int]
"""Kept hashes in a row: their level, the first one's index, and how many."""
Fetch: TypeAlias = Callable[[int, int, int], Sequence[bytes]]
"""The hashes of a span."""


def leaf_hash(body: bytes, digest: Digest = sha256) -> bytes:
    """H(0x00 || body)."""
    return digest(b"\x00" + body)


def node_hash(left: bytes, right: bytes, digest: Digest = sha256) -> bytes:
    """H(0x01 || left || right)."""
    return digest(b"\x01" + left + right)


@attrs.frozen(kw_only=True)
class Growth:
    """A tree after a batch: where it stands, and the tile subtrees that the batch completed."""

    size: int
    frontier: tuple[bytes, ...]
    subtrees: tuple[Subtree, ...]


def extend(
    size: int, frontier: Sequence[bytes], leaves: Sequence[bytes], digest: Digest = sha256
) -> Growth:
    """Append leaf hashes to a tree. Raises ValueError if the frontier is not one of that size."""
    pending = _by_level(size, frontier)
    grown: dict[int, bytes] = {}
    subtrees: list[Subtree] = []
    nodes, start, level = list(leaves), size, 0
    while nodes or any(below >= level for below in pending):
        if level and level % TILE_LEVELS == 0:
            subtrees += [
                Subtree(level=level, index=start + place, hash=each)
                for place, each in enumerate(nodes)
            ]
        waiting = pending.pop(level, None)
        if waiting is not None:
            nodes.insert(0, waiting)
        if len(nodes) % 2:
            grown[level] = nodes.pop()
        nodes = [
            digest(b"\x01" + left + right)
            for left, right in zip(nodes[::2], nodes[1::2], strict=True)
        ]
        start //= 2
        level += 1
    ordered = tuple(grown[each] for each in sorted(grown, reverse=True))
    return Growth(size=size + len(leaves), frontier=ordered, subtrees=tuple(subtrees))


def root_of(frontier: Sequence[bytes], digest: Digest = sha256) -> bytes:
    """The tree's root: its perfect subtrees folded from the right. An empty tree: H("")."""
    if not frontier:
        return digest(b"")
    root = frontier[-1]
    for left in reversed(frontier[:-1]):
        root = node_hash(left, root, digest)
    return root


def inclusion(index: int, size: int) -> list[Range]:
    """Whose hashes prove leaf `index` in the tree of `size`, lowest sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of size {size} has no leaf {index}")
    ranges: list[Range] = []
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


def consistency(old: int, new: int) -> list[Range]:
    """Whose hashes prove that the tree of size `new` begins with that of size `old`."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    ranges: list[Range] = []
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


def frontier(size: int) -> list[Range]:
    """Whose hashes are the frontier of the tree of `size`."""
    return [(index << level, index + 1 << level) for level, index in _perfect_parts(0, size)]


def spans(ranges: Iterable[Range]) -> list[Span]:
    """What `folded` fetches, in its order."""
    return [_span(*part) for each in ranges for part in _perfect_parts(*each)]


def folded(ranges: Iterable[Range], fetch: Fetch, digest: Digest = sha256) -> tuple[bytes, ...]:
    """The hash of each. Raises ValueError if fewer hashes come than were asked for."""
    return tuple(
        root_of([_perfect_hash(*part, fetch, digest) for part in _perfect_parts(*each)], digest)
        for each in ranges
    )


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


def _perfect_hash(level: int, index: int, fetch: Fetch, digest: Digest) -> bytes:
    kept, first, count = _span(level, index)
    nodes = list(fetch(kept, first, count))
    if len(nodes) != count:
        raise ValueError(f"level {kept} lacks hashes from {first}")
    while len(nodes) > 1:
        nodes = [
            node_hash(left, right, digest)
            for left, right in zip(nodes[::2], nodes[1::2], strict=True)
        ]
    return nodes[0]


def _span(level: int, index: int) -> Span:
    kept = min(level // TILE_LEVELS * TILE_LEVELS, TOP_LEVEL)
    return kept, index << level - kept, 1 << level - kept


def _by_level(size: int, frontier: Sequence[bytes]) -> dict[int, bytes]:
    """Which perfect subtree stands at which level: the one-bits of the size."""
    levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
    if size < 0 or len(levels) != len(frontier):
        raise ValueError(f"{len(frontier)} hashes are not the frontier of a tree of size {size}")
    if any(len(each) != HASH_BYTES for each in frontier):
        raise ValueError("a frontier hash is not 32 bytes")
    return dict(zip(levels, frontier, strict=True))
