"""Deliveries and bundles of notices as bytes: no length is believed, and nothing is left over."""

from typing import Any

import orjson
import pytest

from bureau.inbox.bundle import NOTICE_BYTES_MAX, NOTICES_MAX, read_bundle
from bureau.inbox.frame import (
    CHECKPOINT_CHARS_MAX,
    HASH_BYTES,
    HEADER_BYTES_MAX,
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    DeliveryUnreadable,
    read_frame,
)

FRAME: dict[str, Any] = {
    "checkpoint": "c", "disclosures": [None, 2], "division": "220000000", "sizes": [1, 3],
    "start": 0, "version": 1,
}  # fmt: skip
BUNDLE: dict[str, Any] = {
    "division": "220000000", "signatures": ["a..b", "c..d"], "sizes": [1, 3], "version": 1,
}  # fmt: skip


def frame(more: int = 0, **changes: Any) -> bytes:
    """As long as its header says, and so many bytes longer."""
    header = FRAME | changes
    disclosed = [size for size in header["disclosures"] if size is not None]
    length = HASH_BYTES * len(header["sizes"]) + sum(header["sizes"]) + sum(disclosed)
    return orjson.dumps(header) + b"\n" + bytes(length + more)


def bundle(more: int = 0, **changes: Any) -> bytes:
    header = BUNDLE | changes
    return orjson.dumps(header) + b"\n" + bytes(sum(header["sizes"]) + more)


def test_what_is_as_long_as_it_says_is_cut_where_it_says() -> None:
    hashes = b"h" * HASH_BYTES + b"g" * HASH_BYTES
    read = read_frame(orjson.dumps(FRAME) + b"\n" + hashes + b"1" + b"222" + b"oo")
    assert read.leaf_hashes == (hashes[:HASH_BYTES], hashes[HASH_BYTES:])
    assert (read.bodies, read.disclosures) == ((b"1", b"222"), (None, b"oo"))
    told = read_bundle(orjson.dumps(BUNDLE) + b"\n" + b"1" + b"222")
    assert told.notices == ((b"1", "a..b"), (b"222", "c..d"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (frame(version=2), "version 2"),
        (frame(start=-1), "from 0 on"),
        (frame(sizes=[], disclosures=[]), "1 to"),
        (frame(sizes=[1] * (RECORDS_MAX + 1), disclosures=[None] * (RECORDS_MAX + 1)), "1 to"),
        (frame(disclosures=[None]), "disclosures do not match"),
        (frame(disclosures=[None, None, None]), "disclosures do not match"),
        (frame(sizes=[0, 3]), "a record has"),
        (frame(sizes=[5, -1]), "a record has"),
        (frame(sizes=[1, RECORD_BYTES_MAX + 1]), "a record has"),
        (frame(disclosures=[4, -1]), "disclosures have"),
        (frame(disclosures=[None, RECORD_BYTES_MAX + 1]), "disclosures have"),
        (frame(checkpoint="c" * (CHECKPOINT_CHARS_MAX + 1)), "checkpoint is too long"),
        (frame(1), "not as long"),
        (frame(-1), "not as long"),
        (frame(checkpoint="c" * HEADER_BYTES_MAX), "no header line"),
        (orjson.dumps(FRAME), "no header line"),
        (frame(more_than_that=1), "header"),
        (b"[" * 9_999 + b"\n", "header"),
    ],
)
def test_a_frame_that_says_what_it_is_not_is_not_read(raw: bytes, why: str) -> None:
    with pytest.raises(DeliveryUnreadable, match=why):
        read_frame(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (bundle(version=2), "version 2"),
        (bundle(sizes=[], signatures=[]), "1 to"),
        (bundle(sizes=[1] * (NOTICES_MAX + 1), signatures=[""] * (NOTICES_MAX + 1)), "1 to"),
        (bundle(signatures=["a..b"]), "signatures do not match"),
        (bundle(sizes=[0, 3]), "a notice has"),
        (bundle(sizes=[5, -1]), "a notice has"),
        (bundle(sizes=[1, NOTICE_BYTES_MAX + 1]), "a notice has"),
        (bundle(1), "not as long"),
        (bundle(-1), "not as long"),
        (bundle(more_than_that=1), "header"),
    ],
)
def test_a_bundle_that_says_what_it_is_not_is_not_read(raw: bytes, why: str) -> None:
    with pytest.raises(DeliveryUnreadable, match=why):
        read_bundle(raw)


@pytest.mark.parametrize("size", [RECORD_BYTES_MAX, 1])
def test_what_is_just_not_too_much_is_read(size: int) -> None:
    assert len(read_frame(frame(sizes=[1, size], disclosures=[0, None])).bodies[1]) == size
    most = read_bundle(bundle(sizes=[1] * NOTICES_MAX, signatures=[""] * NOTICES_MAX))
    assert len(most.notices) == NOTICES_MAX
