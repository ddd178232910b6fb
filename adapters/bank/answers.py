"""What a bank core's bytes mean: an outcome for our key, or nothing that may be relied on.

The wire (JSON, one object): `key` names the instruction the answer is about, `outcome` is
`accepted` with a `reference`, `rejected` with a `reason` (Art. 28(3)), and for an enquiry also
`pending` or `not_found`. Whatever is not exactly that is silence: UNKNOWN, never a guess.
"""

import unicodedata

import msgspec

from gateway.domain.bank import (
    RECALL_UNHEARD,
    BankAnswer,
    BankOutcome,
    EnquiryAnswer,
    EnquiryOutcome,
    RecallOrder,
    RecallReply,
)
from gateway.domain.enquiries import RecallStatus
from gateway.domain.once import read_once

TEXT_LENGTH_MAX = 500
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

UNKNOWN = BankAnswer(outcome=BankOutcome.UNKNOWN)
SILENT = EnquiryAnswer(outcome=EnquiryOutcome.SILENT)


class _Wire(msgspec.Struct):
    key: str
    outcome: str
    reference: str | None = None
    reason: str | None = None


_decoder = msgspec.json.Decoder(_Wire)


def submitted(key: str, status: int, body: bytes) -> BankAnswer:
    """Read the answer to a submission of `key`; UNKNOWN unless it is beyond doubt."""
    wire = _read(key, body) if status == 200 else None
    if wire is None:
        return UNKNOWN
    if wire.outcome == "accepted" and wire.reference:
        return BankAnswer(outcome=BankOutcome.ACCEPTED, reference=wire.reference)
    if wire.outcome == "rejected":
        return BankAnswer(
            outcome=BankOutcome.REJECTED, reference=wire.reference, reason=wire.reason
        )
    return UNKNOWN


def enquired(key: str, status: int, body: bytes) -> EnquiryAnswer:
    """Read the answer to an enquiry about `key`.

    A bare 404 is silence: it may be a proxy's. The bank itself says `not_found` in its own words,
    about this key, or we did not hear it.
    """
    wire = _read(key, body) if status in (200, 404) else None
    if wire is None:
        return SILENT
    if status == 404:
        found_nothing = wire.outcome == "not_found"
        return EnquiryAnswer(outcome=EnquiryOutcome.NOT_FOUND) if found_nothing else SILENT
    if wire.outcome == "accepted" and not wire.reference:
        return SILENT
    if wire.outcome not in ("accepted", "rejected", "pending"):
        return SILENT
    return EnquiryAnswer(
        outcome=EnquiryOutcome(wire.outcome), reference=wire.reference, reason=wire.reason
    )


class _Recalled(msgspec.Struct):
    key: str
    recall: str
    outcome: str
    reason: str | None = None


_recalls = msgspec.json.Decoder(_Recalled)
_RECALLS = {
    "recalled": RecallStatus.ACCEPTED,
    "refused": RecallStatus.REFUSED,
    "pending": RecallStatus.PENDING,
}


def recalled(order: RecallOrder, status: int, body: bytes) -> RecallReply:
    """Read the answer to a recall: `recalled`, `refused` with a reason, `pending`; of this very
    recall of this very payment, or it is silence."""
    if status not in (200, 202):
        return RECALL_UNHEARD
    try:
        said = read_once(_recalls, body)
    except (ValueError, RecursionError):
        return RECALL_UNHEARD
    meant = _RECALLS.get(said.outcome)
    if (said.key, said.recall) != (str(order.key), order.id) or meant is None:
        return RECALL_UNHEARD
    if not sound(said.reason or ""):
        return RECALL_UNHEARD
    return RecallReply(status=meant, reason=said.reason)


def _read(key: str, body: bytes) -> _Wire | None:
    try:
        wire = read_once(_decoder, body)
    except (ValueError, RecursionError):
        return None
    if wire.key != key:
        return None
    return wire if sound(wire.reference or "") and sound(wire.reason or "") else None


def sound(text: str) -> bool:
    """No database stores a NUL, and what cannot be seen has no place in a record."""
    if len(text) > TEXT_LENGTH_MAX:
        return False
    return text.isprintable() or _INVISIBLE.isdisjoint(map(unicodedata.category, text))
