"""Refunds (资金退回, vouchers 2203, 2204, 8252): money that came back from a paid instruction."""

import datetime as dt
from enum import StrEnum

import attrs

from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Limit, RecordDraft
from gateway.domain.money import Fen


class RefundResult(StrEnum):
    REFUNDED = "refunded"
    REPEATED = "repeated"
    """This very money was counted before, here or through another door; nothing was written now."""
    CONFLICT = "conflict"
    """Its number, or the bank's number of it, was used before, for another refund."""
    UNPAID = "unpaid"
    """There is no such payment, or the bank is not known to have accepted it."""
    EXCEEDS = "exceeds"
    """More than is left of what was posted."""
    DISPUTED = "disputed"
    """The bank has said two things of the payment: nothing moves until a person has found out."""


@attrs.frozen(kw_only=True)
class Handed:
    """What a party handed in, as it came: what is kept to prove later who said it."""

    raw: bytes
    signature: str
    """Its detached JWS over `raw`."""
    party: str


@attrs.frozen(kw_only=True)
class Refund:
    """One event with its own identity. Part of a payment, or all that is left of it."""

    key: InstructionKey
    """Of the refund's own voucher."""
    payment: InstructionKey
    """Of the instruction that was paid; of the same division."""
    reference: str
    """The bank's own number of this return, the same through whatever door it is told; where that
    is empty or the payment's, the number of `key` stands for it. One payment, one reference, one
    amount: the same money."""
    amount_fen: Fen
    at: dt.datetime
    digest: bytes
    """SHA-256 of the bytes it came as: the same identity with others is a conflict."""
    handed: Handed
    record: RecordDraft
    notification: bytes


@attrs.frozen(kw_only=True)
class RefundAnswer:
    result: RefundResult
    refundable_fen: int | None = None
    """What was left of the payment before this refund; None where that is not known."""


@attrs.frozen(kw_only=True)
class Overdraft:
    """A line on which more is spoken for than its grant leaves, as it was when that was noted."""

    limit: Limit
    noted_at: dt.datetime
