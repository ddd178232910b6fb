"""What a party may read of one instruction: the decision, the bank's part, and the proofs."""

import base64
from typing import Any

import attrs
import msgspec
import orjson

from gateway.domain.decision import Outcome, restored
from gateway.domain.ledger import Standing
from gateway.domain.log import LogEvidence, SealedRecord
from gateway.domain.parties import Role, Sender
from gateway.pipeline.tell import microseconds


def evidence_of(standing: Standing, evidence: list[LogEvidence]) -> dict[str, Any]:
    """The body of `GET /v1/instructions/...`; `evidence` feeds `treasury-gateway verify record`.
    `withheld`, only where it is not empty, as in the answer: details that are not paid."""
    decision, bank = restored(standing.decision), standing.word
    settled_at = None if standing.disputed else standing.settled_at
    return {
        "bank": bank.outcome if bank else None,
        "bank_reason": bank.reason if bank else None,
        "bank_reference": bank.reference if bank else None,
        "book": decision.book_revision,
        "decided_at": microseconds(standing.decided_at),
        "digest": standing.digest.hex(),
        "evidence": [proof_fields(item) for item in evidence],
        "findings": [attrs.asdict(finding) for finding in decision.findings],
        "hold": _hold(standing),
        "instruction": msgspec.structs.asdict(standing.key),
        "outcome": decision.outcome,
        "settled_at": microseconds(settled_at) if settled_at else None,
        **({"withheld": decision.withheld} if decision.withheld else {}),
    }


def may_see(reader: Sender, record: SealedRecord) -> bool:
    """A number is the division's: another agency may have tried it. That is not this one's to read,
    while channel, bureau and gateway see all that is about an identity they may read."""
    if reader.role is not Role.AGENCY:
        return True
    agency = orjson.loads(record.body).get("agency")
    return agency is None or agency["code"] == reader.name


def _hold(standing: Standing) -> dict[str, Any] | None:
    """How a hold stands: `held`, or how and when it ended; None for what was never held. Beside it
    `outcome` and `findings` stay those of the day it was decided on."""
    if standing.outcome is not Outcome.HOLD:
        return None
    ended = standing.ended_at
    return {
        "ended_at": microseconds(ended) if ended else None,
        "state": standing.ended_how or "held",
    }


def proof_fields(item: LogEvidence) -> dict[str, Any]:
    """One record with what proves it; `gateway/verifying/auditor.py` reads it."""
    return {
        "checkpoint": item.checkpoint,
        "path": [base64.b64encode(node).decode() for node in item.path],
        "record": base64.b64encode(item.record.body).decode(),
        "seq": item.record.seq,
        "tree_size": item.tree_size,
    }
