"""The same operations as vouchers: refunds, clearing, reconciliation, corrections of codes."""

import base64
import datetime as dt
import re
from typing import Any

import attrs
import pytest
from lxml import etree
from msgspec.structs import replace

from adapters.formats.voucher.answer import answer_voucher
from adapters.formats.voucher.paper_write import vouchers_envelope
from adapters.formats.voucher.papers import read_vouchers
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import Unproven, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import LimitKey, LimitKind
from gateway.domain.money import Fen
from gateway.domain.vouchers import (
    Adjustment,
    AdjustmentLine,
    CheckedLine,
    Clearing,
    ClearingLine,
    Reconciliation,
    RefundLine,
    RefundVoucher,
    Voucher,
)
from tests.adapters.formats.voucher_samples import answered
from tests.adapters.formats.voucher_write import appropriation_envelope
from tests.limits import limit_at
from tests.memory.registers import MemoryRegisters
from tests.pipeline.desks import BANK, BUREAU, Desk
from tests.pipeline.fakes import DIVISION, INDICATOR, SENDER, instruction, registers
from tests.pipeline.test_line import Street

KEY = instruction().key
DAY = dt.date(2026, 3, 2)


def key(kind: str, number: str = "101001-7") -> InstructionKey:
    return InstructionKey(division=DIVISION, fiscal_year=2026, voucher_type=kind, voucher_no=number)


def refund(kind: str = "2204", number: str = "TH-1", **changes: Any) -> RefundVoucher:
    amount = changes.get("amount_fen", 10_050)
    made = RefundVoucher(
        key=key(kind, number), day=DAY, payment_type="8202", payment_no="1", payment_year="2026",
        account="42002201", amount_fen=10_050, reference="JH-7", reason="账户已销户",
        lines=(RefundLine(id="1", payment_no="1", amount_fen=amount),),
    )  # fmt: skip
    return attrs.evolve(made, **changes)


def clearing(kind: str, fen: int) -> Clearing:
    return Clearing(
        key=key(kind), day=DAY, treasury="0112410020", pay_type="12", account="42002201",
        clear_account="011-1", amount_fen=fen,
        lines=(ClearingLine(id="1", payment_no="1", supervising_department="101",
                            functional_code="2010301", amount_fen=fen),),
    )  # fmt: skip


def reconciliation(*lines: tuple[str, str, int]) -> Reconciliation:
    rows = tuple(
        CheckedLine(id=str(n), voucher_type=kind, voucher_no=no, amount_fen=fen, result="",
                    reason="")
        for n, (kind, no, fen) in enumerate(lines, 1)
    )  # fmt: skip
    return Reconciliation(
        key=key("3502"), day=DAY, begin=DAY, end=DAY, count=len(rows),
        amount_fen=sum(row.amount_fen for row in rows), result="", lines=rows,
    )  # fmt: skip


def adjustment(*lines: tuple[str, int]) -> Adjustment:
    rows = tuple(
        AdjustmentLine(id=str(n), payment_type="8202", payment_no=no, agency="101001",
                       functional_code="2010301", economic_code="30213", project_code="",
                       amount_fen=fen)
        for n, (no, fen) in enumerate(lines, 1)
    )  # fmt: skip
    return Adjustment(
        key=key("5351"), day=DAY, pay_type="12", purpose="更正经济分类", amount_fen=0, lines=rows
    )


def attached(raw: bytes) -> list[str]:
    root = etree.fromstring(raw)
    assert {body.findtext("VoucherFlag") for body in root.iter("VoucherBody")} == {"1"}
    return [body.findtext("Attach") or "" for body in root.iter("VoucherBody")]


async def post(desk: Desk, *vouchers: Voucher, by: str = BANK) -> bytes:
    return await desk.post(vouchers_envelope(vouchers), by, format="voucher")


@pytest.mark.parametrize("kind", ["2204", "8252", "2252"])
async def test_a_refund_voucher_gives_the_money_back_once_and_comes_back_as_a_return_copy(
    kind: str,
) -> None:
    desk = await Desk.forwarded()
    told = await post(desk, refund(kind))
    assert attached(told) == ["SUCCESS"]
    assert await post(desk, refund(kind)) == told
    assert await desk.street.available() == 980_050
    (record,) = desk.records("refund")
    assert record["refund"] == f"{DIVISION}/2026/{kind}/TH-1" and record["amount_fen"] == 10_050


