"""What an accountant reads of a refusal: article, what is missing, what to do; never silence."""

from pathlib import Path

import attrs
import orjson
import pytest

from adapters.agency.heard import heard_in
from adapters.formats.iso20022.payments import IsoFormat
from adapters.formats.iso20022.reject import rejection
from adapters.formats.voucher.answer import problem_voucher
from adapters.formats.voucher.payments import VoucherFormat
from gateway.commands.submit import Sent, _send, _tell
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Action, Outcome
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from tests.adapters.formats.iso_samples import AT, an_instruction, written_one
from tests.adapters.formats.voucher_samples import INNER, answered, envelope, finding

FINDING = {
    "policy": "JL-020", "article": "10(3)11", "reason_zh": "收款账户是本单位的实有资金账户。",
    "remedy_zh": "请补齐材料后重报。", "missing": [{"kind": "approval", "zh": "归垫审核批准"}],
}  # fmt: skip


def told(status: int, body: bytes, format: str, capsys: pytest.CaptureFixture[str]) -> str:
    heard = heard_in(status, body, format)
    _tell([Sent(file="a", status=status, heard=heard, answer=body)], as_json=False)
    return capsys.readouterr().out


def test_of_a_refusal_article_reason_papers_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    body = orjson.dumps({"outcome": "blocked", "bank": None, "findings": [FINDING]})
    said = told(200, body, "json", capsys)
    for words in (
        "JL-020（第十条（三）11）收款账户",
        "缺少 missing: 归垫审核批准",
        "remedy: 请补齐",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("bank", "words"),
    [("rejected", "银行未支付（账户冻结）：改正后换新凭证号"), ("unknown", "绝不换号")],
)  # fmt: skip
def test_of_what_the_bank_did_not_pay_what_to_do(
    bank: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "账户冻结" if bank == "rejected" else None
    fields = {"outcome": "passed", "bank": bank, "bank_reason": why, "findings": []}
    assert words in told(200, orjson.dumps(fields), "json", capsys)


def test_of_an_envelope_that_is_none_every_error_and_the_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`submit` said `not_xml` and no more."""
    wrong = FieldError(field="MOF", code="x", zh="不成对 <b>", en="is not closed")
    fault = Unreadable(FaultCode.NOT_XML, "line 1", (wrong,))
    said = told(400, problem_voucher(fault, "urn:1"), "voucher", capsys)
    assert "not_xml" in said and "不成对 <b>" in said and "处理办法" in said


@pytest.mark.parametrize(
    ("bank", "why", "passed", "words"),
    [
        (BankOutcome.REJECTED, "账户&冻结", False, "银行未支付：改正后换新凭证号"),
        (BankOutcome.UNKNOWN, None, True, "绝不换号"),
    ],
)
def test_of_a_voucher_that_the_bank_did_not_pay_what_to_do(
    bank: BankOutcome, why: str | None, passed: bool, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was told as passed, and `submit` ended with 0, as if it were paid."""
    answer = answered(Outcome.PASS, bank, bank_reason=why)
    body = VoucherFormat().answer(envelope(), answer)
    said = told(200, body, "voucher", capsys)
    assert words in said and (why or "待查") in said
    sent = Sent(file="a", status=200, heard=heard_in(200, body, "voucher"), answer=body)
    assert sent.passed is passed


def test_of_a_voucher_each_policy_s_words_and_nothing_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A warning of what passed was said by nobody; a purpose that names a policy is none."""
    purpose = "<PaySummaryName>"
    assert purpose in INNER
    raw = envelope(INNER.replace(purpose, f"{purpose}JL-011"))
    why = finding("金额较大。")
    said = told(
        200, VoucherFormat().answer(raw, answered(Outcome.HOLD, None, why)), "voucher", capsys
    )
    assert "挂起 held JL-020\n" in said and "JL-020 金额较大。" in said
    warned = answered(Outcome.PASS, BankOutcome.ACCEPTED, attrs.evolve(why, action=Action.WARN))
    said = told(200, VoucherFormat().answer(raw, warned), "voucher", capsys)
    assert "passed，银行 bank: accepted JL-020\n" in said and "提示：JL-020 金额较大。" in said
    assert "SUCCESS" not in said


@pytest.mark.parametrize("bank", [BankOutcome.REJECTED, BankOutcome.UNKNOWN, BankOutcome.ACCEPTED])
def test_of_a_message_what_was_warned_of_whatever_the_bank_said(bank: BankOutcome) -> None:
    """Of what the bank refused, or has not answered, the report named the policy for nobody."""
    warned = attrs.evolve(finding("金额较大。"), action=Action.WARN)
    report = IsoFormat(lambda: AT).answer(
        written_one(an_instruction()), answered(Outcome.PASS, bank, warned)
    )
    heard = heard_in(200, report, "iso20022")
    assert (heard.outcome, heard.bank, heard.policies) == ("passed", bank, (warned.policy,))


def test_of_a_message_that_is_none_the_reason_comes_before_the_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And no address of ours stands between them."""
    fault = Unreadable(FaultCode.INSTRUCTION_CONFLICT, "of other content", ())
    said = told(409, rejection(fault, "M-1", AT), "iso20022", capsys)
    first, reason, mend = said.splitlines()
    assert "instruction_conflict" in first and "不同内容" in reason and "处理办法" in mend


def test_a_fault_without_errors_is_told_in_chinese_too(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {"code": "body_too_large", "title_zh": "报文过大", "detail": "at most 1 byte"}
    assert "报文过大 / at most 1 byte" in told(413, orjson.dumps(fields), "json", capsys)


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b" \n", "文件是空的"), (b'\xef\xbb\xbf{"a":1}', "以 BOM 开头"), (b"hello", "选错了文件")],
)
async def test_of_a_file_that_is_not_sent_why(raw: bytes, words: str) -> None:
    sent = await _send(None, Path("a").name, raw)  # type: ignore[arg-type]
    assert sent.status == 0 and words in sent.heard.reasons[0]
