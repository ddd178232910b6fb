"""The words of the monitoring log (RFC 6962 tree, C2SP checkpoints), one per division."""

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import TypeAlias

import attrs
import msgspec

P256_SHA256 = "GW1-P256-SHA256"
SM2_SM3 = "GW1-SM2-SM3"
"""The suites: which signatures a log's checkpoints bear, and with which hash its tree is built."""
Digest: TypeAlias = Callable[[bytes], bytes]

TOLD_BYTES_MAX = 16 * 2**20
"""Of one record before it is numbered, of its disclosures, and of a notice: what is more is not
decided. A voucher of 499 details each of which breaks five policies comes to two million bytes."""
SLOWEST_BYTES_A_SECOND = 256 * 1024
"""Of the line between a gateway and its bureau: what a body takes on it, both grant beside their
deadlines."""
TILE_LEVELS = 8
"""Subtree hashes are kept at levels 8, 16, 24 (256-fold tiles), so a proof reads few rows."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def sm3(data: bytes) -> bytes:
    """GB/T 32905-2016. Raises ValueError where Python's OpenSSL was built without it."""
    return hashlib.new("sm3", data).digest()


def suite_of_origin(origin: str) -> str:
    """A log's first line says its suite, so it is signed with every checkpoint and never changes:
    `<gateway URI>/log/<division>` is P-256 with SHA-256, with `/GW1-SM2-SM3` after it the other."""
    return SM2_SM3 if origin.endswith(f"/{SM2_SM3}") else P256_SHA256


def tree_digest(origin: str) -> Digest:
    """The hash of this log's leaves and nodes."""
    return sm3 if suite_of_origin(origin) == SM2_SM3 else sha256


@attrs.frozen(kw_only=True)
class LogHead:
    """Where a log stands: its size and the roots of the full subtrees on its right edge."""

    division: str
    origin: str
    """First line of its checkpoints; also the URI in the record certificate."""
    size: int
    frontier: tuple[bytes, ...]
    """Roots of the perfect subtrees that make up the tree, largest (leftmost) first."""


class PendingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A committed record that waits for its number, in the order of commitment."""

    id: int
    kind: str
    subject: str
    body: bytes
    disclosures: bytes | None
    agency_no: int | None = None
    """Which of its agency's verdicts it is, from 1, where it wants to say so."""


class SealedRecord(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    kind: str
    subject: str
    body: bytes
    """The numbered bytes: what is hashed, sent and kept."""
    leaf_hash: bytes
    disclosures: bytes | None


class Subtree(msgspec.Struct, frozen=True, kw_only=True):
    """Root of one full subtree whose level is a multiple of TILE_LEVELS."""

    level: int
    index: int
    hash: bytes


@attrs.frozen(kw_only=True)
class Sealed:
    """One batch of records, numbered, hashed into the tree and covered by a signed checkpoint."""

    head: LogHead
    records: tuple[SealedRecord, ...]
    subtrees: tuple[Subtree, ...]
    checkpoint: str
    """C2SP signed note over (origin, head.size, root)."""
    sealed_at: dt.datetime


@attrs.frozen(kw_only=True)
class Delivery:
    """Consecutive records up to a signed checkpoint, for the bureau."""

    division: str
    start: int
    """Sequence number of the first record; equals the size that the bureau acknowledged last."""
    records: tuple[SealedRecord, ...]
    checkpoint: str


@attrs.frozen(kw_only=True)
class Cosigned:
    """The bureau's answer: how much it now holds, and the checkpoint with its cosignature."""

    size: int
    checkpoint: str


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """What a host remembers of one log outside the database (decision 0071)."""

    checkpoint: str
    """The newest checkpoint that this host has seen, with the log's own signature."""
    forgot: str = ""
    """The words for it, if a gateway here saw the database without what it had committed."""


REST = "*"
"""Among marks by origin: of each log that is not named, where what was said of them is lost."""


@attrs.frozen(kw_only=True)
class LogEvidence:
    """What proves one record: its bytes, its place, and the checkpoint that covers it."""

    record: SealedRecord
    tree_size: int
    path: tuple[bytes, ...]
    """Inclusion proof (RFC 9162 2.1.3), lowest sibling first."""
    checkpoint: str
    """Cosigned if the bureau has acknowledged it."""


@attrs.frozen(kw_only=True)
class Notice:
    """A one-off document for the bureau: sent at once, retried until acknowledged."""

    id: int
    division: str
    subject: str
    body: bytes
    created_at: dt.datetime
    attempts: int


@attrs.frozen(kw_only=True)
class LogState:
    """How much of one division's log is sealed, and how much the bureau has acknowledged."""

    division: str
    size: int
    acknowledged_size: int


@attrs.frozen(kw_only=True)
class Backlog:
    """What is under way: everything is zero and acknowledged when the day's work is done."""

    open_payments: int
    """Passed, and the bank's outcome is not known yet; operator's tasks among them."""
    operator_tasks: int
    records_waiting: int
    notices_waiting: int
    logs: tuple[LogState, ...]
    tasks_overdue: int = 0
    """Operator's tasks that the bank should have been asked about again an hour ago."""
    payments_unanswered: int = 0
    """Open for more than an hour: the bank is silent about them, or says that they are on their way
    for ever. They are asked about all the same, and no operator's task yet."""
    holds_open: int = 0
    """They wait for the bureau, and end by themselves at last."""
    releases_open: int = 0
    """The bureau's orders that are not carried out yet."""
    limits_overdrawn: int = 0
    contradictions: int = 0
    """Payments of which the bank's books or its word say otherwise than they were settled, and
    nobody has found out yet."""
    paid_unbooked: int = 0
    """Settled as paid, their day over, and the bank's books show no debit; a thousand at most."""
    notifications_waiting: int = 0
    """Not fetched by their agencies yet."""
    recalls_waiting: int = 0
    """The bank was asked for a payment back and has said neither yes nor no."""
    conduct_alerts_today: int = 0
    """What the bank did against what it was told, found on this legal day."""

    @property
    def done(self) -> bool:
        waiting = (
            self.open_payments + self.records_waiting + self.notices_waiting + self.releases_open
        )
        return not waiting and all(log.size == log.acknowledged_size for log in self.logs)
