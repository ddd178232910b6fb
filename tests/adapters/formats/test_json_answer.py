"""The answer to a JSON instruction and the problem document hold what their readers switch on."""

import json

import attrs

from adapters.formats.json.instruction import JsonFormat
from adapters.formats.problem import TITLES, problem_json
from adapters.formats.remedies import REMEDIES
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Missing, NearException, Outcome
from gateway.domain.faults import FaultCode, FieldError, Unproven, Unreadable
from tests.adapters.formats.voucher_samples import answered, finding


def test_a_refusal_names_policy_article_exception_and_missing_papers() -> None:
    near = NearException(id="purchase", article="13(3)1", title_zh="购买服务", title_en="services")
    paper = Missing(kind="service_filing", zh="备案", en="filing")
    fired = attrs.evolve(finding("不得转入"), exception=near, missing=(paper,))
    told = json.loads(JsonFormat().answer(b"", answered(Outcome.BLOCK, None, fired)))
    assert told["instruction"] == "220000000/2026/8202/101001-1"
    assert (told["outcome"], told["bank"], told["receipt"]) == ("blocked", None, "a.b.c")
    (said,) = told["findings"]
    assert set(said) == {
        "policy", "revision", "article", "light", "action", "title_zh", "title_en", "reason_zh",
        "reason_en", "remedy_zh", "remedy_en", "mender", "exception", "missing", "detail",
    }  # fmt: skip
    assert said["exception"]["article"] == "13(3)1"
    assert said["missing"] == [{"kind": "service_filing", "zh": "备案", "en": "filing"}]


def test_a_passed_instruction_says_what_the_bank_did() -> None:
    words = {BankOutcome.NOT_TAKEN: "rejected"}
    for outcome in BankOutcome:
        answer = answered(Outcome.PASS, outcome, bank_reason="因")
        told = json.loads(JsonFormat().answer(b"", answer))
        word = words.get(outcome, outcome.value)
        assert (told["bank"], told["bank_reason"], told["findings"]) == (word, "因", [])


def test_what_the_bank_never_took_is_told_as_rejected_with_the_reason() -> None:
    answer = answered(Outcome.PASS, BankOutcome.NOT_TAKEN, bank_reason=None)
    told = json.loads(JsonFormat().answer(b"", answer))
    assert told["bank"] == "rejected"
    assert "未受理" in told["bank_reason"]


def test_a_problem_document_follows_rfc_9457_and_lists_every_error() -> None:
    fault = Unreadable(
        FaultCode.INSTRUCTION_INVALID, "why", (FieldError(field="a.b", code="c", zh="中", en="e"),)
    )
    told = json.loads(JsonFormat().problem(fault, "/v1/instructions"))
    assert {"type", "title", "status", "detail", "instance"} <= set(told)
    assert (told["status"], told["code"], told["instance"]) == (
        400, "instruction_invalid", "/v1/instructions",
    )  # fmt: skip
    assert told["errors"] == [{"field": "a.b", "code": "c", "zh": "中", "en": "e"}]
    assert "改正" in told["remedy_zh"] and "corrected" in told["remedy_en"]


def test_every_fault_has_a_title_and_a_remedy_in_both_languages() -> None:
    assert set(TITLES) == set(REMEDIES) == set(FaultCode)
    assert all(zh and en for zh, en in REMEDIES.values())
    assert all(zh and en for zh, en in TITLES.values())


def test_a_problem_that_quotes_half_of_a_character_is_told_all_the_same() -> None:
    told = json.loads(problem_json(Unproven(FaultCode.SIGNATURE_INVALID, "no \ud800 here"), "/"))
    assert told["detail"] == "no ? here"
