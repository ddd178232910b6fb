"""Vouchers beside payment instructions: what is written is read back, what is wrong is all told."""

import datetime as dt
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.formats.voucher.answer import answer_voucher
from adapters.formats.voucher.conduct import read_voucher_statement
from adapters.formats.voucher.fields import layouts, paper_layouts
from adapters.formats.voucher.paper_write import vouchers_envelope
from adapters.formats.voucher.papers import read_vouchers
from adapters.formats.voucher.tables import TABLES, Kind
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.vouchers import Clearing, Receipt, RefundVoucher, Voucher
from tests.adapters.formats.voucher_samples import ATTRIBUTES, INNER, answered, envelope
from tests.examples import examples

DAY = dt.date(2026, 11, 23)
_PATTERNED = {
    "TreCode": "0112410020", "OriStYear": "2026", "OriVoucherNo": "101001-1", "SetMonth": "11",
    "PayeeAcctBankNo": "103241001000", "CheckResult": "1", "PayAcctNo": "42002201",
    "PayeeAcctNo": "4200223009200012345", "AgentAcctNo": "42002201", "ClearAcctNo": "011-1",
    "AgencyKind": "1",
}  # fmt: skip
words = st.text("吉林省财政厅0123ABCabc（）《》&<>\"'", min_size=1, max_size=12)


def _drawn(draw: st.DrawFn, kind: str, columns: Any, amounts: list[int]) -> dict[str, Any]:
    """A value for each column; amounts in the order of the lines, their sum for the header."""
    values: dict[str, Any] = {}
    for attribute, (element, sort) in columns.items():
        if sort is Kind.DAY:
            values[attribute] = draw(st.dates(dt.date(2000, 1, 1), dt.date(2099, 1, 1)))
        elif sort is Kind.FLAG:
            values[attribute] = draw(st.booleans())
        elif sort is Kind.COUNT:
            values[attribute] = 0
        elif sort is not Kind.TEXT:
            values[attribute] = sum(amounts)
        elif element in _PATTERNED:
            values[attribute] = _PATTERNED[element]
        elif element == "PayTypeCode":
            values[attribute] = draw(st.sampled_from(sorted(TABLES[kind].pay_types)))
        elif element == "OriVtCode":
            known = TABLES[kind].original_types or {"8202"}
            values[attribute] = draw(st.sampled_from(sorted(known)))
        elif element.endswith("VtCode"):
            values[attribute] = "8202"
        else:
            values[attribute] = draw(words)
    return values


@st.composite
def vouchers(draw: st.DrawFn, kind: str) -> Voucher:
    table = TABLES[kind]
    signs = {sort for _, sort in table.detail.values()}
    low, high = (-(10**9), -1) if Kind.NEGATIVE in signs else (1, 10**9)
    amounts = draw(st.lists(st.integers(low, high), min_size=1, max_size=5))
    if Kind.NOTHING in {sort for _, sort in table.header.values()}:
        amounts += [-sum(amounts)]
    lines = []
    for number, amount in enumerate(amounts, 1):
        line = _drawn(draw, kind, table.detail, [amount])
        lines.append(table.line(**line | {"id": f"D-{number}"}))
    head = _drawn(draw, kind, table.header, amounts)
    if "count" in head:
        head["count"] = len(lines)
    key = InstructionKey(
        division="220000000", fiscal_year=2026, voucher_type=kind, voucher_no="101001-7"
    )
    made: Voucher = table.head(key=key, day=DAY, lines=tuple(lines), **head)
    return made


@pytest.mark.parametrize("kind", sorted(TABLES))
@given(data=st.data())
@examples(15)
def test_what_is_written_is_read_back_whole(kind: str, data: st.DataObject) -> None:
    voucher = data.draw(vouchers(kind))
    raw = vouchers_envelope([voucher, voucher])
    assert read_vouchers(raw) == (voucher, voucher)
    raw.decode("gbk", "strict")


def test_every_type_of_the_brief_has_its_fields_its_table_and_no_way_to_the_line() -> None:
    wanted = {
        "2203", "2204", "8252", "2252", "5253", "5351", "2301", "2302", "5106", "5108", "3502",
        "2502", "3507", "2507", "5901", "5951", "5207",
    }  # fmt: skip
    assert sorted(wanted) == sorted(TABLES) == sorted(paper_layouts())
    assert not wanted & set(layouts())
    for kind, table in TABLES.items():
        header, detail = paper_layouts()[kind].header, paper_layouts()[kind].detail
        assert {element for element, _ in table.header.values()} <= set(header)
        assert {element for element, _ in table.detail.values()} <= set(detail)


def sample_voucher(kind: str, **changes: Any) -> bytes:
    found: list[Voucher] = []

    @given(data=st.data())
    @settings(max_examples=1, deadline=None, database=None, derandomize=True)
    def drawn(data: st.DataObject) -> None:
        found.append(data.draw(vouchers(kind)))

    drawn()
    return vouchers_envelope([attrs.evolve(found[0], **changes)])


def _codes(raw: bytes) -> dict[str, str]:
    with pytest.raises(Unreadable) as caught:
        read_vouchers(raw)
    return {error.field: error.code for error in caught.value.errors}


