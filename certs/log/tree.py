"""The Merkle tree of the log (RFC 6962, RFC 9162 section 2.1): hashes, growth, root.

A tree is carried as its frontier: the roots of the perfect subtrees that make it up, largest
first. Growing by a batch hashes level by level, so a record costs one leaf and one node.
"""

import hashlib
from collections.abc import Sequence

import attrs

from gateway.domain.log import TILE_LEVELS, Subtree

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


def leaf_hash(body: bytes) -> bytes:
    """SHA-256(0x00 || body)."""
    return _sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


@attrs.frozen(kw_only=True)
class Growth:
    """A tree after a batch: where it stands, and the tile subtrees that the batch completed."""

    size: int
    frontier: tuple[bytes, ...]
    subtrees: tuple[Subtree, ...]


def extend(size: int, frontier: Sequence[bytes], leaves: Sequence[bytes]) -> Growth:
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
            _sha256(b"\x01" + left + right).digest()
            for left, right in zip(nodes[::2], nodes[1::2], strict=True)
        ]
        start //= 2
        level += 1
    ordered = tuple(grown[each] for each in sorted(grown, reverse=True))
    return Growth(size=size + len(leaves), frontier=ordered, subtrees=tuple(subtrees))


def root_of(frontier: Sequence[bytes]) -> bytes:
    """The tree's root: its perfect subtrees folded from the right. An empty tree: SHA-256("")."""
    if not frontier:
        return EMPTY_ROOT
    root = frontier[-1]
    for left in reversed(frontier[:-1]):
        root = node_hash(left, root)
    return root


def root_of_leaves(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, from nothing."""
    return root_of(extend(0, (), leaves).frontier)


def _by_level(size: int, frontier: Sequence[bytes]) -> dict[int, bytes]:
    """Which perfect subtree stands at which level: the one-bits of the size."""
    levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
    if size < 0 or len(levels) != len(frontier):
        raise ValueError(f"{len(frontier)} hashes are not the frontier of a tree of size {size}")
    if any(len(each) != HASH_BYTES for each in frontier):
        raise ValueError("a frontier hash is not 32 bytes")
    return dict(zip(levels, frontier, strict=True))
