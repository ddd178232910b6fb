"""Inclusion proofs (RFC 9162 2.1.3) from stored leaf hashes and 256-fold subtree hashes.

A proof over ten million records reads some hundreds of hashes, never the records.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from gateway.domain.log import Digest

TILE_LEVELS = 8
LEVEL_MAX = 24
"""Highest level at which subtree hashes are stored; above it they are combined."""

Node: TypeAlias = tuple[int, int]
"""(level, index) of a perfect subtree: the leaves [index * 2**level, (index + 1) * 2**level)."""


def nodes_needed(seq: int, size: int) -> set[Node]:
    """The stored hashes (level 0, 8, 16 or 24) that `inclusion_path` will read."""
    return {
        stored
        for start, end in _siblings(seq, size)
        for subtree in _perfect_subtrees(start, end)
        for stored in _stored_below(subtree)
    }


def inclusion_path(
    seq: int, size: int, hashes: Mapping[Node, bytes], digest: Digest
) -> tuple[bytes, ...]:
    """Proof of leaf `seq` in the tree of `size` leaves, lowest sibling first.

    Raises KeyError if a needed hash is missing: a log with a hole proves nothing.
    """
    return tuple(_range_hash(start, end, hashes, digest) for start, end in _siblings(seq, size))


def frontier_nodes(size: int) -> set[Node]:
    """The stored hashes that `frontier_of` will read."""
    return {stored for subtree in _perfect_subtrees(0, size) for stored in _stored_below(subtree)}


def frontier_of(size: int, hashes: Mapping[Node, bytes], digest: Digest) -> tuple[bytes, ...]:
    """Roots of the perfect subtrees of the tree of `size` leaves, largest first.

    Raises KeyError if a needed hash is missing.
    """
    return tuple(_perfect_hash(node, hashes, digest) for node in _perfect_subtrees(0, size))


def root_of(size: int, hashes: Mapping[Node, bytes], digest: Digest) -> bytes:
    """Root of the tree of `size` leaves, at least one, from what `frontier_nodes` names.

    Raises KeyError if a needed hash is missing.
    """
    return _range_hash(0, size, hashes, digest)


def _siblings(seq: int, size: int) -> list[tuple[int, int]]:
    """Leaf ranges whose hashes make up the proof, lowest first."""
    if not 0 <= seq < size:
        raise ValueError(f"no leaf {seq} in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if seq < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def _perfect_subtrees(start: int, end: int) -> Iterator[Node]:
    """A range that is a node of the tree, cut into perfect subtrees, largest first."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _stored_below(node: Node) -> Iterator[Node]:
    level, index = node
    base = min(level - level % TILE_LEVELS, LEVEL_MAX)
    span = level - base
    return ((base, n) for n in range(index << span, (index + 1) << span))


def _range_hash(start: int, end: int, hashes: Mapping[Node, bytes], digest: Digest) -> bytes:
    roots = [_perfect_hash(node, hashes, digest) for node in _perfect_subtrees(start, end)]
    right = roots.pop()
    while roots:
        right = digest(b"\x01" + roots.pop() + right)
    return right


def _perfect_hash(node: Node, hashes: Mapping[Node, bytes], digest: Digest) -> bytes:
    row = [hashes[stored] for stored in _stored_below(node)]
    while len(row) > 1:
        row = [digest(b"\x01" + row[n] + row[n + 1]) for n in range(0, len(row), 2)]
    return row[0]
