"""A delivery, or several notices, as bytes: one JSON header line, then the bytes (docs/bureau.md).

    {"checkpoint","disclosures":[n|null,...],"division","sizes":[n,...],"start","version":1} LF
    32-byte leaf hash of each record, record bytes in order, disclosure bytes in order

    {"division","signatures":[detached JWS, ...],"sizes":[n,...],"version":1} LF
    notice bytes in order

Nothing is escaped or encoded again: a record arrives as the bytes its leaf hash is over, a notice
as those that its signature is over.
"""

from collections.abc import Sequence

import orjson

from gateway.domain.log import Delivery

MEDIA_TYPE = "application/vnd.treasury.delivery"
NOTICES_MEDIA_TYPE = "application/vnd.treasury.notices"
VERSION = 1


def framed(delivery: Delivery) -> bytes:
    """The same delivery always gives the same bytes, so that the bureau can absorb repeats."""
    records = delivery.records
    header = {
        "checkpoint": delivery.checkpoint,
        "disclosures": [None if r.disclosures is None else len(r.disclosures) for r in records],
        "division": delivery.division,
        "sizes": [len(r.body) for r in records],
        "start": delivery.start,
        "version": VERSION,
    }
    return b"".join(
        (
            orjson.dumps(header),
            b"\n",
            *(r.leaf_hash for r in records),
            *(r.body for r in records),
            *(r.disclosures for r in records if r.disclosures is not None),
        )
    )


def bundled(division: str, notices: Sequence[tuple[bytes, str]]) -> bytes:
    """Several notices, each with its own detached JWS, in one request."""
    header = {
        "division": division,
        "signatures": [signature for _, signature in notices],
        "sizes": [len(body) for body, _ in notices],
        "version": VERSION,
    }
    return b"".join((orjson.dumps(header), b"\n", *(body for body, _ in notices)))
