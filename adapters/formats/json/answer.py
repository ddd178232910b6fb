"""The answer to a JSON instruction: outcome, findings and receipt."""

from typing import Any

import orjson

from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Finding, finding_fields

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
            "findings": [finding_told(finding) for finding in answer.decision.findings],
            "receipt": answer.receipt,
            **({"withheld": withheld} if withheld else {}),
        }
    )


def finding_told(finding: Finding) -> dict[str, Any]:
    """One finding as `answer_json` and `explain` print it."""
    fields = finding_fields(finding)
    del fields["unavailable"]  # the facts that nobody could give: for the bureau's record
    return fields
