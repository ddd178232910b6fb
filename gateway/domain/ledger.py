"""What the line hands to the ledger, and what the ledger answers: commits 1 and 2 in words."""

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum

import attrs
import msgspec
import orjson

from gateway.domain.bank import (
    BankAnswer,
    BankOutcome,
    Contradiction,
    contradiction_in,
    disputed_word,
)
from gateway.domain.decision import Outcome
from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen
from gateway.domain.windows import WindowAsk, WindowKey, WindowShare


class LimitKind(StrEnum):
    """What an amount can be reserved on. Granted, reserved and posted are kept per line."""

    INDICATOR = "indicator"
    """预算指标, by its id."""
    PLAN = "plan"
    """用款计划 of an indicator, all its months together, by the indicator's id; 额度 of one payment
    method by `<id>/<method>`."""
    CONTRACT = "contract"
    """By contract number."""
    APPROVAL = "approval"
    """By approval number."""
    THREE_PUBLIC = "three_public"
    """三公经费 of one agency, year and category: `agency/year/category`."""


class LimitKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    kind: LimitKind
    id: str


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """So much is to be reserved on this limit; all demands of an instruction or none."""

    limit: LimitKey
    amount_fen: Fen
    cap_fen: int | None = None
    """What opening, reserved and posted may come to by this demand, where that is less than the
    grant allows: the plan up to this month."""


@attrs.frozen(kw_only=True)
class Limit:
    """State of one limit: reserved + posted + opening + frozen <= granted, at all times.

    `opening_fen` was spent before this ledger began (the register's own count).
    """

    key: LimitKey
    granted_fen: int
    frozen_fen: int
    opening_fen: int
    reserved_fen: int
    posted_fen: int

    @property
    def available_fen(self) -> int:
        spoken_for = self.frozen_fen + self.opening_fen + self.reserved_fen + self.posted_fen
        return self.granted_fen - spoken_for

    @property
    def overdrawn(self) -> bool:
        """More than was ever granted, or something reserved on what is frozen now; what was spent
        before a freeze is no overdraft."""
        beyond_grant = self.available_fen + self.frozen_fen < 0
        return beyond_grant or (self.reserved_fen > 0 and self.available_fen < 0)


class RecordDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A monitoring record before it has its number: canonical JSON with `"seq":null`."""

    kind: str
    subject: str
    """The instruction's key as text, or what else the record is about."""
    body: bytes
    disclosures: bytes | None = None
    """Personal values and salts behind the body's commitments; travels beside, is never hashed."""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """Commit 1: claim the identity, reserve, record the decision and, for a pass, the intent."""

    key: InstructionKey
    digest: bytes
    """SHA-256 of the received bytes: tells a replay from a conflict."""
    party: str
    format: str
    raw: bytes
    signature: str
    agency_code: str
    amount_fen: Fen
    outcome: Outcome
    decided_at: dt.datetime
    decision: bytes
    """Canonical JSON of the decision, from which the answer is given again."""
    demands: tuple[Demand, ...]
    """Empty unless the outcome is PASS."""
    asks: tuple[WindowAsk, ...] = ()
    """What the decision believed of the days before; proven in commit 1."""
    shares: tuple[WindowShare, ...] = ()
    """What it adds to windows; taken back in commit 2 if the payment did not take effect."""
    record: RecordDraft
    notice: bytes | None
    """Interception notice to the bureau (Art. 28(3)); None for a pass."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """Durable. If the outcome is PASS, this process and no other may now send it, once."""


class Short(msgspec.Struct, frozen=True, kw_only=True):
    """A limit did not suffice; nothing was written."""

    demand: Demand
    available_fen: int
    """What was left for this demand: of the limit, or under the demand's cap if that is less."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The decision rests on values of windows that are not true any more; nothing was written."""

    values: Mapping[WindowKey, int]
    """The true ones, as they will be once those have come again that moved before it in its batch:
    so many who ask one window at once all get in, and not one in each round. Only a belief; it is
    proven when it comes back. By whole key: details of one instruction may ask one window of many
    keys."""


