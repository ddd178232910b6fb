"""Read several notices in one request: every length is checked before any byte is believed.

The shape is written down in docs/bureau.md; `adapters/bureau/frame.py` is its other end.
"""

import attrs
import msgspec

from bureau.inbox.frame import DeliveryUnreadable, header_of
from gateway.domain.log import TOLD_BYTES_MAX

MEDIA_TYPE = "application/vnd.treasury.notices"
VERSION = 1
NOTICES_MAX = 256
NOTICE_BYTES_MAX = TOLD_BYTES_MAX
BUNDLE_BYTES_MAX = 4 * 1024 * 1024


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    division: str
    signatures: list[str]
    sizes: list[int]
    version: int


@attrs.frozen(kw_only=True)
class Bundle:
    """Notices as they arrived; nothing in them is proven."""

    division: str
    notices: tuple[tuple[bytes, str], ...]
    """Each with its detached JWS."""


def read_bundle(raw: bytes) -> Bundle:
    """Raises DeliveryUnreadable."""
    header, offset = header_of(raw, _Header)
    _check(header, len(raw) - offset)
    notices = []
    for size, signature in zip(header.sizes, header.signatures, strict=True):
        notices.append((raw[offset : offset + size], signature))
        offset += size
    return Bundle(division=header.division, notices=tuple(notices))


def _check(header: _Header, rest: int) -> None:
    if header.version != VERSION:
        raise DeliveryUnreadable(f"version {header.version} is not {VERSION}")
    if not 1 <= len(header.sizes) <= NOTICES_MAX:
        raise DeliveryUnreadable(f"a bundle has 1 to {NOTICES_MAX} notices")
    if len(header.signatures) != len(header.sizes):
        raise DeliveryUnreadable("signatures do not match the notices")
    if not all(0 < size <= NOTICE_BYTES_MAX for size in header.sizes):
        raise DeliveryUnreadable(f"a notice has 1 to {NOTICE_BYTES_MAX} bytes")
    if rest != sum(header.sizes):
        raise DeliveryUnreadable("the body is not as long as its header says")
