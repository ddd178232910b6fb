"""Monitoring records (监控信息): the canonical bytes that are hashed, signed, sent and kept.

A record is JSON with ASCII keys in sorted order and integers only, so that orjson's sorted output
equals RFC 8785. Kinds are fixed; every element of Art. 9 has its field in a `verdict`.
"""

from enum import StrEnum
from typing import Any

import orjson

_UNNUMBERED = b'"seq":null'


class RecordKind(StrEnum):
    INTAKE = "intake"
    VERDICT = "verdict"
    FORWARD = "forward"
    BANK_OUTCOME = "bank_outcome"
    NOTICE = "notice"
    CONFLICT = "conflict"
    RELEASE = "release"
    CORRECTION = "correction"
    POLICY_ACTIVATED = "policy_activated"
    REGISTER_APPLIED = "register_applied"
    KEY_ANNOUNCED = "key_announced"
    KEY_RETIRED = "key_retired"
    CERTIFICATE_EVENT = "certificate_event"
    DAY_CLOSE = "day_close"
    CONDUCT_ALERT = "conduct_alert"
    HEARTBEAT = "heartbeat"


def canonical(fields: dict[str, Any]) -> bytes:
    """Sorted keys, no spaces, UTF-8: equal to RFC 8785 for ASCII keys and integers below 2**53."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def unnumbered(fields: dict[str, Any]) -> bytes:
    """A record's bytes before it has a sequence number."""
    return canonical({**fields, "seq": None})


def digest_mark(digest: bytes) -> bytes:
    """How a record's canonical bytes name what it is about, and nothing else in them can: inside
    a JSON string its quotes would be escaped."""
    return b'"digest":"%b"' % digest.hex().encode()


def numbered(body: bytes, seq: int) -> bytes:
    """Put the sequence number in. No JSON string can hold `"seq":null` with bare quotes."""
    head, mark, tail = body.partition(_UNNUMBERED)
    if not mark:
        raise ValueError("record body has no open sequence number")
    return b'%b"seq":%d%b' % (head, seq, tail)
