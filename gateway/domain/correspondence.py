"""Signed letters about payments that were ordered before, in whatever language they came: what was
asked or told, who signed which bytes, and what was answered to each payment."""

import datetime as dt

import attrs

from gateway.domain.answer import Answer
from gateway.domain.conduct import Statement
from gateway.domain.enquiries import Enquiry, OutcomeItem, RecallStatus
from gateway.domain.faults import Fault
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft
from gateway.domain.vouchers import Adjustment, Reconciliation

Matter = Enquiry | Statement | Reconciliation | Adjustment


@attrs.frozen(kw_only=True)
class Letter:
    id: str
    """The sender's own number of it: with other content it never comes twice."""
    name: str
    """The message's or the voucher's type, such as `camt.056.001.08` or `2204`."""
    division: str
    """Whom it is about; empty where it names none and the sender's own counts."""
    matter: Matter
    outcomes: tuple[OutcomeItem, ...] = ()
    """Beside a statement: what its receipts say became of the payments."""


@attrs.frozen(kw_only=True)
class KeptLetter:
    """As it was received: who signed which bytes."""

    division: str
    party: str
    id: str
    name: str
    digest: bytes
    signature: str
    raw: bytes
    at: dt.datetime


@attrs.frozen(kw_only=True)
class Resolution:
    """What a recall came to, as the asker is told."""

    status: RecallStatus
    code: str
    """ISO ExternalPaymentCancellationRejection1Code; empty where nothing is refused."""
    words: str


@attrs.frozen(kw_only=True)
class Taken:
    """It was read, matched and written down; `words` for the sender."""

    words: str


Said = Answer | Fault | Resolution | Taken | Reconciliation
"""What is said of one payment of a letter."""


@attrs.frozen(kw_only=True)
class RecallWord:
    """Somebody's word on one recall: ours when it is asked, the bank's afterwards."""

    recall: str
    """Names it at the bank core: hexadecimal, of the letter's digest."""
    key: InstructionKey
    agency_code: str
    asker: str
    """The party that asked for it."""
    status: RecallStatus
    code: str
    words: str
    by: str
    """`gateway`, `core` (its answer to our request) or the party that signed the word."""
    at: dt.datetime
    record: RecordDraft
    notification: bytes | None
    """What the agency is told later; None where it is answered now."""


@attrs.frozen(kw_only=True)
class RecallStanding:
    """One word on a recall that is kept, and of which payment."""

    key: InstructionKey
    status: RecallStatus
    agency_code: str
    asker: str
