"""The bureau's void (作废) of a number: what its gateway has refused for good is not coming.

    void     = {"decision": {...}, "persons": [proposer, approver]}
    decision = {"decided_at","division","feed_sha256","fiscal_year","kind","order_sha256","reason",
                "refused","version","voucher_no","voucher_type"}

It takes the place of the refused order under that order's number, so that what was signed behind it
goes on, and nothing was skipped. `feed_sha256` is of the refused feed's bytes, `order_sha256` the
refused order's digest, `refused` the gateway's own words. Persons are as in an order
(`gateway.domain.releases`). It says nothing about the hold, which waits for another order.
"""

import datetime as dt
import hashlib
from typing import Annotated, Any

import attrs
import msgspec

from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.records import canonical
from gateway.domain.releases import (
    Moment,
    Order,
    Person,
    PersonTold,
    Sha256,
    microseconds_of,
    moment_of,
    two_of,
)

KIND = "release_void"
WORDS_CHARS_MAX = 500


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    division: Annotated[str, msgspec.Meta(pattern="^[0-9]{9}$")]
    fiscal_year: Annotated[int, msgspec.Meta(ge=2000, le=9999)]
    voucher_type: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z]{1,8}$")]
    voucher_no: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z-]{1,42}$")]
    version: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    feed_sha256: Sha256
    order_sha256: Sha256
    refused: Annotated[str, msgspec.Meta(min_length=1, max_length=WORDS_CHARS_MAX)]
    reason: Annotated[str, msgspec.Meta(min_length=4, max_length=WORDS_CHARS_MAX)]
    decided_at: Moment


class _Void(msgspec.Struct, forbid_unknown_fields=True):
    decision: dict[str, Any]
    persons: list[PersonTold]


@attrs.frozen(kw_only=True)
class Void:
    """As it was read; nothing of it is proven but its form."""

    digest: bytes
    """SHA-256 of the decision's canonical bytes."""
    decision: bytes
    key: InstructionKey
    """The payment that the refused order was about."""
    version: int
    feed_digest: bytes
    order_digest: bytes
    refused: str
    reason: str
    decided_at: dt.datetime
    proposer: Person
    approver: Person


@attrs.frozen(kw_only=True)
class HeldFeed:
    """One feed of the bureau's that its gateway has taken: an order, or a void."""

    version: int
    body: bytes
    signature: str
    content: Order | Void

    @property
    def voids(self) -> bytes | None:
        """The digest of the order whose number a void has; None for an order."""
        return self.content.order_digest if isinstance(self.content, Void) else None


def void_bytes(
    key: InstructionKey, version: int, refused: tuple[bytes, bytes, str], reason: str,
    at: dt.datetime,
) -> bytes:  # fmt: skip
    """What both persons are bound to. `refused`: digest of the feed, of its order, the words."""
    return canonical(
        {
            "decided_at": microseconds_of(at),
            "division": key.division,
            "feed_sha256": refused[0].hex(),
            "fiscal_year": key.fiscal_year,
            "kind": KIND,
            "order_sha256": refused[1].hex(),
            "reason": reason,
            "refused": refused[2],
            "version": version,
            "voucher_no": key.voucher_no,
            "voucher_type": key.voucher_type,
        }
    )


def read_void(raw: bytes) -> Void:
    """Strictly: every field, no other; the two persons differ and are bound to this decision.

    Raises Unreadable with the reason.
    """
    try:
        told = msgspec.json.decode(raw, type=_Void)
        decision = canonical(told.decision)
        read = msgspec.json.decode(decision, type=_Decision)
        if read.kind != KIND:
            raise ValueError(f"a void's kind is {KIND}")
        digest = hashlib.sha256(decision)
        proposer, approver = two_of(told.persons, digest.hexdigest())
    except (ValueError, TypeError, RecursionError) as error:
        raise Unreadable(FaultCode.FEED_INVALID, f"not a void: {error}") from error
    return Void(
        digest=digest.digest(), decision=decision,
        key=InstructionKey(
            division=read.division, fiscal_year=read.fiscal_year, voucher_type=read.voucher_type,
            voucher_no=read.voucher_no,
        ),
        version=read.version, feed_digest=bytes.fromhex(read.feed_sha256),
        order_digest=bytes.fromhex(read.order_sha256), refused=read.refused, reason=read.reason,
        decided_at=moment_of(read.decided_at), proposer=proposer, approver=approver,
    )  # fmt: skip
