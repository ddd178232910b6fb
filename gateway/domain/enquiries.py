"""What parties ask and tell about payments after they were ordered, as ISO 20022 words it."""

import attrs

from gateway.domain.money import Fen


@attrs.frozen(kw_only=True)
class Original:
    """The payment that a message is about, by the sender's own names."""

    message_id: str
    end_to_end_id: str
    """The voucher number."""
    transaction_id: str = ""


@attrs.frozen(kw_only=True)
class StatusEnquiry:
    """pacs.028: what became of these payments; none named: of the whole message."""

    id: str
    message_id: str
    payments: tuple[Original, ...]


@attrs.frozen(kw_only=True)
class RecallItem:
    original: Original
    amount_fen: Fen | None
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
    status: str
    """ACCR accepted, RJCR rejected, PDCR pending; empty: as the case as a whole."""
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
    id: str
    original: Original
    amount_fen: Fen
    reason: str
    words: str


@attrs.frozen(kw_only=True)
class PaymentReturn:
    """pacs.004: money that comes back."""

    id: str
    payments: tuple[ReturnItem, ...]


Enquiry = StatusEnquiry | Recall | RecallAnswer | PaymentReturn
