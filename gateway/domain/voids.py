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
from typing import Annotated

import attrs
import msgspec

from gateway.domain.instruction import InstructionKey
from gateway.domain.records import canonical
from gateway.domain.releases import (
    Decided,
    DecisionTold,
    Order,
    Sha256,
    in_words,
    microseconds_of,
    read_decided,
)

KIND = "release_void"


class _Decision(DecisionTold):
    version: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    feed_sha256: Sha256
    order_sha256: Sha256
    refused: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


@attrs.frozen(kw_only=True)
class Void(Decided):
    """`key`: the payment that the refused order was about."""

    version: int
    feed_digest: bytes
    order_digest: bytes
    refused: str


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
    """As `gateway.domain.releases.read_decided`. Raises Unreadable with the reason."""
    with in_words("a void"):
        read, bound = read_decided(raw, _Decision, KIND)
    return Void(
        version=read.version, feed_digest=bytes.fromhex(read.feed_sha256),
        order_digest=bytes.fromhex(read.order_sha256), refused=read.refused, **bound,
    )  # fmt: skip
