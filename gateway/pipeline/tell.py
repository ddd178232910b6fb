"""What must be told: the monitoring record of every decision, and the interception notice.

Every element of Art. 9 that the instruction, the registers or the bank know has its field here.
Values of persons enter as commitments; their openings travel beside the record.
"""

import datetime as dt
import hashlib
from typing import Any

import attrs
import msgspec

from gateway.domain.bank import ENDED, BankOutcome
from gateway.domain.codes import PayeeKind
from gateway.domain.commitment import Commitment
from gateway.domain.decision import Decision, Finding, Outcome, finding_fields
from gateway.domain.instruction import Instruction, InstructionKey, Payee
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.masking import masked, without_numbers
from gateway.domain.parties import Parties, Sender
from gateway.domain.records import RecordKind, canonical, unnumbered
from gateway.domain.windows import WindowAsk, WindowShare
from gateway.ports import Committer


@attrs.frozen(kw_only=True)
class Origin:
    """Who writes the record: the agent bank's gateway."""

    bank: str
    uri: str

    @property
    def trust_domain(self) -> str:
        """The one of which every party at the door must be."""
        return self.uri.split("/", 3)[2]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One judged instruction, with all that its record and notice are written from."""

    instruction: Instruction
    parties: Parties
    sender: Sender
    decision: Decision
    digest: bytes
    format: str
    at: dt.datetime
    asks: tuple[WindowAsk, ...] = ()
    shares: tuple[WindowShare, ...] = ()


def microseconds(moment: dt.datetime) -> int:
    """UTC microseconds since 1970: an integer, as canonical records want it."""
    return int(moment.timestamp() * 1_000_000)


def verdict(
    judged: Judged, origin: Origin, committer: Committer, notice: bytes | None
) -> RecordDraft:
    """The one record of a decision (Art. 9, 28(4))."""
    instruction = judged.instruction
    subject = str(instruction.key)
    openings: list[Commitment] = []

    def told(payee: Payee, path: str) -> dict[str, Any]:
        if not _is_person(payee, judged.parties):
            return _open_payee(payee)
        return _hidden_payee(payee, subject, path, committer, openings)

    fields = _elements(instruction, judged.parties) | {
        # Filled in with `seq`: whoever holds one agency's records sees whether one is missing.
        "agency_no": None,
        "bank": origin.bank,
        "book": judged.decision.book_revision,
        "digest": judged.digest.hex(),
        "findings": [brief(finding) for finding in judged.decision.findings],
        "format": judged.format,
        "kind": RecordKind.VERDICT,
        "notice_sha256": None if notice is None else _sha256(notice),
        "origin": origin.uri,
        "outcome": judged.decision.outcome,
        "payee": told(instruction.payee, "payee"),
        "recorded_at": microseconds(judged.at),
        "registers": judged.decision.registers_version,
        "sender": judged.sender.uri,
        "details": [
            {
                "amount_fen": detail.amount_fen,
                "id": detail.id,
                "payee": told(detail.payee, f"details.{detail.id}"),
                "purpose": detail.purpose,
            }
            for detail in instruction.details
        ],
    }
    if judged.decision.withheld:
        fields["withheld"] = list(judged.decision.withheld)
    return RecordDraft(
        kind=RecordKind.VERDICT,
        subject=subject,
        body=unnumbered(fields),
        disclosures=canonical({o.field: [o.salt, o.value] for o in openings}) if openings else None,
    )


def bank_outcome(
    key: InstructionKey, origin: Origin, bank: BankOutcome, at: dt.datetime, facts: dict[str, Any]
) -> RecordDraft:
    """What the bank did with a passed instruction; `facts`: reference, reason, evidence."""
    return RecordDraft(
        kind=RecordKind.BANK_OUTCOME,
        subject=str(key),
        body=unnumbered(
            {
                **_identity(key),
                **_free_of_numbers(facts),
                "bank": origin.bank,
                "bank_outcome": bank,
                "kind": RecordKind.BANK_OUTCOME,
                "origin": origin.uri,
                "recorded_at": microseconds(at),
            }
        ),
    )


def correction(
    standing: Standing, origin: Origin, at: dt.datetime, facts: dict[str, Any], said: BankOutcome
) -> RecordDraft:
    """Settled in one way and then answered in another: both words, and whence the later one is."""
    return RecordDraft(
        kind=RecordKind.CORRECTION,
        subject=str(standing.key),
        body=unnumbered(
            {
                **_identity(standing.key),
                **_free_of_numbers(facts),
                "bank": origin.bank,
                "held": standing.bank,
                "kind": RecordKind.CORRECTION,
                "origin": origin.uri,
                "recorded_at": microseconds(at),
                "said": said,
                "what": "contradiction",
            }
        ),
    )


def contradiction_ended(
    key: InstructionKey, origin: Origin, at: dt.datetime, facts: dict[str, Any],
    words: tuple[BankOutcome, BankOutcome],
) -> RecordDraft:  # fmt: skip
    """A further `correction`: whence we know, how it was settled (`held`), what holds (`said`)."""
    return RecordDraft(
        kind=RecordKind.CORRECTION,
        subject=str(key),
        body=unnumbered(
            {
                **_identity(key),
                **_free_of_numbers(facts),
                "bank": origin.bank,
                "held": words[0],
                "kind": RecordKind.CORRECTION,
                "origin": origin.uri,
                "recorded_at": microseconds(at),
                "said": words[1],
                "what": ENDED,
            }
        ),
    )


def conflict(judged: Judged, origin: Origin, first_digest: bytes) -> RecordDraft:
    """The identity was used again with other content: tampering or a numbering error (JL-002)."""
    return RecordDraft(
        kind=RecordKind.CONFLICT,
        subject=str(judged.instruction.key),
        body=unnumbered(
            {
                **_identity(judged.instruction.key),
                "agency": _agency(judged.instruction),
                "amount_fen": judged.instruction.amount_fen,
                "article": "第十条（四）2-3",
                "bank": origin.bank,
                "digest": judged.digest.hex(),
                "first_digest": first_digest.hex(),
                "kind": RecordKind.CONFLICT,
                "origin": origin.uri,
                "policy": "JL-002",
                "recorded_at": microseconds(judged.at),
                "sender": judged.sender.uri,
            }
        ),
    )


def interception_notice(
    judged: Judged, origin: Origin, hold_life: dt.timedelta | None = None
) -> bytes | None:
    """What the bureau learns at once of a held or refused instruction, or of details withheld from
    one that passed (Art. 28(3)); None of a pass. `hold_life`: how long a hold waits for it."""
    withheld = judged.decision.withheld
    if judged.decision.outcome is Outcome.PASS and not withheld:
        return None
    instruction = judged.instruction
    return canonical(
        {
            **_identity(instruction.key),
            "agency": _agency(instruction),
            "amount_fen": instruction.amount_fen,
            "bank": origin.bank,
            "decided_at": microseconds(judged.at),
            "findings": [finding_fields(finding) for finding in judged.decision.findings],
            **_held_until(judged, hold_life),
            "instruction": {
                "fiscal_year": instruction.key.fiscal_year,
                "voucher_no": instruction.key.voucher_no,
                "voucher_type": instruction.key.voucher_type,
            },
            "kind": "interception",
            "outcome": judged.decision.outcome,
            "payee": {
                "account_masked": masked(instruction.payee.account),
                "name": _shown_name(instruction.payee, judged.parties),
            },
            "purpose": instruction.purpose,
            **({"withheld": list(withheld)} if withheld else {}),
        }
    )


def _held_until(judged: Judged, life: dt.timedelta | None) -> dict[str, int]:
    """When the hold ends by itself, as the gateway's settings are now (decision 0121)."""
    if life is None or judged.decision.outcome is not Outcome.HOLD:
        return {}
    return {"held_until": microseconds(judged.at + life)}


