"""The text that proves one record (c2sp.org/tlog-proof@v1): index, inclusion path, checkpoint."""

import re
from collections.abc import Sequence

import attrs

from certs.signing.encoding import b64, from_b64
from gateway.domain.tree import HASH_BYTES

HEADER = "c2sp.org/tlog-proof@v1"
PROOF_CHARS_MAX = 131_072
PATH_MAX = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class ProofRefused(ValueError):
    """The text is not a proof in the one spelling we take."""


@attrs.frozen(kw_only=True)
class Proof:
    index: int
    path: tuple[bytes, ...]
    """Lowest sibling first (RFC 9162 2.1.3)."""
    checkpoint: str
    """The signed note, verbatim."""
    extra: bytes | None = None
    """Not authenticated by anything; never believed."""


def format_proof(index: int, path: Sequence[bytes], checkpoint: str) -> str:
    lines = [HEADER, f"index {index}", *(b64(each) for each in path), "", checkpoint]
    return "\n".join(lines)


def parse_proof(text: str) -> Proof:
    """Raises ProofRefused."""
    if len(text) > PROOF_CHARS_MAX:
        raise ProofRefused("the proof is too long")
    head, gap, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines[0] != HEADER:
        raise ProofRefused(f"the first line is not {HEADER}")
    extra = None
    if len(lines) > 1 and lines[1].startswith("extra "):
        extra = _decoded(lines.pop(1).removeprefix("extra "))
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if index is None:
        raise ProofRefused("there is no line `index <number>`")
    path = tuple(_decoded(each) for each in lines[2:])
    if len(path) > PATH_MAX or any(len(each) != HASH_BYTES for each in path):
        raise ProofRefused("the path is too long or has hashes of another length")
    return Proof(index=int(index[1]), path=path, checkpoint=checkpoint, extra=extra)


def _decoded(text: str) -> bytes:
    try:
        return from_b64(text)
    except ValueError as error:
        raise ProofRefused(f"a line is {error}") from error
