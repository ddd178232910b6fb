"""The bank's conduct (Art. 10(4), 22, 28): what its books say it did, and what is wrong with that.

Everything here comes from the bank itself: movements on treasury accounts, what it cleared, and how
it served accounts. Times are aware UTC, days are legal days (Asia/Shanghai).
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

import attrs

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Light
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.money import Fen


class Direction(StrEnum):
    """As seen from the treasury account: DEBIT is money that left it."""

    DEBIT = "debit"
    CREDIT = "credit"


@attrs.frozen(kw_only=True)
class BankEntry:
    """One movement (流水) on a treasury account, as the bank's books have it."""

    division: str
    id: str
    """The bank's own number of the movement; one in a division."""
    booked_at: dt.datetime
    account: str
    """Whose money moved."""
    direction: Direction
    amount_fen: Fen
    key: InstructionKey | None
    """The instruction that the bank names for it; None if it names none."""
    reference: str
    counter_account: str
    counter_name: str


@attrs.frozen(kw_only=True)
class ClearingTotal:
    """What was cleared with the treasury for one account and day (2301, 2302; Art. 10(4)5)."""

    division: str
    day: dt.date
    account: str
    voucher_no: str
    amount_fen: Fen


class TaskKind(StrEnum):
    OPEN = "open"
    CHANGE = "change"
    CLOSE = "close"


@attrs.frozen(kw_only=True)
class AccountTask:
    """An agency asked the bank to open, change or close an account (Art. 10(4)7)."""

    division: str
    id: str
    kind: TaskKind
    agency: str
    account: str
    asked_on: dt.date
    done_on: dt.date | None


@attrs.frozen(kw_only=True)
class Statement:
    """What the bank hands over at one time. Parts of one day may come in several statements."""

    id: str
    entries: tuple[BankEntry, ...] = ()
    clearing: tuple[ClearingTotal, ...] = ()
    tasks: tuple[AccountTask, ...] = ()


@attrs.frozen(kw_only=True)
class HandedOver:
    """A statement as it was received: who signed which bytes."""

    division: str
    digest: bytes
    party: str
    signature: str
    raw: bytes


@attrs.frozen(kw_only=True)
class Known:
    """What the gateway knows of the entries of one statement, before it takes them."""

    standings: Mapping[InstructionKey, Standing]
    booked: Mapping[tuple[str, str], BankEntry]
    """Entries taken before, by division and id: those told again, and others of the same
    instructions."""
    cleared: Mapping[ClearingTotal, Fen] = attrs.field(factory=dict)
    """What was told before of a clearing voucher of the same number, day and account, where that is
    another amount; by what is told now."""


@attrs.frozen(kw_only=True)
class Alert:
    """One thing that the bank did or left undone, with what shows it. Raised once a subject."""

    division: str
    policy: str
    """JL-100 to JL-106."""
    subject: str
    article: str
    light: Light
    title_zh: str
    title_en: str
    reason_zh: str
    reason_en: str
    remedy_zh: str
    evidence: Mapping[str, object]
    """Integers, texts and lists of such; accounts masked."""


@attrs.frozen(kw_only=True)
class Correction:
    """What the bank's books prove of a payment that was settled as not paid."""

    key: InstructionKey
    agency_code: str
    record: RecordDraft
    notification: bytes
    """What its agency is told, which may have been told to send it anew."""


@attrs.frozen(kw_only=True)
class TakenBack:
    """A contradiction that stands, and of whose money the bank's books leave nothing gone."""

    key: InstructionKey
    agency_code: str
    held: BankOutcome
    """How it was settled, and what holds again."""
    entry: BankEntry
    """The newest movement back."""


@attrs.frozen(kw_only=True)
class ContradictionEnd:
    """How a contradiction ends: what was set aside is posted (paid) or given back. Where nothing
    was, the bank's words alone contradict it, and nothing moves."""

    key: InstructionKey
    agency_code: str
    paid: bool
    reference: str | None
    """Where it is paid: of the bank's books, or what it was settled as paid with."""
    record: RecordDraft
    notification: bytes


class EndResult(StrEnum):
    ENDED = "ended"
    GONE = "gone"
    """None stands; nothing was written."""
    AGAINST = "against"
    """The bank's books, as far as they came, show the contrary; nothing was written."""


@attrs.frozen(kw_only=True)
class Unbooked:
    """Passed and due, and no movement of the bank shows that it was paid, or paid whole."""

    key: InstructionKey
    agency_code: str
    amount_fen: Fen
    decided_at: dt.datetime
    bank: str | None
    """What the bank had answered; None while it is unknown."""
    booked_fen: Fen = Fen(0)
    """Of a batch what movements show of it, each as it was ordered."""


@attrs.frozen(kw_only=True)
class PaidUnbooked:
    """Settled as paid; its day is over, and the bank's books show no debit of it."""

    key: InstructionKey
    agency_code: str
    amount_fen: Fen
    settled_at: dt.datetime
    evidence: str
    """By what it was settled: the bank's answer, an enquiry, what it told, an operator."""
    raised_on: dt.date
    """When JL-104 was raised."""


@attrs.frozen(kw_only=True)
class Overpaid:
    """More than one movement, together more than was ordered."""

    key: InstructionKey
    ordered_fen: Fen
    booked_fen: int
    entries: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Unreturned:
    """The bank agreed to a recall, holds it paid, and not all of it came back."""

    key: InstructionKey
    agency_code: str
    agreed_at: dt.datetime
    left_fen: int


@attrs.frozen(kw_only=True)
class Unbacked:
    """The bank told of money that came back, and its books do not show it."""

    refund: InstructionKey
    key: InstructionKey
    """Of the payment."""
    agency_code: str
    told_at: dt.datetime
    amount_fen: Fen
    left_fen: int
    """What is lacking of all that it had told of by then."""


@attrs.frozen(kw_only=True)
class DayOfAccount:
    """What left one account on one day, and what was cleared for it; None: no clearing came.

    Below zero both where it is what came back (2302).
    """

    day: dt.date
    account: str
    booked_fen: int
    cleared_fen: int | None


@attrs.frozen(kw_only=True)
class Untold:
    """Records or a notice that the bureau has not acknowledged."""

    subject: str
    waiting_since: dt.datetime
    count: int


@attrs.frozen(kw_only=True)
class Arrears:
    """What one look at a division found undone; every list is bounded, the rest comes next time."""

    unbooked: tuple[Unbooked, ...]
    overpaid: tuple[Overpaid, ...]
    unreturned: tuple[Unreturned, ...]
    unbacked: tuple[Unbacked, ...]
    denied: tuple[BankEntry, ...]
    """Debits of what was settled as not paid, not taken back and with nothing set aside for it: of
    yesterday and today, which came before the settlement, or of which an alert was raised."""
    taken_back: tuple[TakenBack, ...]
    days: tuple[DayOfAccount, ...]
    records: tuple[Untold, ...]
    notices: tuple[Untold, ...]
    tasks: tuple[AccountTask, ...]


@attrs.frozen(kw_only=True)
class ScoreCard:
    """How a bank served one division in a period (Art. 22(3): 综合考评)."""

    division: str
    first: dt.date
    last: dt.date
    passed: int
    """By decision or by release, in the period."""
    passed_fen: int
    booked: int
    """Movements: one payment of many details may be many."""
    booked_fen: int
    alerts: Mapping[str, int]
    """By policy."""