def brief(finding: Finding) -> dict[str, Any]:
    """A finding as a record carries it: the law's coordinates and the Chinese reason."""
    return {
        "action": finding.action,
        "article": finding.article,
        "detail": finding.detail,
        "exception": finding.exception.id if finding.exception else None,
        "light": finding.light,
        "missing": [paper.kind for paper in finding.missing],
        "policy": finding.policy,
        "reason_zh": finding.reason_zh,
        "revision": finding.revision,
        "title_zh": finding.title_zh,
        "unavailable": list(finding.unavailable),
    }


def _elements(instruction: Instruction, parties: Parties) -> dict[str, Any]:
    payer, indicator = parties.payer_account, parties.indicator
    return {
        **_identity(instruction.key),
        "agency": _agency(instruction),
        "amount_fen": instruction.amount_fen,
        "approvals": list(instruction.approvals),
        "business_type": instruction.business_type,
        "cash_reason": instruction.cash_reason,
        "contract_no": instruction.contract_no,
        "dept_economic_code": instruction.dept_economic_code,
        "documents": [
            {"kind": document.kind, "number": document.number, "sha256": document.sha256}
            for document in instruction.documents
        ],
        "exemption": instruction.exemption,
        "functional_code": instruction.functional_code,
        "fund_code": instruction.fund_code,
        "gov_economic_code": instruction.gov_economic_code,
        "indicator": instruction.indicator_id,
        "indicator_granted_fen": indicator.granted_fen if indicator else None,
        "payer": {
            "account": payer.account if payer else instruction.payer.account,
            "bank_code": instruction.payer.bank_code,
            "class": payer.class_ if payer else None,
            "name": instruction.payer.name,
        },
        "payee_relation": parties.relation,
        "payment_method": instruction.payment_method,
        "project_code": instruction.project_code,
        "purpose": instruction.purpose,
        "settlement": instruction.settlement,
        "voucher_date": instruction.voucher_date.isoformat(),
    }


