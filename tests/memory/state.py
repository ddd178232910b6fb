"""What the in-memory ledger, log and registers share: one truth of plain dictionaries."""

import datetime as dt

import attrs

from gateway.domain.conduct import BankEntry, Direction
from gateway.domain.holds import HoldEnding, Notification
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admission, Limit, LimitKey, OpenPayment, Settlement
from gateway.domain.log import LogHead, Notice, PendingRecord, SealedRecord
from gateway.domain.refunds import Refund
from gateway.domain.registers import Registers
from gateway.domain.windows import WindowKey, WindowShare


@attrs.define(kw_only=True)
class Checkpoint:
    text: str
    sealed_at: dt.datetime
    cosigned: str | None = None


@attrs.define(kw_only=True)
class DivisionLog:
    head: LogHead | None = None
    acknowledged_size: int = 0
    records: list[SealedRecord] = attrs.field(factory=list)
    agencies: dict[str, int] = attrs.field(factory=dict)
    """How many of each agency's verdicts are sealed."""
    checkpoints: dict[int, Checkpoint] = attrs.field(factory=dict)
    """By size, rising."""


@attrs.frozen(kw_only=True)
class HoldEnd:
    """How a hold ended; the decision is the one from which its answer is given from then on."""

    how: HoldEnding
    at: dt.datetime
    decision: bytes
    order: bytes | None
    """Digest of the bureau's order; None for one that expired."""


@attrs.define(kw_only=True)
class SetAside:
    """What one contradiction took of the limits of its payment, and how it ended."""

    at: dt.datetime
    amounts: dict[LimitKey, int]
    posted: bool | None = None
    """None while it stands; False: it was given back."""
    ended_at: dt.datetime | None = None
    reference: str | None = None


@attrs.define(kw_only=True)
class MemoryState:
    """All that would be rows. Nothing awaits while it changes it, so each change is atomic."""

    instructions: dict[InstructionKey, Admission] = attrs.field(factory=dict)
    settlements: dict[InstructionKey, Settlement] = attrs.field(factory=dict)
    open_payments: dict[InstructionKey, OpenPayment] = attrs.field(factory=dict)
    limits: dict[tuple[str, LimitKey], Limit] = attrs.field(factory=dict)
    """By division and key."""
    windows: dict[tuple[str, WindowKey], list[tuple[InstructionKey, WindowShare]]] = attrs.field(
        factory=dict
    )
    """By division and key: what stands in a window, and whose it is."""
    pending: dict[str, list[PendingRecord]] = attrs.field(factory=dict)
    notices: dict[int, Notice] = attrs.field(factory=dict)
    """Unacknowledged, by id."""
    receipts: dict[int, str] = attrs.field(factory=dict)
    """The bureau's, by the notice's id."""
    logs: dict[str, DivisionLog] = attrs.field(factory=dict)
    registers: dict[str, tuple[bytes, Registers]] = attrs.field(factory=dict)
    hold_ends: dict[InstructionKey, HoldEnd] = attrs.field(factory=dict)
    release_feeds: dict[str, list[tuple[bytes, str]]] = attrs.field(factory=dict)
    """By division, from number 1 on: bytes and signature."""
    orders: set[tuple[str, bytes]] = attrs.field(factory=set)
    given: dict[tuple[str, bytes], tuple[bytes, str]] = attrs.field(factory=dict)
    """By division and order: the feed that brought it, and its signature."""
    open_releases: dict[tuple[str, bytes], bytes] = attrs.field(factory=dict)
    notifications: dict[Notification, tuple[str, str]] = attrs.field(factory=dict)
    """Unacknowledged; division and agency of each."""
    entries: dict[tuple[str, str], BankEntry] = attrs.field(factory=dict)
    """By division and number."""
    set_aside: dict[InstructionKey, list[SetAside]] = attrs.field(factory=dict)
    """One after the other; only the last may stand, or be posted."""
    refunds: dict[InstructionKey, Refund] = attrs.field(factory=dict)
    leader: object | None = None
    last_id: int = 0

    def booked_net(self, key: InstructionKey) -> int:
        """What the bank's movements leave gone of one payment: nothing, or less, where it took it
        back."""
        signed = {Direction.DEBIT: 1, Direction.CREDIT: -1}
        return sum(
            signed[e.direction] * e.amount_fen for e in self.entries.values() if e.key == key
        )

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id
