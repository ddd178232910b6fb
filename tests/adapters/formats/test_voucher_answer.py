"""The answer to a voucher is the sender's own envelope, with the bank's part filled in."""

import base64
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.formats.voucher.answer import cut_gbk
from adapters.formats.voucher.envelope import opened
from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from tests.adapters.formats.voucher_samples import DETAIL, INNER, answered, envelope, finding
from tests.examples import examples

FORMAT = VoucherFormat()
ACCEPTED = answered(Outcome.PASS, BankOutcome.ACCEPTED)


def returned(answer: Answer, raw: bytes | None = None) -> tuple[etree._Element, etree._Element]:
    """Envelope and voucher of an answer, read as the finance bureau's system would."""
    reply = FORMAT.answer(raw or envelope(), answer)
    root = etree.fromstring(reply)
    encoded = root.findtext("VoucherBody/Voucher")
    assert encoded is not None
    return root, etree.fromstring(base64.b64decode(encoded))


def test_an_accepted_payment_comes_back_with_the_bank_s_part_filled() -> None:
    root, voucher = returned(ACCEPTED)
    assert root.findtext("VoucherBody/VoucherFlag") == "1"
    assert root.findtext("VoucherBody/Attach") == "SUCCESS"
    for part in (voucher, voucher.find("DetailList/Detail")):
        assert part is not None
        assert part.findtext("XPayDate") == "20261124"  # 01:30 in Shanghai
        assert part.findtext("XAgentBusinessNo") == "B<&>20261123"
        assert part.findtext("XPayAmt") == "3560.00"
        assert part.findtext("XPayeeAcctNo") == "4200223009200012345"
        assert part.findtext("XPayeeAcctName") == "长春示例公司"
        assert len(part.findall("XPayAmt")) == 1
    assert voucher.findtext("DetailList/Detail/XAddWord") == ""


def test_nothing_but_the_bank_s_part_is_changed_by_a_byte() -> None:
    raw = envelope()
    reply = FORMAT.answer(raw, ACCEPTED)
    blank = re.compile(r"<X\w+>[^<]*</X\w+>|<X\w+/>")
    before, after = (
        opened(e.replace(b">1</VoucherFlag", b">0</VoucherFlag")) for e in (raw, reply)
    )
    assert blank.sub("", after[0].voucher) == blank.sub("", before[0].voucher)
    outer = re.compile(rb"<(VoucherFlag|Attach|Voucher)>[^<]*<")
    assert outer.sub(b"", reply) == outer.sub(b"", raw)


@pytest.mark.parametrize(
    ("answer", "attach", "words"),
    [
        (answered(Outcome.BLOCK, None, finding("不得转入本单位实有资金账户")),
         "监控拦截 JL-020", "JL-020 不得转入本单位实有资金账户"),
        (answered(Outcome.HOLD, None, finding("待核实")), "挂起待核实 JL-020", "JL-020 待核实"),
        (answered(Outcome.PASS, BankOutcome.REJECTED, bank_reason="户名不符"),
         "银行拒付", "户名不符"),
        (answered(Outcome.PASS, BankOutcome.UNKNOWN),
         "支付结果待查，请勿重发", "支付结果待查，请勿重发"),
        (answered(Outcome.PASS, BankOutcome.NOT_TAKEN), "银行未受理", "银行未受理"),
    ],
)  # fmt: skip
def test_what_was_not_paid_comes_back_with_its_reason_and_no_bank_part(
    answer: Answer, attach: str, words: str
) -> None:
    root, voucher = returned(answer)
    assert root.findtext("VoucherBody/VoucherFlag") == "1"
    assert root.findtext("VoucherBody/Attach") == attach
    assert voucher.findtext("DetailList/Detail/XAddWord") == words
    assert not voucher.findtext("XPayDate")
    assert not voucher.findtext("XPayAmt")
    assert voucher.find("DetailList/Detail/XPayAmt") is None


def test_a_finding_about_one_detail_says_which() -> None:
    whole, one = finding("整单不符。"), attrs.evolve(finding("超标准。"), detail="D7")
    root, voucher = returned(answered(Outcome.BLOCK, None, whole, one))
    assert voucher.findtext("DetailList/Detail/XAddWord") == (
        "JL-020 整单不符。；JL-020 明细D7 超标准。"
    )
    assert (root.findtext("VoucherBody/Attach") or "").count("JL-020") == 1