@attrs.frozen(kw_only=True)
class Standing:
    """All that is known of an instruction that the ledger holds."""

    key: InstructionKey
    digest: bytes
    party: str
    format: str
    raw: bytes
    signature: str
    agency_code: str
    outcome: Outcome
    decided_at: dt.datetime
    decision: bytes
    bank: BankOutcome | None
    """None if never forwarded; UNKNOWN while open. Paid where a contradiction ended so, with the
    books' reference and the time of that."""
    bank_reference: str | None
    bank_reason: str | None
    settled_at: dt.datetime | None
    overruled: BankOutcome | None = None
    """The word that it was settled with, where officers found it paid all the same: whoever has
    that word in hand has it from before."""
    correction: bytes = b""
    """The first `correction` record that contradicts how it was settled, and that none ended; empty
    if none does."""
    ended_at: dt.datetime | None = None
    """When its hold ended; None for one that was not held, or still is."""
    ended_how: str = ""
    """A `HoldEnding`, or empty."""
    ended_decision: bytes = b""

    @property
    def disputed(self) -> bool:
        """Whether a `correction` record contradicts how it was settled."""
        return self.correction != b""

    @property
    def held(self) -> bool:
        """Whether it waits for the bureau's release or refusal."""
        return self.outcome is Outcome.HOLD and self.ended_at is None

    @property
    def forwarded(self) -> bool:
        """Whether it passed, at once or by the bureau's release."""
        return self.outcome is Outcome.PASS or self.ended_how == "released"

    @property
    def decided_now(self) -> tuple[bytes, dt.datetime]:
        """The decision that holds now, and since when: of the end of its hold, if that ended."""
        if self.ended_at is None:
            return self.decision, self.decided_at
        return self.ended_decision, self.ended_at

    @property
    def word(self) -> BankAnswer | None:
        """The bank's word as far as anybody may rely on it; None if it was never forwarded."""
        if self.disputed:
            return disputed_word(orjson.loads(self.correction))
        if self.bank is None:
            return None
        return BankAnswer(outcome=self.bank, reference=self.bank_reference, reason=self.bank_reason)


def correction_standing(bodies: Sequence[bytes]) -> bytes:
    """Of all `correction` records of one payment, oldest first, the one that stands; empty if none
    does."""
    fields = [orjson.loads(body) for body in bodies]
    stands = contradiction_in(fields)
    return next((body for body, each in zip(bodies, fields, strict=True) if each is stands), b"")


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Commit 2: what the bank did, and so post (accepted) or void (otherwise) the reservation."""

    key: InstructionKey
    bank: BankOutcome
    """ACCEPTED, REJECTED or NOT_TAKEN; UNKNOWN settles nothing and never comes here."""
    bank_reference: str | None
    bank_reason: str | None
    settled_at: dt.datetime
    evidence: str
    """How we know: `answer`, `enquiry`, `horizon`, `operator`."""
    record: RecordDraft


class WordTaken(StrEnum):
    """What became of a word of the bank's against how a payment counts (decision 0104)."""

    RECORDED = "recorded"
    STANDS = "stands"
    """It is on record, but for its time, and nobody has ended it: its writer did not hear so."""
    OVERRULED = "overruled"
    """Officers have ended this word, and it answers a question from before: it says nothing new."""
    MOVED = "moved"
    """The payment counts otherwise by now than the record says."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What holds of a payment after its bank has spoken, whoever wrote it down."""

    bank: BankAnswer
    at: dt.datetime | None = None
    """When it was settled; None while it is open, disputed, or could not be written."""
    contradiction: Contradiction | None = None


@attrs.frozen(kw_only=True)
class OpenPayment:
    """A passed instruction whose outcome at the bank is not known yet."""

    key: InstructionKey
    agency_code: str
    amount_fen: Fen
    opened_at: dt.datetime
    instance: str
    """The process that alone may have sent it."""
    enquiries: int
    first_not_found_at: dt.datetime | None
    operator_task: bool
    asked_at: dt.datetime | None = None
    """When the bank was last asked about it; None: never yet."""
    ask_after: dt.datetime | None = None
    """Of an operator's task: not asked about again before that; None: at once."""
    contradicted: bool = False
    """Settled, and contradicted by the bank's books (what it reserved is set aside) or its word."""
    held: str | None = None
    """As what it counts, where it is contradicted."""
    said: str | None = None
    ended_at: dt.datetime | None = None
    """When the contradiction ended, and"""
    ended_as: str | None = None
