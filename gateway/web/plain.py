"""Plain requests: the one narrow shape in which nearly every instruction comes, recognised whole.

No HTTP is parsed here. Bytes either fit this grammar, which every reader of HTTP/1.1 understands in
one way only, or they are left as they came to aiohttp, whose parser knows the rest of the standard
and refuses what is doubtful. So two readers can never see two requests in the same bytes.
"""

import re
from typing import Literal

import msgspec

from gateway.web.intake import ACCEPTED

HEAD_BYTES_MAX = 8190
PLAIN_BODY_BYTES_MAX = 64 * 1024
"""Longer ones, payrolls, are aiohttp's: so much may be kept for each connection."""

DOORS = {
    b"/v1/instructions": "json",
    b"/v1/vouchers": "voucher",
    b"/v1/iso20022": "iso20022",
}
_LINES = tuple(b"POST %b HTTP/1.1\r\n" % path for path in DOORS)
_HEAD = re.compile(
    rb"POST (/v1/instructions|/v1/vouchers|/v1/iso20022) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[ \t]*+[\x20-\x7e]*+\r\n)++)\r\n"
)
"""Possessive: no text makes it try a second time, or one line of blanks would stop the process."""
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,5}")
_NOT_PLAIN = frozenset(
    {
        b"transfer-encoding",
        b"content-encoding",
        b"expect",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    }
)
"""Fields that change what follows, or ask for what only aiohttp grants or refuses."""


class Plain(msgspec.Struct, frozen=True):
    """The head of a plain request."""

    format: str
    path: str
    signature: str
    body_at: int
    end: int


def recognised(data: bytes) -> Plain | Literal["more"] | None:
    """What `data` begins with: a plain head, perhaps one (`more` will tell), or None, no such."""
    if (
        data.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX) < 0
    ):  # else a head that drips is read for each byte
        return "more" if _may_become_plain(data) else None
    head = _HEAD.match(data, 0, HEAD_BYTES_MAX)
    if head is None:
        return None
    lines = head[2][:-2].split(b"\r\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.lstrip(b" \t")
    if len(fields) != len(lines) or not _NOT_PLAIN.isdisjoint(fields):
        return None  # a field that stands twice is doubtful, even if both say the same
    length = fields.get(b"content-length", b"")
    format = DOORS[head[1]]
    media = fields.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("ascii")
    if (
        media not in ACCEPTED[format]
        or not _LENGTH.fullmatch(length)
        or int(length) > PLAIN_BODY_BYTES_MAX
        or b"host" not in fields
        or fields.get(b"connection", b"keep-alive").lower() != b"keep-alive"
    ):
        return None
    return Plain(
        format=format,
        path=head[1].decode("ascii"),
        signature=fields.get(b"signature-jws", b"").strip().decode("ascii"),
        body_at=head.end(),
        end=head.end() + int(length),
    )


def _may_become_plain(data: bytes) -> bool:
    """Its head is not at its end yet, and its first line fits so far."""
    return len(data) <= HEAD_BYTES_MAX and any(
        data.startswith(line[: len(data)]) for line in _LINES
    )