@pytest.mark.parametrize(
    ("kind", "changes", "field", "code"),
    [
        ("2301", {"amount_fen": -100}, "PayAmt", "range"),
        ("2302", {"amount_fen": 100}, "PayAmt", "range"),
        ("2252", {"amount_fen": -100}, "PayAmt", "range"),
        ("5253", {"amount_fen": 100}, "PayAmt", "range"),
        ("2203", {"amount_fen": 10**12}, "PayAmt", "sum"),
        ("2203", {"payment_type": "8202"}, "OriVtCode", "contradiction"),
        ("5106", {"pay_type": "11"}, "PayTypeCode", "contradiction"),
        ("5106", {"month": "13"}, "SetMonth", "pattern"),
        ("3502", {"count": 99}, "AllNum", "count"),
        ("2301", {"treasury": "12"}, "TreCode", "pattern"),
        ("5207", {"payee_bank_code": "1"}, "PayeeAcctBankNo", "pattern"),
    ],
)
def test_what_breaks_the_rules_of_its_type_is_told(
    kind: str, changes: dict[str, Any], field: str, code: str
) -> None:
    assert _codes(sample_voucher(kind, **changes))[field] == code


def test_errors_of_all_vouchers_of_an_envelope_come_at_once() -> None:
    one, two = sample_voucher("2301", amount_fen=-1), sample_voucher("5106", month="00")
    body = two[two.index(b"<VoucherBody") : two.index(b"</MOF>")]
    raw = one.replace(b"</MOF>", body + b"</MOF>").replace(b"Count>1<", b"Count>2<")
    told = _codes(raw)
    assert told["VoucherBody[1].PayAmt"] == "range"
    assert told["VoucherBody[2].SetMonth"] == "pattern"


def test_what_gbk_cannot_hold_is_said_not_replaced() -> None:
    with pytest.raises(ValueError, match="gbk"):
        sample_voucher("5253", purpose="\U0001f600")
    raw = sample_voucher("5253", purpose="调账")
    assert read_vouchers(raw)


def test_a_payment_voucher_is_no_paper_and_a_paper_is_no_payment() -> None:
    with pytest.raises(Unreadable) as caught:
        read_vouchers(envelope())
    assert caught.value.code is FaultCode.VOUCHER_TYPE_UNSUPPORTED


def test_the_receipt_of_a_paid_voucher_is_read_with_what_the_bank_filled_in() -> None:
    """Our own return copy of an accepted 8202 is a receipt."""
    paid = answer_voucher(envelope(), answered(Outcome.PASS, BankOutcome.ACCEPTED))
    (receipt,) = read_vouchers(paid)
    assert isinstance(receipt, Receipt)
    assert receipt.whole.paid_fen == receipt.whole.ordered_fen == 356_000
    assert receipt.whole.payee_account == "4200223009200012345"
    assert receipt.details[0].paid_on == receipt.whole.paid_on is not None


def test_the_receipt_of_a_refused_voucher_says_why_and_pays_nothing() -> None:
    refused = answer_voucher(envelope(), answered(Outcome.PASS, BankOutcome.REJECTED))
    (receipt,) = read_vouchers(refused)
    assert isinstance(receipt, Receipt)
    assert receipt.whole.paid_fen is None and receipt.details[0].paid_fen is None
    assert receipt.details[0].reason


def test_a_refund_names_the_payment_that_it_belongs_to() -> None:
    (refund,) = read_vouchers(sample_voucher("2204", payment_year=""))
    assert isinstance(refund, RefundVoucher)
    assert str(refund.payment) == f"220000000/2026/{refund.payment_type}/101001-1"
    assert isinstance(read_vouchers(sample_voucher("2302"))[0], Clearing)


def test_receipts_without_the_banks_number_are_told_apart_by_their_whole_key() -> None:
    """Numbers begin anew each year: the second one's payout must not pass for the first's."""
    accepted = replace(answered(Outcome.PASS, BankOutcome.ACCEPTED), bank_reference=None)
    entries = []
    for year in ("2026", "2025"):
        inner = INNER.replace("<StYear>2026", f"<StYear>{year}")
        raw = envelope(inner, ATTRIBUTES.replace('"2026"', f'"{year}"'))
        _, statement = read_voucher_statement(answer_voucher(raw, accepted))
        entries += statement.entries
    assert [entry.key and entry.key.fiscal_year for entry in entries] == [2026, 2025]
    assert len({entry.id for entry in entries}) == 2


def test_clearing_and_receipts_say_what_the_bank_did() -> None:
    paid = answer_voucher(envelope(), answered(Outcome.PASS, BankOutcome.ACCEPTED))
    division, statement = read_voucher_statement(paid)
    assert division == "220000000"
    (entry,) = statement.entries
    assert (entry.amount_fen, entry.account) == (356_000, "42002201")
    assert str(entry.key) == "220000000/2026/8202/101001-1"
    _, cleared = read_voucher_statement(sample_voucher("2302"))
    assert cleared.clearing[0].amount_fen < 0 and not cleared.entries
    with pytest.raises(Unreadable):
        read_voucher_statement(sample_voucher("5106"))
