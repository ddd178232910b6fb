"""The tree against the transparency-dev vectors, and against the definition read literally."""

import base64
import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from certs.log.paths import verify_consistency, verify_inclusion
from gateway.domain.tree import (
    consistency,
    extend,
    folded,
    frontier,
    inclusion,
    leaf_hash,
    node_hash,
    root_of,
    spans,
)
from tests.certs.oracles import root_of_leaves

LEAVES = [leaf_hash(b"%d" % number) for number in range(700)]


def _literal_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(_literal_root(leaves[:split]), _literal_root(leaves[split:]))


def _kept(leaves: Sequence[bytes]):
    """What the store keeps: leaf hashes and the completed subtrees of levels 8 and 16."""
    kept = {(0, place): each for place, each in enumerate(leaves)}
    kept |= {(each.level, each.index): each.hash for each in extend(0, (), leaves).subtrees}

    def fetch(level: int, first: int, count: int) -> list[bytes]:
        return [kept[level, place] for place in range(first, first + count)]

    return fetch


def _decoded(case: dict, name: str) -> bytes:
    return base64.b64decode(case[name] or "")


def _path(case: dict) -> list[bytes]:
    return [base64.b64decode(each) for each in case["proof"] or []]


def test_leaf_and_node_hashes_are_those_of_rfc_6962() -> None:
    empty_leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"").hex() == empty_leaf
    pair = hashlib.sha256(b"\x01" + bytes.fromhex(empty_leaf) * 2).digest()
    assert node_hash(leaf_hash(b""), leaf_hash(b"")) == pair


def test_the_inclusion_vectors_agree_case_by_case(vectors: Path, counted) -> None:
    files = sorted((vectors / "merkle/inclusion").rglob("*.json"))
    for path in files:
        case = json.loads(path.read_text())
        holds = verify_inclusion(
            case["leafIdx"],
            case["treeSize"],
            _decoded(case, "leafHash"),
            _path(case),
            _decoded(case, "root"),
        )
        assert holds is not case["wantErr"], (path.name, case["desc"])
    assert len(files) == 98
    counted("transparency-dev/merkle inclusion", len(files))


def test_the_consistency_vectors_agree_case_by_case(vectors: Path, counted) -> None:
    files = sorted((vectors / "merkle/consistency").rglob("*.json"))
    for path in files:
        case = json.loads(path.read_text())
        holds = verify_consistency(
            case["size1"],
            case["size2"],
            _path(case),
            _decoded(case, "root1"),
            _decoded(case, "root2"),
        )
        assert holds is not case["wantErr"], (path.name, case["desc"])
    assert len(files) == 98
    counted("transparency-dev/merkle consistency", len(files))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 700])
def test_the_root_is_the_standards_whatever_the_batches(size: int) -> None:
    wanted = _literal_root(LEAVES[:size])
    assert root_of_leaves(LEAVES[:size]) == wanted
    for batch in (1, 3, 64, 256):
        at, frontier, subtrees = 0, (), []
        while at < size:
            growth = extend(at, frontier, LEAVES[at : min(at + batch, size)])
            at, frontier = growth.size, growth.frontier
            subtrees += growth.subtrees
        assert root_of(frontier) == wanted
        assert [(each.level, each.index) for each in subtrees] == [
            (8, place) for place in range(size // 256)
        ]
        for each in subtrees:
            assert each.hash == _literal_root(LEAVES[each.index * 256 : each.index * 256 + 256])


def test_a_subtree_of_level_16_appears_when_it_is_complete() -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(65_540)]
    before = extend(0, (), leaves[:65_530])
    after = extend(before.size, before.frontier, leaves[65_530:])
    assert [each.level for each in after.subtrees] == [8, 16]
    assert after.subtrees[1].index == 0
    assert after.subtrees[1].hash == _literal_root(leaves[:65_536])
    assert len(before.subtrees) == 255
    fetch = _kept(leaves)
    path = folded(inclusion(65_538, 65_540), fetch)
    assert verify_inclusion(65_538, 65_540, leaves[65_538], path, root_of(after.frontier))


@pytest.mark.parametrize("size", [1, 2, 5, 8, 256, 257, 300, 512, 700])
def test_every_computed_inclusion_proof_verifies_and_for_no_other_place(size: int) -> None:
    fetch, root = _kept(LEAVES), _literal_root(LEAVES[:size])
    for index in {0, 1, 2, size // 2, 255, 256, size - 1}:
        if index >= size:
            continue
        path = folded(inclusion(index, size), fetch)
        assert verify_inclusion(index, size, LEAVES[index], path, root)
        assert not verify_inclusion(index, size, LEAVES[index + 1 - 2 * (index % 2)], path, root)
        assert not verify_inclusion(index + 1, size, LEAVES[index], path, root)
        for number in range(len(path)):
            assert not verify_inclusion(
                index, size, LEAVES[index], path[:number] + path[number + 1 :], root
            )


def test_every_computed_consistency_proof_verifies_and_for_no_other_history() -> None:
    fetch = _kept(LEAVES)
    roots = {
        size: _literal_root(LEAVES[:size]) for size in (1, 2, 3, 6, 8, 255, 256, 300, 512, 700)
    }
    for old, old_root in roots.items():
        for new, new_root in roots.items():
            if old > new:
                continue
            path = folded(consistency(old, new), fetch)
            assert verify_consistency(old, new, path, old_root, new_root)
            forged = leaf_hash(b"forged")
            assert not verify_consistency(old, new, path, forged, new_root)
            assert not verify_consistency(old, new, path, old_root, forged)
            assert not verify_consistency(old, new, (*path, forged), old_root, new_root)


def test_the_frontier_of_an_earlier_size_comes_from_the_kept_hashes() -> None:
    fetch = _kept(LEAVES)
    for size in (0, 1, 255, 256, 300, 700):
        assert folded(frontier(size), fetch) == extend(0, (), LEAVES[:size]).frontier


def test_what_a_proof_needs_is_known_beforehand() -> None:
    asked: list[tuple[int, int, int]] = []
    kept = _kept(LEAVES)

    def fetch(level: int, first: int, count: int) -> list[bytes]:
        asked.append((level, first, count))
        return kept(level, first, count)

    for index, size in ((0, 1), (5, 300), (299, 300), (0, 700), (600, 700)):
        for ranges in (inclusion(index, size), frontier(size), index and consistency(index, size)):
            asked.clear()
            folded(ranges or [], fetch)
            assert asked == spans(ranges or [])


def test_random_trees_grown_in_random_batches_agree_with_the_definition() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        size, roots = 0, ()
        while size < 400:
            batch = LEAVES[size : min(size + chance.choice((0, 1, 2, 5, 90)), 400)]
            growth = extend(size, roots, batch)
            size, roots = growth.size, growth.frontier
            if chance.random() < 0.1:
                assert root_of(roots) == _literal_root(LEAVES[:size]), seed
        assert root_of(roots) == _literal_root(LEAVES[:400]), seed


def test_impossible_trees_and_places_are_refused() -> None:
    with pytest.raises(ValueError):
        extend(3, (LEAVES[0],), [])
    with pytest.raises(ValueError):
        extend(1, (b"short",), [])
    with pytest.raises(ValueError):
        folded(inclusion(3, 3), _kept(LEAVES))
    with pytest.raises(ValueError):
        folded(consistency(0, 3), _kept(LEAVES))
    with pytest.raises(ValueError):
        folded(inclusion(0, 2), lambda level, first, count: [])
    assert not verify_inclusion(-1, 3, LEAVES[0], [], LEAVES[0])
    assert not verify_inclusion(0, 1, LEAVES[0], [], b"")
