"""Step 7, settle: what the bank did posts or voids the reservation and is recorded (commit 2)."""

import datetime as dt

from gateway.domain.bank import BankOutcome
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Settlement
from gateway.pipeline.tell import Origin, bank_outcome
from gateway.ports import Ledger


async def settle(
    key: InstructionKey,
    outcome: BankOutcome,
    ledger: Ledger,
    origin: Origin,
    at: dt.datetime,
    evidence: dict[str, str | None],
) -> bool:
    """False if somebody settled it before us. `evidence` has `reference`, `reason`, `how`.

    UNKNOWN settles nothing: silence is never a result. Raises LedgerUnavailable.
    """
    assert outcome is not BankOutcome.UNKNOWN
    return await ledger.settle(
        Settlement(
            key=key,
            bank=outcome,
            bank_reference=evidence["reference"],
            bank_reason=evidence["reason"],
            settled_at=at,
            evidence=evidence["how"] or "",
            record=bank_outcome(key, origin, outcome, at, dict(evidence)),
        )
    )
