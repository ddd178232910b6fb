"""Words of the recount: one payment's rows as the database keeps them, and what differs from what
the records say."""

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

import attrs

from gateway.domain.instruction import InstructionKey

Line: TypeAlias = tuple[str, str]
"""Of a limit: kind and id."""
Spoken: TypeAlias = Mapping[Line, int]
"""Fen on each limit; no line of nothing."""
Told: TypeAlias = str | int | None


class What(StrEnum):
    """Which kind of row differs."""

    LIMIT = "limit"
    WINDOW = "window"
    INSTRUCTION = "instruction"
    OPEN_PAYMENT = "open_payment"
    HOLD_END = "hold_end"
    SETTLEMENT = "settlement"
    REFUND = "refund"
    SET_ASIDE = "set_aside"
    NOTICE = "notice"
    ALERT = "conduct_alert"
    REGISTER = "register_row"
    RECORD = "record"
    LOG = "log"


@attrs.frozen(kw_only=True)
class Difference:
    """One value that is stored otherwise than it comes to; None: there is no such row."""

    division: str
    what: What
    subject: str
    """A limit's kind and id, a payment's key, a record's number."""
    column: str
    stored: Told
    recounted: Told
    """Fen wherever both are numbers."""


def spoken(parts: Iterable[tuple[Line, int]]) -> dict[Line, int]:
    """Added up by line."""
    found: dict[Line, int] = {}
    for line, fen in parts:
        found[line] = found.get(line, 0) + fen
    return {line: fen for line, fen in found.items() if fen}


@attrs.frozen(kw_only=True)
class KeptLine:
    line: Line
    granted_fen: int
    frozen_fen: int
    opening_fen: int
    reserved_fen: int
    posted_fen: int
    ceiling_fen: int


@attrs.frozen(kw_only=True)
class KeptEnd:
    """How a hold ended, as `hold_end` has it."""

    how: str
    at: dt.datetime
    decision: bytes
    demands: Spoken
    order: bytes | None = None
    """Digest of the bureau's order by which it ended."""


@attrs.frozen(kw_only=True)
class KeptAlert:
    """An alert on the bank, raised once a subject: who writes its row has it raised never."""

    policy: str
    subject: str
    digest: bytes
    """SHA-256 of all that it says."""


@attrs.frozen(kw_only=True)
class KeptOpen:
    amount_fen: int
    at: dt.datetime
    """From then on its horizon counts: who sets it back has it given up too soon."""
    demands: Spoken


@attrs.frozen(kw_only=True)
class KeptWord:
    """How it was settled, as whoever asks is told."""

    at: dt.datetime
    reference: str | None
    reason: str | None
    how: str


@attrs.frozen(kw_only=True)
class KeptRefund:
    amount_fen: int
    back: Spoken


@attrs.frozen(kw_only=True)
class KeptAside:
    state: str
    """`open`, `posted` or `given_back`."""
    demands: Spoken


@attrs.frozen(kw_only=True, order=True)
class Entry:
    """One row of a window."""

    window: str
    key: str
    day: dt.date
    value: int
    item: str


@attrs.define(kw_only=True)
class Kept:
    """Every row of one payment."""

    key: InstructionKey
    amount_fen: int
    decided_at: dt.datetime
    outcome: str
    agency_code: str
    party: str
    """Who signed it."""
    format: str
    digest: bytes
    raw: bytes | None
    """None: sealed with another key, or altered."""
    decision: bytes
    demands: Spoken
    ended: KeptEnd | None = None
    bank: str | None = None
    """As it was settled; None if it was not."""
    word: KeptWord | None = None
    open: KeptOpen | None = None
    refunds: dict[str, KeptRefund] = attrs.field(factory=dict)
    """By the refund's own key."""
    asides: list[KeptAside] = attrs.field(factory=list)
    """In their turns."""
    entries: list[Entry] = attrs.field(factory=list)

    def counts(self) -> dict[What, int]:
        """How many rows these are."""
        return {
            What.INSTRUCTION: 1, What.HOLD_END: int(self.ended is not None),
            What.SETTLEMENT: int(self.bank is not None),
            What.OPEN_PAYMENT: int(self.open is not None), What.REFUND: len(self.refunds),
            What.SET_ASIDE: len(self.asides), What.WINDOW: len(self.entries),
        }  # fmt: skip


@attrs.frozen(kw_only=True)
class Record:
    """A record of the log, or one that waits for its number."""

    kind: str
    subject: str
    body: bytes | None
    """None: its body is gone."""
    seq: int | None = None
    leaf: bytes = b""
    disclosures: bytes | None = None
    """What opens its commitments; not read where nobody asks."""
