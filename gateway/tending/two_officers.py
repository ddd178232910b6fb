"""Two officers decide about an unknown payment: one proposes and signs, another approves and signs.

Both signatures are over one canonical decision, which stands in the `bank_outcome` record field by
field beside them, so that an auditor can prove both persons (docs/decisions/0052).
"""

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import attrs
import orjson

from certs.signing.signer import Signer
from certs.trust import Trust
from gateway.configured.keys import revocations_of, trust_of
from gateway.domain.bank import BankOutcome
from gateway.domain.faults import Unproven
from gateway.domain.masking import without_numbers
from gateway.domain.records import canonical
from gateway.settings import Settings
from gateway.tending.unknowns import Decision, Refused, check_decision, read_key

KIND = "unknown_decision"
GOOD_FOR = dt.timedelta(hours=24)
"""How long a proposal waits for its approval."""


@attrs.frozen(kw_only=True)
class Proposal:
    """As it was read; its signature is proven only by `approved`."""

    body: bytes
    signature: str
    key_text: str
    outcome: BankOutcome
    reason: str
    reference: str | None
    proposer: str
    proposed_at: dt.datetime


def propose(
    file: Path, key_text: str, decision: Decision, officer: Signer, at: dt.datetime
) -> None:
    """Write a signed proposal. Raises Refused, FileExistsError, OSError."""
    reason = decision.reason.strip()
    _check(key_text, reason, decision.reference)
    body = _body(key_text, decision.outcome, reason, decision.reference, officer.uri,
                 at.isoformat(timespec="seconds"))  # fmt: skip
    sealed = {"decision": base64.b64encode(body).decode(), "signature": officer.document(body)}
    with file.open("xb") as out:
        out.write(orjson.dumps(sealed, option=orjson.OPT_INDENT_2) + b"\n")


def read_proposal(file: Path) -> Proposal:
    """Raises Refused, OSError."""
    try:
        sealed = orjson.loads(file.read_bytes())
        body = base64.b64decode(sealed["decision"], validate=True)
        fields = orjson.loads(body)
        read = Proposal(
            body=body, signature=str(sealed["signature"]), key_text=fields["instruction"],
            outcome=BankOutcome(fields["outcome"]), reason=fields["reason"],
            reference=fields["reference"], proposer=fields["proposer"],
            proposed_at=dt.datetime.fromisoformat(fields["proposed_at"]),
        )  # fmt: skip
        _check(read.key_text, read.reason, read.reference)
        again = _body(read.key_text, read.outcome, read.reason, read.reference, read.proposer,
                      read.proposed_at.isoformat(timespec="seconds"))  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise Refused(f"{file}: not a proposal: {wrong}") from wrong
    # The record holds these fields and no others: nobody could prove what was signed beside them.
    if again != body or read.proposed_at.tzinfo is None:
        raise Refused(f"{file}: not a proposal: another kind of document, or more than one says")
    return read


def _check(key_text: str, reason: str, reference: str | None) -> None:
    """What enters the log is what was signed: as long as it may be, and nothing masked in it."""
    read_key(key_text)
    check_decision(reason, reference)
    if without_numbers(reason) != reason:
        raise Refused("--reason: no account or id numbers, it stands in the log for ever")


def _body(
    key_text: str, outcome: BankOutcome, reason: str, reference: str | None, proposer: str,
    proposed_at: str,
) -> bytes:  # fmt: skip
    return canonical(
        {
            "instruction": key_text, "kind": KIND, "outcome": outcome, "proposed_at": proposed_at,
            "proposer": proposer, "reason": reason, "reference": reference,
        }
    )  # fmt: skip


async def approved(
    proposal: Proposal, officer: Signer, settings: Settings, database: str, at: dt.datetime
) -> tuple[Decision, dict[str, Any]]:
    """The decision and what the record says of the two. Raises Refused, LedgerUnavailable."""
    if not dt.timedelta(0) <= at - proposal.proposed_at < GOOD_FOR:
        raise Refused("the proposal is older than a day, or of a later clock: propose anew")
    signature = officer.document(proposal.body)
    trust = await _trust(settings, database, officer)
    signers = []
    for token in (proposal.signature, signature):
        try:
            signers.append(trust.verify_document(proposal.body, token, at))
        except Unproven as unproven:
            raise Refused(f"a signature is not proven: {unproven.detail}") from unproven
    strangers = [uri for uri in signers if uri not in settings.unknowns.officers]
    if strangers or signers[0] != proposal.proposer:
        raise Refused(f"not one of unknowns.officers: {', '.join(strangers) or signers[0]}")
    if signers[0] == signers[1]:
        raise Refused("proposer and approver are one person")
    decision = Decision(
        outcome=proposal.outcome, reason=proposal.reason, by="、".join(signers),
        reference=proposal.reference,
    )  # fmt: skip
    told = {
        "persons": [
            {"role": role, "signature": token, "uri": uri}
            for role, token, uri in zip(
                ("proposer", "approver"), (proposal.signature, signature), signers, strict=True
            )
        ],
        "proposed_at": proposal.proposed_at.isoformat(timespec="seconds"),
    }
    return decision, told


async def _trust(settings: Settings, database: str, officer: Signer) -> Trust:
    """The parties' certificates as they count now, revoked ones not."""
    return trust_of(settings, officer, await revocations_of(database))
