"""The Merkle tree of the log (RFC 6962, RFC 9162 section 2.1): hashes, growth, root.

A tree is carried as its frontier: the roots of the perfect subtrees that make it up, largest
first. Growing by a batch hashes level by level, so a record costs one leaf and one node. The hash
is the log's (`gateway.domain.log.tree_digest`): SHA-256 unless its suite is GW1-SM2-SM3.
"""

from collections.abc import Sequence

import attrs

from gateway.domain.log import TILE_LEVELS, Digest, Subtree, sha256

HASH_BYTES = 32
"""Of both hashes, SHA-256 and SM3."""


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


def _by_level(size: int, frontier: Sequence[bytes]) -> dict[int, bytes]:
    """Which perfect subtree stands at which level: the one-bits of the size."""
    levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
    if size < 0 or len(levels) != len(frontier):
        raise ValueError(f"{len(frontier)} hashes are not the frontier of a tree of size {size}")
    if any(len(each) != HASH_BYTES for each in frontier):
        raise ValueError("a frontier hash is not 32 bytes")
    return dict(zip(levels, frontier, strict=True))
