"""Monitoring records (监控信息): the canonical bytes that are hashed, signed, sent and kept.

A record is JSON with ASCII keys in sorted order and integers only, so that orjson's sorted output
equals RFC 8785. Kinds are fixed; every element of Art. 9 has its field in a `verdict`.
"""

import re
from enum import StrEnum
from typing import Any

import orjson

_UNNUMBERED = b'"seq":null'
_UNCOUNTED = b'"agency_no":null'
_AGENCY = re.compile(rb'\{"agency":\{"code":"([0-9A-Za-z_.-]{1,64})"')
"""How the canonical bytes of a record about an agency begin: its sorted keys put `agency` first."""


class RecordKind(StrEnum):
    VERDICT = "verdict"
    BANK_OUTCOME = "bank_outcome"
    CONFLICT = "conflict"
    RELEASE = "release"
    """A hold ended, or an order about it was not carried out; `what` says which."""
    REFUND = "refund"
    RECALL = "recall"
    """Somebody asked for a payment back, or said what became of that."""
    ADJUSTMENT = "adjustment"
    """Codes of paid instructions were corrected (5253, 5351), without money."""
    LIMIT_OVERDRAWN = "limit_overdrawn"
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


def paid_fen(verdict: dict[str, Any]) -> int:
    """Of a verdict's record: its amount is the whole voucher's, and withheld details are not paid
    of it (decision 0022)."""
    withheld = verdict.get("withheld", ())
    if not withheld:
        return int(verdict["amount_fen"])
    return sum(each["amount_fen"] for each in verdict["details"] if each["id"] not in withheld)


def digest_mark(digest: bytes) -> bytes:
    """How a record's canonical bytes name what it is about, and nothing else in them can: inside
    a JSON string its quotes would be escaped."""
    return b'"digest":"%b"' % digest.hex().encode()


def counted_agency(body: bytes) -> str | None:
    """The agency whose next number this record wants; None if it wants none."""
    found = _AGENCY.match(body)
    return found[1].decode() if found and _UNCOUNTED in body else None


def numbered(body: bytes, seq: int, agency_no: int | None = None) -> bytes:
    """Put the sequence number in, and which one of its agency's it is. No JSON string can hold
    `"seq":null` with bare quotes, and no field within another is called so; sorted keys put it near
    the end, from where it is looked for."""
    if agency_no is not None:
        body = body.replace(_UNCOUNTED, b'"agency_no":%d' % agency_no, 1)
    head, mark, tail = body.rpartition(_UNNUMBERED)
    if not mark:
        raise ValueError("record body has no open sequence number")
    return b'%b"seq":%d%b' % (head, seq, tail)
