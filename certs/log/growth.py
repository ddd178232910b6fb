"""A consistency proof as a text: that a later checkpoint only added to an earlier one.

The form is the request of c2sp.org/tlog-witness: `old <size>`, the path in base64, an empty line,
the later checkpoint.
"""

import re
from collections.abc import Sequence

import attrs

from certs.log.proof import PATH_MAX, PROOF_CHARS_MAX, ProofRefused
from certs.signing.encoding import b64, from_b64
from gateway.domain.tree import HASH_BYTES

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


@attrs.frozen(kw_only=True)
class Growth:
    old: int
    path: tuple[bytes, ...]
    checkpoint: str
    """The later one, verbatim."""


def format_growth(old: int, path: Sequence[bytes], checkpoint: str) -> str:
    return "\n".join([f"old {old}", *(b64(each) for each in path), "", checkpoint])


def parse_growth(text: str) -> Growth:
    """Raises ProofRefused."""
    if len(text) > PROOF_CHARS_MAX:
        raise ProofRefused("the proof is too long")
    head, gap, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    old = _OLD.fullmatch(lines[0])
    if not gap or old is None:
        raise ProofRefused("the first line is not `old <size>`")
    try:
        path = tuple(from_b64(each) for each in lines[1:])
    except ValueError as error:
        raise ProofRefused(f"a line is {error}") from error
    if len(path) > PATH_MAX or any(len(each) != HASH_BYTES for each in path):
        raise ProofRefused("the path is too long or has hashes of another length")
    return Growth(old=int(old[1]), path=path, checkpoint=checkpoint)
