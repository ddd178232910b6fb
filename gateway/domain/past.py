"""The past as the ledger keeps it: what was decided, from which bytes, and what the bank did."""

import datetime as dt

import attrs

from gateway.domain.bank import BankOutcome
from gateway.domain.instruction import InstructionKey


@attrs.frozen(kw_only=True)
class Past:
    """One decided instruction with all that a replay starts from."""

    key: InstructionKey
    seq: int
    """Number of its verdict in the division's log: the order of decisions. -1: not sealed yet."""
    format: str
    raw: bytes
    decided_at: dt.datetime
    decision: bytes
    """As `gateway.domain.decision.stored` wrote it."""
    bank: BankOutcome | None
    """None: never forwarded, or not settled yet."""

    @property
    def taken(self) -> bool:
        """Whether it counts in windows: the bank neither refused nor missed it."""
        return self.bank not in (BankOutcome.REJECTED, BankOutcome.NOT_TAKEN)


@attrs.frozen(kw_only=True)
class Candidate:
    """A book on trial."""

    revision: str
    documents: bytes
    """Its policies, JSON {file name: text}."""
    by: str
    """Who started it."""


@attrs.frozen(kw_only=True)
class ShadowRun:
    """A candidate book beside the live one in one division."""

    division: str
    run: int
    candidate: str
    """The candidate book's revision."""
    documents: bytes
    """Its policies, JSON {file name: text}."""
    started_at: dt.datetime
    started_by: str
    from_seq: int
    read_seq: int
    """The number of the last record that was read."""
    compared: int
    stopped_at: dt.datetime | None = None
    trouble: str = ""
    """Why it is not going on; empty if it is."""


@attrs.frozen(kw_only=True)
class Flip:
    """One instruction that the candidate would have decided otherwise."""

    seq: int
    subject: str
    decided_at: dt.datetime
    agency: str
    amount_fen: int
    before: str
    after: str
    policies: tuple[str, ...]
    reason_zh: str
