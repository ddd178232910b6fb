"""Proofs from stored hashes equal those of RFC 9162's definition, which the memory room follows."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.log import Digest, sha256, sm3
from gateway.domain.tree import folded, inclusion, spans
from tests.memory.recordlog import path, root

LEAVES = [hashlib.sha256(b"%d" % n).digest() for n in range(1400)]
STORED = {(0, n): leaf for n, leaf in enumerate(LEAVES)} | {
    (8, n): root(LEAVES[n * 256 : n * 256 + 256], sha256) for n in range(len(LEAVES) // 256)
}


STORED_SM3 = STORED | {
    (8, n): root(LEAVES[n * 256 : n * 256 + 256], sm3) for n in range(len(LEAVES) // 256)
}


@pytest.mark.parametrize(("digest", "stored"), [(sha256, STORED), (sm3, STORED_SM3)])
@given(st.data())
def test_any_leaf_in_a_tree_of_any_size(
    digest: Digest, stored: dict[tuple[int, int], bytes], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    seq = data.draw(st.integers(0, size - 1))
    found = folded(
        inclusion(seq, size),
        lambda level, first, count: [stored[level, first + n] for n in range(count)],
        digest,
    )
    assert found == tuple(path(seq, LEAVES[:size], digest))


def test_a_proof_over_ten_million_records_reads_few_hashes() -> None:
    for seq in (0, 5_000_000, 9_999_998):
        assert sum(count for _, _, count in spans(inclusion(seq, 9_999_999))) < 1_600
