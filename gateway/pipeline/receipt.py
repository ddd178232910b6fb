"""Step 8, answer: what the sender is told, with a receipt that we signed and cannot deny."""

from gateway.domain.answer import Answer
from gateway.domain.decision import Decision, restored
from gateway.domain.ledger import Settled, Standing
from gateway.domain.records import canonical
from gateway.pipeline.tell import Judged, microseconds
from gateway.ports import Gatekeeper


def answer_now(judged: Judged, settled: Settled | None, gatekeeper: Gatekeeper) -> Answer:
    """The answer to an instruction decided in this very request; `settled` if it was forwarded."""
    bank = settled.bank if settled else None
    return Answer(
        key=judged.instruction.key,
        decision=judged.decision,
        bank=bank.outcome if bank else None,
        bank_reference=bank.reference if bank else None,
        bank_reason=bank.reason if bank else None,
        receipt=gatekeeper.sign_receipt(
            _receipt(judged.digest, str(judged.instruction.key), judged.decision,
                     microseconds(judged.at))
        ),
        settled_at=settled.at if settled else None,
        contradiction=settled.contradiction if settled else None,
    )  # fmt: skip


def answer_again(standing: Standing, gatekeeper: Gatekeeper) -> Answer:
    """The same answer as before to the same bytes; the bank's part may have become known since, and
    a hold may have ended: then the answer is what holds now."""
    stored, since = standing.decided_now
    decision, bank = restored(stored), standing.word
    return Answer(
        key=standing.key,
        decision=decision,
        bank=bank.outcome if bank else None,
        bank_reference=bank.reference if bank else None,
        bank_reason=bank.reason if bank else None,
        receipt=gatekeeper.sign_receipt(
            _receipt(standing.digest, str(standing.key), decision, microseconds(since))
        ),
        replayed=True,
        settled_at=None if standing.disputed else standing.settled_at,
    )  # fmt: skip


def _receipt(digest: bytes, instruction: str, decision: Decision, decided_at: int) -> bytes:
    return canonical(
        {
            "decided_at": decided_at,
            "digest": digest.hex(),
            "instruction": instruction,
            "kind": "intake_receipt",
            "outcome": decision.outcome,
        }
    )
