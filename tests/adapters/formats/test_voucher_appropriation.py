"""5207 (实拨拨款凭证) is an instruction of the bureau: read whole, answered, and no agency's."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.formats.voucher.answer import answer_voucher
from adapters.formats.voucher.paper_write import vouchers_envelope
from adapters.formats.voucher.papers import read_vouchers
from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.bank import BankOutcome
from gateway.domain.codes import BusinessType, Exemption, PayeeKind, PaymentMethod, Settlement
from gateway.domain.decision import Outcome
from gateway.domain.faults import Unproven, Unreadable
from gateway.domain.instruction import Instruction, Payer
from gateway.domain.money import Fen
from gateway.domain.parties import sender_of
from gateway.domain.vouchers import Receipt
from gateway.pipeline.parse import refuse_strangers
from tests.adapters.formats.iso_samples import an_instruction
from tests.adapters.formats.voucher_samples import answered, finding
from tests.adapters.formats.voucher_write import appropriation_envelope
from tests.examples import examples

FORMAT = VoucherFormat()


def appropriation(instruction: Instruction) -> Instruction:
    """As far as a 5207 can say it."""
    payee = replace(instruction.payee, kind=PayeeKind.ORGANISATION, person=None)
    return replace(
        instruction, key=replace(instruction.key, voucher_type="5207"), details=(),
        payment_method=PaymentMethod.DIRECT, settlement=Settlement.TRANSFER,
        business_type=BusinessType.SINGLE, gov_economic_code="", cash_reason=None, documents=(),
        items=(), payee=payee, main_voucher="",
        payer=Payer(account=instruction.payer.account, name=instruction.payer.name),
    )  # fmt: skip


ORDER = appropriation(an_instruction())


words = st.text("吉林省财政厅0123ABCabc（）《》&<>\"'", min_size=1, max_size=12)
codes = st.text("0123456789", min_size=1, max_size=20)
accounts = st.text("0123456789ABCXYZ-", min_size=1, max_size=32)


@st.composite
def appropriations(draw: st.DrawFn) -> Instruction:
    """Any that the interface has room for."""
    payee = replace(
        ORDER.payee, account=draw(accounts), name=draw(words),
        bank_name=draw(st.just("") | words), bank_code=draw(st.sampled_from(["", "105241000022"])),
    )  # fmt: skip
    return replace(
        ORDER, key=replace(ORDER.key, voucher_no=draw(codes)), payee=payee,
        amount_fen=Fen(draw(st.integers(1, 10**15))), agency_code=draw(codes),
        agency_name=draw(st.just("") | words), fund_code=draw(codes),
        functional_code=draw(codes), dept_economic_code=draw(st.just("") | codes),
        project_code=draw(st.just("") | codes), purpose=draw(words),
        payer=Payer(account=draw(accounts), name=draw(words)),
        indicator_id=draw(st.just("") | codes),
        exemption=draw(st.none() | st.sampled_from(sorted(Exemption))),
        approvals=tuple(draw(st.lists(st.sampled_from(["SP-1", "SP-2"]), max_size=2, unique=True))),
        contract_no=draw(st.sampled_from(["", "HT-1"])),
    )  # fmt: skip


@given(ordered=appropriations())
@examples(60)
def test_what_a_5207_can_say_is_read_back_whole(ordered: Instruction) -> None:
    assert FORMAT.parse(appropriation_envelope(ordered)) == ordered


def test_what_a_5207_cannot_say_is_not_written() -> None:
    for spoilt in (
        replace(ORDER, settlement=Settlement.CASH),
        replace(ORDER, payee=replace(ORDER.payee, kind=PayeeKind.PERSON)),
        replace(ORDER, purpose="长" * 200),
        replace(ORDER, purpose="\U0001f600"),
    ):
        with pytest.raises(ValueError):
            appropriation_envelope(spoilt)


def test_a_detail_of_another_budget_line_is_refused() -> None:
    raw = appropriation_envelope(ORDER)
    (voucher,) = read_vouchers(raw)
    line = voucher.lines[0]  # type: ignore[attr-defined]
    two = [attrs.evolve(line, amount_fen=line.amount_fen - 1),
           attrs.evolve(line, id="2", agency="101002", amount_fen=1)]  # fmt: skip
    with pytest.raises(Unreadable) as caught:
        FORMAT.parse(vouchers_envelope([attrs.evolve(voucher, lines=tuple(two))]))
    assert {error.field for error in caught.value.errors} == {"Detail[2].AgencyCode"}
    assert FORMAT.parse(raw) == ORDER


def test_papers_are_named_beside_the_references() -> None:
    (voucher,) = read_vouchers(appropriation_envelope(ORDER))
    named = attrs.evolve(voucher, references="EX=1;IV=24222000000012345678")
    (paper,) = FORMAT.parse(vouchers_envelope([named])).documents
    assert (paper.kind, paper.number) == ("invoice", "24222000000012345678")


@pytest.mark.parametrize("text", ["不认识=1", "EX=9", "AP=a;AP=a="])
def test_references_that_nobody_can_read_are_refused(text: str) -> None:
    (voucher,) = read_vouchers(appropriation_envelope(ORDER))
    with pytest.raises(Unreadable) as caught:
        FORMAT.parse(vouchers_envelope([attrs.evolve(voucher, references=text)]))
    assert caught.value.errors[0].field.startswith("Hold2")


def test_a_paid_one_comes_back_as_its_receipt_and_a_refused_one_says_why() -> None:
    raw = appropriation_envelope(ORDER)
    told = answered(Outcome.PASS, BankOutcome.ACCEPTED, voucher_type="5207")
    paid = answer_voucher(raw, told)
    (receipt,) = read_vouchers(paid)
    assert isinstance(receipt, Receipt)
    assert receipt.whole.paid_fen == ORDER.amount_fen and receipt.key == ORDER.key
    refused = answer_voucher(
        raw, answered(Outcome.BLOCK, None, finding("付款账户未备案"), voucher_type="5207")
    )
    (copy,) = read_vouchers(refused)
    assert isinstance(copy, Receipt) and copy.whole.paid_fen is None
    assert "付款账户未备案" in copy.details[0].reason


def test_the_bureau_orders_it_and_no_agency_orders_another_s() -> None:
    domain = "treasury.test"
    bureau = sender_of(f"spiffe://{domain}/bureau/{ORDER.key.division}")
    other = sender_of(f"spiffe://{domain}/agency/{ORDER.key.division}/999999")
    assert bureau and other
    refuse_strangers(bureau, ORDER, domain)
    with pytest.raises(Unproven):
        refuse_strangers(other, ORDER, domain)
