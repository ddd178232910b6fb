"""Read a delivery's bytes strictly: every length is checked before any byte is believed.

The shape is written down in docs/bureau.md; `adapters/bureau/frame.py` is its other end.
"""

from collections.abc import Iterator
from typing import TypeVar

import attrs
import msgspec

from gateway.domain.log import TOLD_BYTES_MAX

VERSION = 1
RECORDS_MAX = 8192
HEADER_BYTES_MAX = 512 * 1024
RECORD_BYTES_MAX = TOLD_BYTES_MAX + 4096
"""What a gateway may decide on, it must be able to hand over: nothing in a log can be passed over.
Its numbers are filled in since."""
CHECKPOINT_CHARS_MAX = 4096
HASH_BYTES = 32
H = TypeVar("H")


class DeliveryUnreadable(ValueError):
    """The bytes are not a delivery; nothing was looked at further."""


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    checkpoint: str
    disclosures: list[int | None]
    division: str
    sizes: list[int]
    start: int
    version: int


@attrs.frozen(kw_only=True)
class Frame:
    """A delivery as it arrived; nothing in it is proven."""

    division: str
    start: int
    leaf_hashes: tuple[bytes, ...]
    """What the sender says the leaf hashes are; it tells an altered record from a fork."""
    bodies: tuple[bytes, ...]
    disclosures: tuple[bytes | None, ...]
    checkpoint: str


def read_frame(raw: bytes) -> Frame:
    """Raises DeliveryUnreadable."""
    header, start = header_of(raw, _Header)
    _check(header, len(raw) - start)
    pieces = _cut(raw, start, header)
    count = len(header.sizes)
    return Frame(
        division=header.division,
        start=header.start,
        leaf_hashes=tuple(next(pieces) for _ in range(count)),
        bodies=tuple(next(pieces) for _ in range(count)),
        disclosures=tuple(None if size is None else next(pieces) for size in header.disclosures),
        checkpoint=header.checkpoint,
    )


def header_of(raw: bytes, shape: type[H]) -> tuple[H, int]:
    """The first line as `shape`, and where what it describes begins. Raises DeliveryUnreadable."""
    end = raw.find(b"\n", 0, HEADER_BYTES_MAX)
    if end < 0:
        raise DeliveryUnreadable("no header line")
    try:
        return msgspec.json.decode(memoryview(raw)[:end], type=shape), end + 1
    except (ValueError, RecursionError) as error:
        raise DeliveryUnreadable(f"header: {error}") from error


def _check(header: _Header, rest: int) -> None:
    disclosed = [size for size in header.disclosures if size is not None]
    if header.version != VERSION:
        raise DeliveryUnreadable(f"version {header.version} is not {VERSION}")
    if header.start < 0 or not 1 <= len(header.sizes) <= RECORDS_MAX:
        raise DeliveryUnreadable(f"a delivery has 1 to {RECORDS_MAX} records from 0 on")
    if len(header.disclosures) != len(header.sizes):
        raise DeliveryUnreadable("disclosures do not match the records")
    if not all(0 < size <= RECORD_BYTES_MAX for size in header.sizes):
        raise DeliveryUnreadable(f"a record has 1 to {RECORD_BYTES_MAX} bytes")
    if not all(0 <= size <= RECORD_BYTES_MAX for size in disclosed):
        raise DeliveryUnreadable(f"disclosures have 0 to {RECORD_BYTES_MAX} bytes")
    if len(header.checkpoint) > CHECKPOINT_CHARS_MAX:
        raise DeliveryUnreadable("the checkpoint is too long")
    if rest != HASH_BYTES * len(header.sizes) + sum(header.sizes) + sum(disclosed):
        raise DeliveryUnreadable("the body is not as long as its header says")


def _cut(raw: bytes, offset: int, header: _Header) -> Iterator[bytes]:
    sizes = [HASH_BYTES] * len(header.sizes) + header.sizes
    sizes += [size for size in header.disclosures if size is not None]
    for size in sizes:
        yield raw[offset : offset + size]
        offset += size
