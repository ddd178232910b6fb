"""The bureau's receipts for notices: for one its own, for several one signature over all of them.

The several are leaves of a tree (RFC 9162 2.1.1, SHA-256) whose root is signed once. Each receipt
holds that signature and its notice's path, so it proves by itself what it is for:

    compact JWS                            over notice_receipt
    compact JWS ~ index ~ base64url(path)  over {"division","kind":"notices_receipt","root","size"}
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

import attrs
import msgspec

from certs.log.paths import verify_inclusion
from certs.signing.encoding import b64url, from_b64url
from gateway.domain.records import canonical
from gateway.domain.tree import HASH_BYTES, leaf_hash, node_hash

KIND = "notices_receipt"
MARK = "~"
INDEX_DIGITS_MAX = 6


class _Several(msgspec.Struct, forbid_unknown_fields=True):
    division: str
    kind: str
    root: str
    size: int


@attrs.frozen(kw_only=True)
class Place:
    """Which of several notices, and the hashes from there to the root."""

    index: int
    path: tuple[bytes, ...]


def notice_receipt(division: str, notice: bytes) -> bytes:
    """What the bureau signs when it has kept a notice; the same notice, the same bytes."""
    digest = hashlib.sha256(notice).hexdigest()
    return canonical({"division": division, "kind": "notice_receipt", "notice_sha256": digest})


def receipts_for(
    division: str, notices: Sequence[bytes], sign: Callable[[bytes], str]
) -> list[str]:
    """A receipt for each, under one signature."""
    if len(notices) < 2:
        return [sign(notice_receipt(division, notice)) for notice in notices]
    levels = _levels([leaf_hash(notice) for notice in notices])
    several = {
        "division": division,
        "kind": KIND,
        "root": levels[-1][0].hex(),
        "size": len(notices),
    }
    token = sign(canonical(several))
    return [
        MARK.join((token, str(index), b64url(b"".join(_path(levels, index)))))
        for index in range(len(notices))
    ]


def read_receipt(receipt: str) -> tuple[str, Place | None]:
    """The signed token, and the place among several if it is of several. Raises ValueError."""
    if MARK not in receipt:
        return receipt, None
    token, index, joined = receipt.split(MARK)
    if not (index.isdecimal() and len(index) <= INDEX_DIGITS_MAX and str(int(index)) == index):
        raise ValueError("the receipt's index is not a number")
    path = from_b64url(joined) if joined else b""
    cuts = range(0, len(path), HASH_BYTES)
    return token, Place(index=int(index), path=tuple(path[at : at + HASH_BYTES] for at in cuts))


def acknowledges(payload: bytes, place: Place | None, division: str, notice: bytes) -> bool:
    """Whether a signed payload is a receipt for this very notice."""
    if place is None:
        return payload == notice_receipt(division, notice)
    try:
        several, root = _several(payload)
    except (ValueError, RecursionError):
        return False
    if several.kind != KIND or several.division != division:
        return False
    return verify_inclusion(place.index, several.size, leaf_hash(notice), place.path, root)


@lru_cache(maxsize=16)
def _several(payload: bytes) -> tuple[_Several, bytes]:
    """With the root's bytes; read once for all receipts of a bundle. Raises ValueError."""
    several = msgspec.json.decode(payload, type=_Several)
    return several, bytes.fromhex(several.root)


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """From the leaves to the root; an odd one at the end goes up as it is."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        above = [node_hash(left, right) for left, right in pairs]
        levels.append([*above, below[-1]] if len(below) % 2 else above)
    return levels


def _path(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    path = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return path