async def test_of_several_refunds_each_is_told_its_own_end() -> None:
    desk = await Desk.forwarded()
    several = [refund(), refund(number="TH-2", payment_no="9"),
               refund(number="TH-3", amount_fen=19_950, reference="JH-8")]  # fmt: skip
    told = await post(desk, *several)
    assert attached(told) == ["SUCCESS", "refund_unpaid", "SUCCESS"]
    assert "没有可退的已支付款项" in told.decode("gbk")
    assert await desk.street.available() == 1_000_000
    assert desk.alarms.policies() == ["JL-101"]


async def test_what_an_agency_only_claims_gives_nothing_back() -> None:
    desk = await Desk.forwarded()
    for party in (SENDER, BUREAU):
        with pytest.raises(Unproven):
            await post(desk, refund("8252"), by=party)
    assert await desk.street.available() == 970_000


async def test_clearing_and_receipts_come_to_the_books_of_conduct() -> None:
    desk = await Desk.open()
    assert attached(await post(desk, clearing("2301", 100), clearing("2302", -40))) == [
        "SUCCESS", "SUCCESS",
    ]  # fmt: skip
    ((_, kept),) = desk.alarms.statements.values()
    assert [total.amount_fen for total in kept.clearing] == [100, -40]


async def test_a_reconciliation_is_answered_line_by_line() -> None:
    desk = await Desk.forwarded()
    desk.letters.totals[DIVISION, "2301-1"] = 30_000
    asked = reconciliation(
        ("8202", "1", 30_000), ("8202", "1", 29_999), ("8202", "8", 1), ("2301", "2301-1", 30_000),
        ("2302", "2302-1", -5), ("3401", "1", 1),
    )  # fmt: skip
    (answer,) = read_vouchers(await post(desk, asked))
    assert isinstance(answer, Reconciliation) and answer.key.voucher_type == "2502"
    assert [line.result for line in answer.lines] == ["0", "1", "1", "0", "1", "1"]
    assert answer.result == "1" and answer.lines[1].reason == "金额应为300.00"
    (agreed,) = read_vouchers(await post(desk, attrs.evolve(
        reconciliation(("8202", "1", 30_000)), key=key("3502", "8"))))  # fmt: skip
    assert isinstance(agreed, Reconciliation) and agreed.result == "0"
    with pytest.raises(Unproven):
        await post(desk, asked, by=SENDER)


async def test_a_reconciliation_of_clearing_has_its_own_answer_that_reads_back_whole() -> None:
    desk = await Desk.forwarded()
    desk.letters.totals[DIVISION, "2301-1"] = 30_000
    asked = attrs.evolve(
        reconciliation(("2301", "2301-1", 30_000), ("2302", "2302-1", -5)), key=key("3507")
    )
    told = await post(desk, asked)
    (answer,) = read_vouchers(told)
    assert isinstance(answer, Reconciliation) and answer.key == key("2507")
    assert [line.result for line in answer.lines] == ["0", "1"] and answer.result == "1"
    assert vouchers_envelope([answer]) == told
    assert await post(desk, asked) == told, "once under its number"


async def test_what_is_unknown_at_the_bank_does_not_agree() -> None:
    desk = await Desk.open()
    desk.street.bank.outcome = BankOutcome.UNKNOWN
    await desk.carry()
    (answer,) = read_vouchers(await post(desk, reconciliation(("8202", "1", 30_000))))
    assert isinstance(answer, Reconciliation) and answer.lines[0].result == "1"


async def test_a_correction_of_codes_is_matched_and_recorded_and_moves_no_money() -> None:
    desk = await Desk.forwarded()
    told = await post(desk, adjustment(("1", -30_000), ("1", 30_000)), by=BUREAU)
    assert attached(told) == ["SUCCESS"]
    (record,) = desk.records("adjustment")
    assert len(record["lines"]) == 2 and record["sender"] == BUREAU  # type: ignore[arg-type]
    assert await post(desk, adjustment(("1", -30_000), ("1", 30_000)), by=BUREAU) == told
    assert len(desk.records("adjustment")) == 1
    assert await desk.street.available() == 970_000
    with pytest.raises(Unproven):
        await post(desk, adjustment(("1", -1), ("1", 1)), by=BANK)


async def test_what_a_correction_changes_of_limits_comes_with_the_registers_and_binds_at_once() -> (
    None
):
    """Decision 0066: frozen where it is charged now, granted anew where it was charged wrongly."""
    desk = await Desk.forwarded()
    await post(desk, adjustment(("1", -30_000), ("1", 30_000)), by=BUREAU)
    now = registers(1_030_000)
    other = replace(now.indicators[INDICATOR], id="other", granted_fen=Fen(50_000),
                    frozen_fen=Fen(30_000))  # fmt: skip
    later = attrs.evolve(now, version=2, indicators={**now.indicators, "other": other})
    await MemoryRegisters(desk.street.state).load(b"", later)
    assert await desk.street.available() == 1_000_000, "as if it had never been charged"
    limit = await limit_at(
        desk.street.ledger, DIVISION, LimitKey(kind=LimitKind.INDICATOR, id="other")
    )
    assert limit is not None and limit.available_fen == 20_000
    await post(desk, refund())
    assert await desk.street.available() == 1_010_050, "which the bureau then takes back"


