"""What parties ask and tell about payments after they were ordered, as ISO 20022 words it."""

from enum import StrEnum

import attrs

from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen


class RecallStatus(StrEnum):
    """ISO 20022 CancellationIndividualStatus: what became of a recall."""

    ACCEPTED = "ACCR"
    REFUSED = "RJCR"
    PENDING = "PDCR"


@attrs.frozen(kw_only=True)
class Original:
    """The payment that a message is about, by the sender's own names."""

    message_id: str
    end_to_end_id: str
    """The voucher number."""
    transaction_id: str = ""
    instruction_id: str = ""
    message_name: str = ""
    """Such as `pain.001.001.09`: what the payment was ordered by, as the asker says."""
    amount_fen: Fen | None = None
    """What it was to pay, as the asker says; None where nothing is said of it."""


@attrs.frozen(kw_only=True)
class StatusEnquiry:
    """pacs.028: what became of these payments."""

    id: str
    message_id: str
    payments: tuple[Original, ...]


@attrs.frozen(kw_only=True)
class RecallItem:
    id: str
    """CxlId; empty where the asker gave none."""
    original: Original
    reason: str
    """ISO code or own word."""
    words: str


@attrs.frozen(kw_only=True)
class Recall:
    """camt.056: give back what was ordered, if it is not paid out yet."""

    id: str
    payments: tuple[RecallItem, ...]


@attrs.frozen(kw_only=True)
class RecallResult:
    original: Original
    status: RecallStatus
    reason: str
    words: str


@attrs.frozen(kw_only=True)
class RecallAnswer:
    """camt.029: what became of a recall."""

    id: str
    case: str
    confirmation: str
    """CNCL, PECR or RJCR: of the case as a whole."""
    payments: tuple[RecallResult, ...]


@attrs.frozen(kw_only=True)
class ReturnItem:
    """`key` and `payment` where the format names both whole, as a refund voucher does."""

    id: str
    original: Original
    key: InstructionKey | None = None
    payment: InstructionKey | None = None
    amount_fen: Fen
    reason: str
    words: str


@attrs.frozen(kw_only=True)
class PaymentReturn:
    """pacs.004: money that comes back."""

    id: str
    payments: tuple[ReturnItem, ...]


@attrs.frozen(kw_only=True)
class OutcomeItem:
    """What the bank says became of one payment; `key` where the format names it whole."""

    original: Original
    key: InstructionKey | None = None
    accepted: bool | None
    """None: it is on its way, and nothing follows from that."""
    reference: str
    reason: str


@attrs.frozen(kw_only=True)
class OutcomeReport:
    """pacs.002 from the bank, of its own accord: what it learnt later."""

    id: str
    payments: tuple[OutcomeItem, ...]


Enquiry = StatusEnquiry | Recall | RecallAnswer | PaymentReturn | OutcomeReport
