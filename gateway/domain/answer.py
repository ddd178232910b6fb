"""What the sender is told: the same content for every format, each in its own words."""

import datetime as dt

import msgspec

from gateway.domain.bank import BankOutcome, Contradiction
from gateway.domain.decision import Decision
from gateway.domain.instruction import InstructionKey


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    key: InstructionKey
    decision: Decision
    bank: BankOutcome | None
    """None when the instruction was not forwarded (held, blocked)."""
    bank_reference: str | None
    bank_reason: str | None
    receipt: str
    """Compact JWS by the gateway's record key over identity, digest, outcome and time."""
    replayed: bool = False
    settled_at: dt.datetime | None = None
    """When the bank's outcome was recorded; None while it is open or was never asked."""
    contradiction: Contradiction | None = None
    """For operators, not for the sender."""
