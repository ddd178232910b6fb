"""Step 5, admit: claim the identity, reserve, record decision and intent, in one commit (commit 1).

Only when this returns may anybody forward anything, and only who called it.
"""

from gateway.domain.decision import Outcome, stored
from gateway.domain.instruction import Received, paid_part
from gateway.domain.ledger import (
    Admission,
    Admitted,
    Demand,
    Moved,
    RecordDraft,
    Short,
    Standing,
)
from gateway.pipeline.tell import Judged
from gateway.ports import Ledger


async def admit(
    judged: Judged, demands: tuple[Demand, ...], received: Received, record: RecordDraft,
    notice: bytes | None, ledger: Ledger,
) -> Admitted | Standing | Short | Moved:  # fmt: skip
    """`demands`: what it reserves if it passes.

    Raises LedgerUnavailable; then it is not known whether the decision stands.
    """
    instruction = judged.instruction
    passes = judged.decision.outcome is Outcome.PASS
    return await ledger.admit(
        Admission(
            key=instruction.key,
            digest=judged.digest,
            party=judged.sender.uri,
            format=received.format,
            raw=received.raw,
            signature=received.signature,
            agency_code=instruction.agency_code,
            amount_fen=paid_part(instruction, judged.decision.withheld).amount_fen,
            outcome=judged.decision.outcome,
            decided_at=judged.at,
            decision=stored(judged.decision),
            demands=demands if passes else (),
            record=record,
            notice=notice,
            asks=judged.asks,
            shares=judged.shares,
        )
    )
