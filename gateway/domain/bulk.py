"""A message of many payments: each its own instruction, kept and forwarded as a part of the whole.

The message is what was signed: it is kept once, byte for byte, under its digest. A part names the
message and its own place in it, and repeats the message's bytes that concern it (decision 0032).
"""

import datetime as dt

import attrs

from gateway.domain.faults import Fault
from gateway.domain.instruction import Instruction

MESSAGE_BYTES_MAX = 48 << 20
"""More than 10,000 payments of 3 KiB each."""


@attrs.frozen(kw_only=True)
class BulkPart:
    """One payment as it was cut; either an instruction, or why it is none."""

    raw: bytes
    instruction: Instruction | None
    fault: Fault | None
    names: tuple[str, str, str, str]
    """PmtInfId (empty in a pacs.008), InstrId, EndToEndId, TxId: how the sender calls it."""


@attrs.frozen(kw_only=True)
class KeptMessage:
    """The whole message as received: who signed which bytes."""

    division: str
    """The sender's."""
    digest: bytes
    """SHA-256 of `raw`."""
    party: str
    signature: str
    raw: bytes
    payments: int
    at: dt.datetime
