"""The answer to a JSON instruction: outcome, findings and receipt."""

from typing import Any

import orjson

from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Finding

_BANK_WORDS = {
    BankOutcome.ACCEPTED: "accepted",
    BankOutcome.REJECTED: "rejected",
    BankOutcome.NOT_TAKEN: "rejected",
    BankOutcome.UNKNOWN: "unknown",
}
_NEVER_TAKEN: dict[BankOutcome | None, str] = {
    BankOutcome.NOT_TAKEN: "银行未受理，未发生支付，请换号重报 (never taken; send it anew)"
}


def answer_json(answer: Answer) -> bytes:
    """`{instruction, outcome, bank, bank_reference, bank_reason, findings[], receipt}`.

    `instruction` is the identity as text (`division/year/type/number`); `bank` is null unless it
    was forwarded. `withheld`, only where it is not empty: ids of the details that are not paid and
    never will be by this instruction. `bank_reason` is the bank's own ground for a refusal
    (Art. 28(3)). Whether the answer is given again is not in it: a replay gets the same bytes.
    """
    withheld = answer.decision.withheld
    return orjson.dumps(
        {
            "instruction": str(answer.key),
            "outcome": answer.decision.outcome.value,
            "bank": _BANK_WORDS[answer.bank] if answer.bank else None,
            "bank_reference": answer.bank_reference,
            "bank_reason": answer.bank_reason or _NEVER_TAKEN.get(answer.bank),
            "findings": [finding_fields(finding) for finding in answer.decision.findings],
            "receipt": answer.receipt,
            **({"withheld": withheld} if withheld else {}),
        }
    )


def finding_fields(finding: Finding) -> dict[str, Any]:
    """One finding as `answer_json` and `explain` print it."""
    near = finding.exception
    return {
        "policy": finding.policy,
        "revision": finding.revision,
        "article": finding.article,
        "light": finding.light.value,
        "action": finding.action.value,
        "title_zh": finding.title_zh,
        "title_en": finding.title_en,
        "reason_zh": finding.reason_zh,
        "reason_en": finding.reason_en,
        "remedy_zh": finding.remedy_zh,
        "remedy_en": finding.remedy_en,
        "mender": finding.mender,
        "exception": near
        and {
            "id": near.id,
            "article": near.article,
            "title_zh": near.title_zh,
            "title_en": near.title_en,
        },
        "missing": [{"kind": m.kind, "zh": m.zh, "en": m.en} for m in finding.missing],
        "detail": finding.detail,
    }
