"""What a bank core can answer, and what it promises about its own conduct."""

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import attrs
import msgspec

from gateway.domain.enquiries import RecallStatus
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import legal_day
from gateway.domain.money import yuan


class BankOutcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_TAKEN = "not_taken"
    """Proven never to have taken effect: not found after the bank's finality horizon."""


class EnquiryOutcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PENDING = "pending"
    NOT_FOUND = "not_found"
    SILENT = "silent"
    """No answer, or none that can be understood."""


@attrs.frozen(kw_only=True)
class BankConduct:
    """What this bank core declares (RELIABILITY 1); decides what may be done about an unknown."""

    idempotent: bool
    enquiry: bool
    horizon_s: float | None
    """After so many seconds of not being found, an instruction can no longer take effect."""
    partial: bool = False
    """Whether it can leave out details of a voucher that it is handed whole."""
    recall: bool = False
    """Whether it can be asked to give a payment back (camt.056)."""


@attrs.frozen(kw_only=True)
class LeftOut:
    """What of a voucher the bank is told not to pay; the voucher's bytes say nothing of it."""

    places: tuple[int, ...]
    """Details by their place in the voucher, counted from 1."""
    paid_fen: int
    """What is left to be paid, in all."""


class BankAnswer(msgspec.Struct, frozen=True, kw_only=True):
    outcome: BankOutcome
    reference: str | None = None
    """银行交易流水号."""
    reason: str | None = None


DISPUTED = BankAnswer(
    outcome=BankOutcome.UNKNOWN,
    reason="银行答复与账本记录不一致，正在查实，请勿换号重报"
    " (the bank's word contradicts the ledger; do not send it anew)",
)
"""What anybody is told of a payment that was settled in one way and answered in another."""
HOW_TOLD = "told"
"""Whence a word is that the bank told us of its own accord, signed."""
BOOKS = "books"
"""Whence a `correction` record is, where the bank's own books contradict how it was settled."""
ENDED = "ended"
"""What a `correction` record is about (`what`) that ends a contradiction; `said` is what holds."""
BOOKED_AS = "booked_as"
"""Where it holds that it was paid: the number of it in the bank's books, that everybody is told."""


def contradiction_in(corrections: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first of these `correction` records, oldest first, that stands: no later one ended it.
    The books end what the books had said; officers end every word."""
    standing: list[Mapping[str, Any]] = []
    for each in corrections:
        if each.get("what") != ENDED:
            standing.append(each)
        elif each.get("how") == BOOKS:
            standing = [one for one in standing if one.get("how") != BOOKS]
        else:
            standing = []
    return next(iter(standing), None)


def disputed_word(correction: Mapping[str, Any]) -> BankAnswer:
    """What anybody is told of a payment with this `correction` record: nothing to rely on, and
    where the bank's books show its money gone, when and how much. What must not be done comes
    first: a voucher's answer has room for 42 bytes of it."""
    at, amount = correction.get("booked_at"), correction.get("booked_fen")
    if correction.get("how") != BOOKS or not isinstance(at, int) or not isinstance(amount, int):
        return DISPUTED
    day = legal_day(dt.datetime.fromtimestamp(at / 1_000_000, dt.UTC))
    return BankAnswer(
        outcome=BankOutcome.UNKNOWN,
        reason=f"请勿换号重报：银行账上{day}已划款{yuan(amount)}元，与此前未支付的结论不一致，正在查实"
        f" (do not send it anew: the bank's books show {yuan(amount)} yuan paid on {day})",
    )


@attrs.frozen(kw_only=True)
class Contradiction:
    """Two words about one payment that cannot both be true; operators must look."""

    said: BankOutcome
    held: BankOutcome | None
    """What the ledger holds; None where it could not be read."""
    recorded: bool = True
    """Whether the `correction` record is durable."""


@attrs.frozen(kw_only=True)
class EnquiryAnswer:
    outcome: EnquiryOutcome
    reference: str | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class RecallOrder:
    """What the core is asked to give back. It pays nothing, so it may be asked again."""

    id: str
    """Hexadecimal; the core's later word on it names it."""
    key: InstructionKey
    amount_fen: int
    reason: str
    """ISO ExternalCancellationReason1Code, or the asker's own word."""
    words: str


@attrs.frozen(kw_only=True)
class RecallReply:
    """PENDING also for silence: the core may have been asked, and has not said anything."""

    status: RecallStatus
    reason: str | None = None
    heard: bool = True
    """False for silence: ask again under the same id."""


RECALL_UNHEARD = RecallReply(status=RecallStatus.PENDING, heard=False)
