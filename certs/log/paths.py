"""Inclusion and consistency proofs, checked (RFC 9162 sections 2.1.3.2 and 2.1.4.2)."""

from collections.abc import Sequence

from gateway.domain.log import Digest, sha256
from gateway.domain.tree import HASH_BYTES, node_hash


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


def _hashes(*candidates: bytes) -> bool:
    return all(len(each) == HASH_BYTES for each in candidates)
