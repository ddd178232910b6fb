"""The past as the ledger keeps it: what was decided, from which bytes, and what the bank did."""

import datetime as dt
from enum import StrEnum

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
    until_seq: int | None = None
    """Of a back-test: the last record that it compares. None: it goes on with what is sealed."""


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


class Wanted(StrEnum):
    """What the bureau may ask about policies."""

    BACKTEST = "backtest"
    SHADOW = "shadow"
    STOP = "stop"
    REPLAY = "replay"
    TRY = "try"


@attrs.frozen(kw_only=True)
class Question:
    """One question of the bureau about policies; its number is the bureau's."""

    division: str
    number: int
    digest: bytes
    """SHA-256 of the bytes in which it came."""
    what: Wanted
    by: str
    since: dt.datetime | None = None
    """Of a back-test or shadow: the first moment that it compares."""
    documents: bytes = b""
    """The candidate's policies, JSON {file name: text}."""
    subject: str = ""
    """Of a replay or a trial: `division/year/type/number`."""


@attrs.frozen(kw_only=True)
class Asked:
    """A question that is on record, and what came of it."""

    division: str
    number: int
    digest: bytes
    what: str
    run: int | None
    subject: str | None
    documents: bytes | None
    answer: bytes | None