def _identity(key: InstructionKey) -> dict[str, Any]:
    return {
        "division": key.division,
        "fiscal_year": key.fiscal_year,
        "voucher_no": key.voucher_no,
        "voucher_type": key.voucher_type,
    }


def _agency(instruction: Instruction) -> dict[str, str]:
    return {"code": instruction.agency_code, "name": instruction.agency_name}


def _is_person(payee: Payee, parties: Parties) -> bool:
    """What the sender declares hides a person, and never uncovers one that the registers know."""
    return payee.kind is PayeeKind.PERSON or payee.account in parties.personal


def _open_payee(payee: Payee) -> dict[str, Any]:
    """An organisation's account stands open. `kind` is as the sender declared it."""
    return {
        "account": payee.account,
        "bank_code": payee.bank_code,
        "bank_name": payee.bank_name,
        "kind": payee.kind,
        "name": payee.name,
    }


def _hidden_payee(
    payee: Payee, subject: str, path: str, committer: Committer, openings: list[Commitment]
) -> dict[str, Any]:
    """A person's values stand as commitments."""
    fields: dict[str, Any] = {
        "bank_code": payee.bank_code,
        "bank_name": payee.bank_name,
        "kind": payee.kind,
    }
    values = {"account": payee.account, "name": payee.name}
    if payee.person:
        values |= {
            "employer": payee.person.employer,
            "id_number": payee.person.id_number,
            "position": payee.person.position,
            "title": payee.person.title,
        }
    for name, value in values.items():
        commitment = committer.commit(subject, f"{path}.{name}", value)
        openings.append(commitment)
        fields[f"{name}_commitment"] = commitment.digest
    return fields


def _shown_name(payee: Payee, parties: Parties) -> str:
    """A person's name is shown by its first character only, the family name."""
    return f"{payee.name[:1]}某" if _is_person(payee, parties) else payee.name


def _free_of_numbers(facts: dict[str, Any]) -> dict[str, Any]:
    """A reason is free text: banks write the account or the id in it that they refuse."""
    reason = facts.get("reason")
    return facts | {"reason": without_numbers(reason)} if reason else facts


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
