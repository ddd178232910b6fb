"""What the line needs of the world, as Protocols: one method is one transaction or one call.

Implementations live in `adapters`, `policies` and `certs` and fit by shape. Time comes in as an
argument; nobody behind these methods decides anything about an instruction.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from gateway.domain.bank import BankAnswer, BankConduct, EnquiryAnswer, LeftOut
from gateway.domain.commitment import Commitment
from gateway.domain.day import DayTotals
from gateway.domain.decision import Finding, Outcome
from gateway.domain.facts import Facts
from gateway.domain.faults import BureauUnavailable
from gateway.domain.instruction import Instruction, InstructionKey, Received
from gateway.domain.ledger import (
    Admission,
    Admitted,
    Limit,
    LimitKey,
    Moved,
    OpenPayment,
    RecordDraft,
    Settlement,
    Short,
    Standing,
    WordTaken,
)
from gateway.domain.log import (
    Cosigned,
    Delivery,
    LogEvidence,
    LogHead,
    Notice,
    PendingRecord,
    Sealed,
)
from gateway.domain.parties import Sender
from gateway.domain.registers import Registers
from gateway.domain.windows import WindowAsk, WindowShare


class Clock(Protocol):
    def now(self) -> dt.datetime: ...

    def monotonic(self) -> float: ...


class Gatekeeper(Protocol):
    """Proves senders (certs room)."""

    def authenticate(self, received: Received, now: dt.datetime) -> Sender:
        """Check the signature over the raw bytes, before anything is parsed.

        Raises Unproven.
        """
        ...

    def sign_receipt(self, payload: bytes) -> str:
        """Compact JWS over `payload` with the gateway's record key. Raises Unready: it is in a
        token that is away."""
        ...

    def sign_document(self, body: bytes) -> str:
        """Detached JWS (RFC 7797) over `body` with the gateway's record key. Raises
        LedgerUnavailable: it is in a token that is away."""
        ...


class Committer(Protocol):
    """Hides personal values in records (certs room)."""

    def commit(self, subject: str, field: str, value: str) -> Commitment:
        """The same subject, field and value always give the same salt and digest."""
        ...


class Format(Protocol):
    """One accepted format (adapters room)."""

    def parse(self, raw: bytes) -> Instruction:
        """Raises Unreadable listing *all* errors."""
        ...


class RegisterShelf(Protocol):
    def of(self, division: str, now: dt.datetime) -> Registers:
        """The division's registers as now in memory, stale ones marked unavailable.

        Raises Unreadable (division unknown) or Unready (nothing loaded).
        """
        ...


class Book(Protocol):
    """The policies in force (policies room)."""

    @property
    def revision(self) -> str: ...

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        """All policies that fire on these facts. A policy that raises is a HOLD finding."""
        ...

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        """The windows whose values may change what these facts come to; most have none.

        Depends on `facts.windows` only in what each ask says was believed.
        """
        ...

    def shares(self, facts: Facts, outcome: Outcome) -> tuple[WindowShare, ...]:
        """What an instruction with this outcome adds to each window that counts it."""
        ...


class Ledger(Protocol):
    async def admit(self, admission: Admission) -> Admitted | Standing | Short | Moved:
        """Commit 1. A Standing means the identity was already decided, on whatever bytes.

        Two admissions of which one asks for a window and the other shares in it, at whatever
        gateways, never both rest on its value of before.

        Raises LedgerUnavailable.
        """
        ...

    async def settle(self, settlement: Settlement) -> bool:
        """Commit 2. False if it had been settled before (then nothing is written).

        Raises LedgerUnavailable.
        """
        ...

    async def record(self, division: str, draft: RecordDraft) -> None:
        """Write one record that belongs to no admission (a conflict, a register applied)."""
        ...

    async def record_contradiction(
        self, key: InstructionKey, draft: RecordDraft, at: dt.datetime
    ) -> WordTaken:
        """Write a `correction` of two words (`gateway.pipeline.tell.correction`), once: nothing is
        written unless it is RECORDED.

        Raises LedgerUnavailable; then it may be written, and the same again is safe.
        """
        ...

    async def record_conflict(
        self, key: InstructionKey, draft: RecordDraft, digest: bytes, records_max: int
    ) -> bool:
        """Write a conflict's record, once for each content and at most so many of one identity.

        False if nothing was written for that. Raises LedgerUnavailable.
        """
        ...

    async def standing(self, key: InstructionKey) -> Standing | None: ...

    async def standing_for(self, agency: str | None, key: InstructionKey) -> Standing | None:
        """None also if it is not of this agency, as fast as if there were none."""
        ...

    async def open_payments(self, before: dt.datetime, limit: int) -> list[OpenPayment]:
        """Passed, not settled, opened before `before` or, by a wrong clock, more than two minutes
        after it; least asked first, then oldest first. Operators' tasks are left out."""
        ...

    async def due_tasks(self, now: dt.datetime, limit: int) -> list[OpenPayment]:
        """Operators' tasks that may be asked about again: whose turn came first is first, as many
        of each division. What is put off by more than two hours was put off by a wrong clock."""
        ...

    async def note_enquiry(
        self, key: InstructionKey, at: dt.datetime, *, not_found: bool,
        ask_after: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        """Count an enquiry that settled nothing; keeps the first unbroken `not found` moment.

        `not_found=False` clears that moment: any other answer starts the horizon anew.
        `ask_after`: an operator's task from now on, and not asked about again before that.
        """
        ...

    async def hand_over(self, key: InstructionKey) -> None:
        """It is an operator's task from now on, without anybody having been asked just now."""
        ...

    async def limits(self, division: str, keys: Sequence[LimitKey]) -> dict[LimitKey, Limit]:
        """As they stand, nothing locked; those that no register grants are left out.

        Raises LedgerUnavailable.
        """
        ...


class Bank(Protocol):
    @property
    def conduct(self) -> BankConduct: ...

    @property
    def strain(self) -> str:
        """Why a submission would have to wait too long, in words for its sender; refuse before
        commit 1 then. Empty if it would not."""
        ...

    async def submit(
        self, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None = None
    ) -> BankAnswer:
        """Hand the same bytes over, once. Silence or a broken answer is UNKNOWN, never raised.

        `left_out` is only given to a bank that declares `partial`.
        """
        ...

    async def reach(self) -> bool:
        """Whether the bank core can be reached; while it cannot, `strain` says so."""
        ...

    async def enquire(self, key: InstructionKey) -> EnquiryAnswer:
        """Ask what became of it. Never sends it again."""
        ...


class RecordSealer(Protocol):
    """Numbers, hashes and signs (certs room); pure computation with a key."""

    def seal(
        self, head: LogHead | None, division: str, pending: Sequence[PendingRecord],
        at: dt.datetime,
    ) -> Sealed:  # fmt: skip
        ...


class RecordLog(Protocol):
    """The log's storage. Only the elected sequencer seals; anybody may read."""

    async def lead(self) -> bool:
        """Take or keep the sequencer's office (an advisory lock on an own session)."""
        ...

    async def leave_office(self) -> None:
        """Another process may take it."""
        ...

    async def pending_divisions(self) -> list[str]: ...

    async def seal(
        self, division: str, limit: int, at: dt.datetime,
        make: Callable[[LogHead | None, str, Sequence[PendingRecord], dt.datetime], Sealed],
    ) -> Sealed | None:  # fmt: skip
        """One transaction: take up to `limit` waiting records, store what `make` returns.

        The checkpoint is persisted with its records, before anybody can send it. None: none waits.
        """
        ...

    async def next_delivery(
        self, division: str, limit: int, start: int | None = None
    ) -> Delivery | None:
        """Records after the acknowledged size (or from `start`), up to a stored checkpoint; None
        if all is told."""
        ...

    async def acknowledged(self, division: str) -> int:
        """How many records the bureau has acknowledged, as far as this storage knows."""
        ...

    async def acknowledge(self, division: str, cosigned: Cosigned, at: dt.datetime) -> None:
        """Keep the bureau's cosignature; the acknowledged size only rises."""
        ...

    async def evidence(self, division: str, subject: str) -> list[LogEvidence]: ...

    async def root_at(self, division: str, size: int) -> bytes | None:
        """The root of the first `size` sealed records; None if there are not so many."""
        ...

    async def sizes(self) -> dict[str, int]:
        """How many records of each log are sealed."""
        ...

    async def sealed_for_s(self, division: str, beyond: int) -> float:
        """How long sealing went on beyond so many records, by its own clocks; 0.0 if it did not."""
        ...

    async def newest_checkpoint(self, division: str, above: int) -> tuple[int, str] | None:
        """The newest with more than so many records, and its size: durable before it is handed out.
        None if there is none."""
        ...

    async def notices(self, division: str, limit: int) -> list[Notice]:
        """Unacknowledged notices of one division, oldest first."""
        ...

    async def notices_told(
        self, division: str, receipts: Mapping[int, str], at: dt.datetime
    ) -> None:
        """These, by id, were acknowledged: their proven receipts kept in one commit."""
        ...

    async def notices_untold(self, division: str, ids: Sequence[int], at: dt.datetime) -> None:
        """Count an attempt that the bureau did not acknowledge."""
        ...

    async def untold_divisions(self) -> list[str]:
        """Divisions with records or notices that no bureau has acknowledged."""
        ...


class DayBook(Protocol):
    """The ledger, seen by legal days. Raises LedgerUnavailable."""

    async def days_to_close(self, division: str, before: dt.date) -> list[dt.date]:
        """Ended days without a close on record, oldest first; some of them if there are many."""
        ...

    async def totals(self, division: str, day: dt.date) -> DayTotals: ...

    async def waiting(self, division: str) -> int:
        """Records that wait for their number."""
        ...

    async def close_day(
        self, division: str, day: dt.date, at: dt.datetime,
        write: Callable[[DayTotals], Sequence[RecordDraft]],
    ) -> DayTotals | None:  # fmt: skip
        """One transaction: count, and put what `write` makes of it on record. None, and nothing
        written, if the day was closed before."""
        ...


class Bureau(Protocol):
    """The finance bureau's inbox of one division, over mTLS."""

    async def deliver(self, delivery: Delivery) -> Cosigned:
        """Hand over records. A bureau that is behind or ahead answers with its own size.

        Raises BureauUnavailable.
        """
        ...

    async def notify(
        self, division: str, notices: Sequence[tuple[bytes, str]]
    ) -> list[str | BureauUnavailable]:
        """Hand over notices, each with its detached JWS; for each the receipt, not yet proven, or
        why it was not taken. Raises BureauUnavailable: nothing is known of any.
        """
        ...


class BureauWitness(Protocol):
    """Proves what was answered in the bureau's place (certs room), for one division."""

    def root_of(self, cosigned: Cosigned, at: dt.datetime) -> bytes:
        """The root that our key and the bureau's signed at that size. Raises BureauUnproven."""
        ...

    def check_receipt(self, division: str, notice: bytes, receipt: str, at: dt.datetime) -> None:
        """That the bureau signed for this very notice. Raises BureauUnproven."""
        ...


class OwnCheckpoints(Protocol):
    """Our own checkpoints, as the bureau can take them (certs room), for one division."""

    def counts(self, checkpoint: str, at: dt.datetime) -> bool:
        """Whether a key signed this checkpoint of ours that still counts. Raises BureauUnproven."""
        ...

    def signed_anew(self, checkpoint: str, root: bytes | None, at: dt.datetime) -> str:
        """The same text under the key in use, if it is of the tree with this root. Raises
        BureauUnproven; BureauUnavailable while our own key counts no more."""
        ...


class Webhook(Protocol):
    """Somebody else's address that takes signed messages (adapters room)."""

    async def send(self, url: str, body: bytes) -> None:
        """Raises Undelivered (forbidden: trying again changes nothing)."""