@pytest.mark.parametrize(
    "lines", [(("1", -30_001), ("1", 30_001)), (("8", -1), ("1", 1)), (("1", -1), ("8", 1))]
)
async def test_a_correction_that_fits_no_payment_is_refused_and_leaves_no_record(
    lines: tuple[tuple[str, int], ...],
) -> None:
    desk = await Desk.forwarded()
    told = await post(desk, adjustment(*lines), by=BUREAU)
    assert attached(told) == ["instruction_invalid"]
    assert "原凭证不符" in told.decode("gbk")
    assert not desk.records("adjustment")


async def test_vouchers_of_different_kinds_or_divisions_are_no_letter() -> None:
    desk = await Desk.forwarded()
    alien = replace(key("2204", "TH-9"), division="220100000")
    for several in (
        [refund(), clearing("2301", 100)],
        [refund(), attrs.evolve(refund(number="TH-9"), key=alien)],
        [adjustment(("1", -1), ("1", 1))] * 2,
    ):
        with pytest.raises(Unreadable):
            await post(desk, *several)
    assert not desk.records("refund")


def receipt(number: str, *, paid: bool, type_: str = "5207") -> bytes:
    """The bank's return copy of an instruction, with its X elements."""
    ordered = appropriation_envelope(
        instruction(number, key=key(type_, number), agency_name="示例单位")
    )
    told = answered(
        Outcome.PASS, BankOutcome.ACCEPTED if paid else BankOutcome.REJECTED, voucher_type=type_,
        bank_reason=None if paid else "收款账户已销户",
    )  # fmt: skip
    return answer_voucher(ordered, told)


@pytest.mark.parametrize(("paid_", "outcome"), [(True, BankOutcome.ACCEPTED),
                                                (False, BankOutcome.REJECTED)])  # fmt: skip
async def test_a_receipt_settles_what_was_unknown_and_stands_in_the_books(
    paid_: bool, outcome: BankOutcome
) -> None:
    street = await Street(instruction("5", key=key("5207", "5"), amount_fen=Fen(30_000))).open()
    street.bank.outcome = BankOutcome.UNKNOWN
    desk = await Desk.open(street)
    await desk.carry()
    raw = receipt("5", paid=paid_)
    told = await desk.post(raw, BANK, format="voucher")
    assert attached(told) == ["SUCCESS"]
    standing = await street.ledger.standing(key("5207", "5"))
    assert standing and standing.bank is outcome
    ((_, kept),) = desk.alarms.statements.values()
    assert len(kept.entries) == paid_
    await desk.post(raw, BANK, format="voucher")
    assert len(desk.records("bank_outcome")) == 1
    assert set(desk.alarms.policies()) <= {"JL-104"}, "paid, though in November"
    again = receipt("5", paid=not paid_)
    assert "instruction_conflict" in (await desk.post(again, BANK, format="voucher")).decode("gbk")
    assert "JL-101" in desk.alarms.policies()


@pytest.mark.parametrize("known", [BankOutcome.UNKNOWN, BankOutcome.ACCEPTED])
async def test_a_receipt_of_another_amount_settles_nothing_and_is_an_alert(
    known: BankOutcome,
) -> None:
    street = await Street(instruction("5", key=key("5207", "5"), amount_fen=Fen(30_000))).open()
    street.bank.outcome = known
    desk = await Desk.open(street)
    await desk.carry()
    raw = receipt("5", paid=True)
    (body,) = re.findall(rb"<Voucher>([^<]*)</Voucher>", raw)
    inner = base64.b64decode(body).decode("gbk")
    assert inner.count("<XPayAmt>300.00</XPayAmt>") >= 1
    part = inner.replace("<XPayAmt>300.00</XPayAmt>", "<XPayAmt>200.00</XPayAmt>")
    altered = raw.replace(body, base64.b64encode(part.encode("gbk")))
    told = (await desk.post(altered, BANK, format="voucher")).decode("gbk")
    assert "instruction_unknown" in told and "300.00" in told
    standing = await street.ledger.standing(key("5207", "5"))
    assert standing and standing.bank is known
    assert {"JL-100", "JL-101"} <= set(desk.alarms.policies()), "books and word, both"