def test_a_long_reason_is_cut_between_characters_to_the_field_s_width() -> None:
    answer = answered(Outcome.BLOCK, None, *[finding("拦" * 60)] * 3)
    root, voucher = returned(answer)
    words = voucher.findtext("DetailList/Detail/XAddWord")
    attach = root.findtext("VoucherBody/Attach")
    assert words is not None and attach is not None
    assert words == "JL-020 " + "拦" * 17  # 41 bytes; an 18th would be split by the 42nd
    assert len(attach.encode("gbk")) <= 32


def test_every_detail_carries_its_own_return_part() -> None:
    second = DETAIL.replace("D-1", "D-2").replace("3560.00", "40.00").replace("4200223", "A200223")
    inner = INNER.replace("</DetailList>", f"{second}</DetailList>")
    inner = inner.replace("<PayAmt>3560.00</PayAmt><Bus", "<PayAmt>3600.00</PayAmt><Bus")
    inner = inner.replace("<BusinessTypeCode>1", "<BusinessTypeCode>4")
    raw = envelope(inner)
    assert len(FORMAT.parse(raw).details) == 2
    _, voucher = returned(ACCEPTED, raw)
    assert [d.findtext("XPayAmt") for d in voucher.iter("Detail")] == ["3560.00", "40.00"]
    assert [d.findtext("XPayeeAcctNo") for d in voucher.iter("Detail")] == [
        "4200223009200012345", "A200223009200012345",
    ]  # fmt: skip
    assert voucher.findtext("XPayAmt") == "3600.00"


def test_where_the_details_stand_first_the_header_below_them_is_filled_once() -> None:
    rows = f"<DetailList>{DETAIL}</DetailList>"
    inner = INNER.replace(rows, "").replace("<Voucher>\n", f"<Voucher>\n{rows}")
    raw = envelope(inner)
    assert FORMAT.parse(raw) == FORMAT.parse(envelope())
    _, voucher = returned(ACCEPTED, raw)
    for name, said in (("XPayDate", "20261124"), ("XPayAmt", "3560.00")):
        assert [each.text for each in voucher.findall(name)] == [said]
    assert voucher.findtext("XPayeeAcctName") == "长春示例公司"


def test_an_envelope_without_attach_gets_one() -> None:
    raw = envelope().replace("<Attach>附言</Attach>".encode("gbk"), b"")
    root, _ = returned(ACCEPTED, raw)
    assert root.findtext("VoucherBody/Attach") == "SUCCESS"


def test_the_same_answer_given_again_is_the_same_bytes() -> None:
    assert FORMAT.answer(envelope(), ACCEPTED) == FORMAT.answer(envelope(), ACCEPTED)


@examples(200)
@given(st.text(max_size=30) | st.text("国库A1", max_size=60), st.integers(0, 50))
def test_cutting_never_splits_a_character_nor_exceeds_the_width(text: str, width: int) -> None:
    cut = cut_gbk(text, width)
    assert len(cut.encode("gbk")) <= width
    assert len(text.encode("gbk", "replace")) > width or len(cut) == len(text)


@examples(100)
@given(st.text(max_size=40))
def test_whatever_a_bank_writes_as_its_reason_the_answer_is_gbk_xml(reason: str) -> None:
    answer = answered(Outcome.PASS, BankOutcome.REJECTED, bank_reason=reason)
    returned(answer)


def test_a_fault_is_told_in_gbk_xml_with_all_its_errors() -> None:
    fault = Unreadable(
        FaultCode.INSTRUCTION_INVALID,
        "two errors \U0001f600",
        (
            FieldError(field="Detail[2].PayAmt", code="pattern", zh="金额", en="amount <bad>"),
            FieldError(field="VouDate", code="date", zh="日期", en="date"),
        ),
    )
    root = etree.fromstring(FORMAT.problem(fault, "/v1/vouchers"))
    assert root.findtext("VoucherCount") == "0"
    assert root.findtext("Attach") == "instruction_invalid"
    reason = root.findtext("Return_Reason")
    assert reason is not None
    assert "Detail[2].PayAmt: 金额 / amount <bad> [pattern]" in reason
    assert "VouDate: 日期 / date [date]" in reason
