"""Letters about payments: who may send what, what each does, and that none is without an answer."""

import orjson
import pytest
from lxml import etree

from gateway.domain.bank import BankOutcome, RecallReply
from gateway.domain.decision import Action
from gateway.domain.enquiries import RecallStatus
from gateway.domain.faults import (
    Conflicting,
    FaultCode,
    LedgerUnavailable,
    Unproven,
    Unreadable,
    Unready,
)
from tests.adapters.formats.iso_messages import statement
from tests.adapters.formats.iso_samples import outside_schema
from tests.pipeline.desks import BANK, BUREAU, OTHER, Desk, texts
from tests.pipeline.fakes import DIVISION, SENDER, finding, instruction
from tests.pipeline.letters_iso import enquiry, recall, report, resolution, returned

KEY = instruction().key


def valid(raw: bytes, name: str) -> bytes:
    outside_schema(name).assertValid(etree.fromstring(raw))
    return raw


async def held() -> Desk:
    desk = await Desk.open()
    desk.street.book.findings = (finding("JL-052", Action.HOLD),)
    await desk.carry()
    return desk


@pytest.mark.parametrize("party", [SENDER, BANK, BUREAU])
async def test_an_enquiry_is_answered_with_what_holds_now(party: str) -> None:
    desk = await Desk.forwarded()
    told = valid(await desk.post(enquiry("1"), party), "pacs.002.001.10")
    assert texts(told, "TxSts") == ["ACSC"] and texts(told, "Receipt")
    told = valid(await desk.post(enquiry("1", id="Q-2", message="M-9"), party), "pain.002.001.10")
    assert texts(told, "TxSts") == ["ACSC"]
    assert desk.noted == ["pacs.028.001.03 1"] * 2, "operators see each"
    exact = f"{KEY.fiscal_year}/{KEY.voucher_type}/1"
    told = await desk.post(enquiry("1", id="Q-3", exact=exact), party)
    assert texts(told, "TxSts") == ["ACSC"]


async def test_an_enquiry_sent_again_hears_what_has_become_of_it_since() -> None:
    desk = await Desk.open()
    desk.street.bank.outcome = BankOutcome.UNKNOWN
    await desk.carry()
    assert texts(await desk.post(enquiry("1")), "TxSts") == ["PDNG"]
    holds = await held()
    assert texts(await holds.post(enquiry("1")), "TxSts") == ["PDNG"]
    assert texts(await holds.post(recall("1")), "TxCxlSts") == ["ACCR"]
    assert texts(await holds.post(enquiry("1")), "TxSts") == ["RJCT"]


async def test_what_is_not_ours_or_not_the_askers_is_unknown_in_the_same_words() -> None:
    desk = await Desk.forwarded()
    strange = await desk.post(enquiry("99", "1"), OTHER)
    assert texts(strange, "TxSts") == ["RJCT", "RJCT"]
    assert texts(strange, "Cd") == ["NOOR", "NOOR"]
    assert b"99" in strange
    again = await desk.post(enquiry("1", id="Q-9", exact="2025/8202/1"))
    assert texts(again, "Cd") == ["NOOR"], "another year's is another one"


async def test_a_held_one_is_withdrawn_once_and_nothing_is_ever_paid_on_it() -> None:
    desk = await held()
    told = valid(await desk.post(recall("1")), "camt.029.001.09")
    assert (texts(told, "TxCxlSts"), texts(told, "Conf")) == (["ACCR"], ["CNCL"])
    standing = await desk.street.ledger.standing(KEY)
    assert standing and not standing.held and standing.ended_how == "withdrawn"
    (record,) = desk.records("release")
    assert (record["what"], record["sender"]) == ("withdrawn", SENDER)
    assert await desk.post(recall("1")) == told, "the same letter is answered the same"
    later = await desk.post(recall("1", id="A-2"))
    assert texts(later, "TxCxlSts") == ["ACCR"]
    assert len(desk.records("release")) == 1
    assert not desk.street.bank.submitted and not desk.core.asked
    kinds = [notice.body for notice in desk.street.state.notices.values()]
    assert sum(b"hold_withdrawn" in body for body in kinds) == 1


async def test_of_what_was_forwarded_the_core_is_asked_and_its_word_is_the_answer() -> None:
    desk = await Desk.forwarded()
    desk.core.reply = RecallReply(status=RecallStatus.REFUSED, reason="已入账，请协商退款")
    told = valid(await desk.post(recall("1", amount="300.00")), "camt.029.001.09")
    assert texts(told, "TxCxlSts") == ["RJCR"] and "已入账" in told.decode()
    (order,) = desk.core.asked
    assert (order.key, order.amount_fen, order.reason) == (KEY, 30_000, "DUPL")
    words = [(r["status"], r["by"]) for r in desk.records("recall")]
    assert words == [("PDCR", "gateway"), ("RJCR", "core")]
    available = await desk.street.available()
    assert available == 970_000, "a recall gives no money back"


async def test_a_core_that_is_silent_is_asked_again_under_the_same_name() -> None:
    desk = await Desk.forwarded()
    desk.core.silent()
    for _ in range(2):
        with pytest.raises(Unready):
            await desk.post(recall("1"))
    desk.core.reply = RecallReply(status=RecallStatus.ACCEPTED)
    assert texts(await desk.post(recall("1")), "TxCxlSts") == ["ACCR"]
    assert len({order.id for order in desk.core.asked}) == 1 and len(desk.core.asked) == 3
    assert [r["status"] for r in desk.records("recall")] == ["PDCR", "ACCR"]


async def test_another_amount_or_another_agency_recalls_nothing() -> None:
    desk = await Desk.forwarded()
    told = await desk.post(recall("1", amount="299.99"))
    assert texts(told, "TxCxlSts") == ["RJCR"]
    told = await desk.post(recall("1", id="A-2"), OTHER)
    assert (texts(told, "TxCxlSts"), texts(told, "Cd")) == (["RJCR"], ["NOOR"])
    assert not desk.core.asked
    for party in (BANK, "spiffe://other.test/agency/220000000/101001"):
        with pytest.raises(Unproven):
            await desk.post(recall("1", id="A-3"), party)


async def test_what_was_never_paid_is_recalled_without_the_core() -> None:
    desk = await Desk.open()
    desk.street.book.findings = (finding("JL-009", Action.BLOCK),)
    await desk.carry()
    told = await desk.post(recall("1", "7"))
    assert texts(told, "TxCxlSts") == ["ACCR", "RJCR"] and texts(told, "Conf") == ["PECR"]
    refused = await Desk.open()
    refused.street.bank.outcome = BankOutcome.REJECTED
    await refused.carry()
    assert texts(await refused.post(recall("1")), "TxCxlSts") == ["ACCR"]
    assert not desk.core.asked and not refused.core.asked


async def test_the_banks_later_word_on_a_recall_is_matched_recorded_and_told() -> None:
    desk = await Desk.forwarded()
    desk.core.reply = RecallReply(status=RecallStatus.PENDING)
    assert texts(await desk.post(recall("1")), "TxCxlSts") == ["PDCR"]
    (order,) = desk.core.asked
    word = resolution(order, "1", "ACCR")
    told = valid(await desk.post(valid(word, "camt.029.001.09"), BANK), "pacs.002.001.10")
    assert texts(told, "TxSts") == ["ACTC"]
    assert await desk.post(word, BANK) == told
    assert [(r["status"], r["by"]) for r in desk.records("recall")][1:] == [("ACCR", BANK)]
    (notification,) = desk.street.state.notifications
    assert orjson.loads(notification.body)["status"] == "ACCR"
    assert not desk.alarms.raised
    with pytest.raises(Unproven):
        await desk.post(resolution(order, "1", "RJCR", id="B-9"), SENDER)
    await desk.post(resolution(order, "1", "RJCR", id="B-2"), BANK)
    assert desk.alarms.policies() == ["JL-102"], "two words that cannot both be true"


async def test_a_word_on_a_recall_that_nobody_asked_for_is_an_alert() -> None:
    desk = await Desk.forwarded()
    told = await desk.post(resolution("0" * 32, "1", "ACCR"), BANK)
    assert texts(told, "TxSts") == ["RJCT"] and desk.alarms.policies() == ["JL-102"]
    assert not desk.records("recall")


async def test_a_return_gives_the_money_back_once_and_exactly() -> None:
    desk = await Desk.forwarded()
    told = valid(await desk.post(returned("1", "100.50"), BANK), "pacs.002.001.10")
    assert texts(told, "TxSts") == ["ACSC"] and texts(told, "StsId") == ["TH-1"]
    assert await desk.street.available() == 980_050
    assert await desk.post(returned("1", "100.50"), BANK) == told
    again = await desk.post(returned("1", "100.50", id="R-2"), BANK)
    assert texts(again, "TxSts") == ["RJCT"], "the return's number is used"
    assert await desk.street.available() == 980_050
    (record,) = desk.records("refund")
    assert record["refund"] == f"{DIVISION}/2026/PACS004/TH-1"


async def test_a_return_that_fits_nothing_is_an_alert_and_gives_nothing_back() -> None:
    desk = await Desk.forwarded()
    for number, amount, place in (("8", "1.00", "1"), ("1", "300.01", "2")):
        raw = returned(number, amount, id=f"R-{place}", refund=f"TH-{place}")
        assert texts(await desk.post(raw, BANK), "TxSts") == ["RJCT"]
    assert desk.alarms.policies() == ["JL-101", "JL-101"]
    assert await desk.street.available() == 970_000
    with pytest.raises(Unproven):
        await desk.post(returned("1", "1.00", id="R-3"), SENDER)


async def test_statements_come_to_the_books_of_conduct_by_the_same_door() -> None:
    desk = await Desk.open()
    raw = statement("camt.053.001.08")
    told = valid(await desk.post(raw, BANK), "pacs.002.001.10")
    assert texts(told, "GrpSts") == ["ACTC"]
    assert (DIVISION, "S-1") in desk.alarms.statements
    assert b"taken before" in await desk.post(raw, BANK)
    with pytest.raises(Conflicting):
        await desk.post(raw.replace(b"JH1<", b"JH7<"), BANK)
    assert len(desk.records("conflict")) == 1
    with pytest.raises(Unproven):
        await desk.post(raw, SENDER)


async def test_a_number_with_other_content_is_a_conflict_and_a_record_for_each() -> None:
    desk = await held()
    await desk.post(enquiry("1"))
    for other in (enquiry("2"), enquiry("3"), enquiry("3")):
        with pytest.raises(Conflicting) as caught:
            await desk.post(other)
        assert caught.value.code is FaultCode.INSTRUCTION_CONFLICT
    conflicts = desk.records("conflict")
    assert [record["letter"] for record in conflicts] == ["Q-1", "Q-1"]
    assert not caught.value.recorded
    assert texts(await desk.post(enquiry("1"), OTHER), "Cd") == ["NOOR"], "a number is its party's"


async def test_without_the_ledger_nothing_is_said_and_the_same_letter_does_it_later() -> None:
    desk = await held()
    whole = desk.holds.end

    async def lost(ending: object) -> bool:
        raise LedgerUnavailable("hung")

    desk.holds.end = lost  # type: ignore[method-assign]
    with pytest.raises(Unready) as caught:
        await desk.post(recall("1"))
    assert caught.value.code is FaultCode.LEDGER_UNAVAILABLE
    desk.holds.end = whole  # type: ignore[method-assign]
    assert texts(await desk.post(recall("1")), "TxCxlSts") == ["ACCR"]


@pytest.mark.parametrize(
    ("status", "outcome", "left"),
    [("ACSC", BankOutcome.ACCEPTED, 970_000), ("RJCT", BankOutcome.REJECTED, 1_000_000),
     ("PDNG", BankOutcome.UNKNOWN, 970_000), ("NOOR", BankOutcome.UNKNOWN, 970_000)],
)  # fmt: skip
async def test_the_banks_own_report_settles_what_was_unknown(
    status: str, outcome: BankOutcome, left: int
) -> None:
    desk = await Desk.open()
    desk.street.bank.outcome = BankOutcome.UNKNOWN
    await desk.carry()
    said = report("1", "RJCT" if status == "NOOR" else status)
    said = said.replace(b"AC04", b"NOOR") if status == "NOOR" else said
    raw = valid(said, "pacs.002.001.10")
    for party in (SENDER, BUREAU):
        with pytest.raises(Unproven):
            await desk.post(raw, party)
    told = valid(await desk.post(raw, BANK), "pacs.002.001.10")
    assert texts(told, "TxSts") == ["ACTC"] and await desk.post(raw, BANK) == told
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.bank is outcome
    assert await desk.street.available() == left and not desk.alarms.raised
    assert len(desk.records("bank_outcome")) == (outcome is not BankOutcome.UNKNOWN)


async def test_a_report_against_the_ledger_changes_nothing_and_is_an_alert() -> None:
    desk = await Desk.forwarded()
    told = await desk.post(report("1", "RJCT"), BANK)
    assert texts(told, "TxSts") == ["RJCT"] and desk.alarms.policies() == ["JL-101"]
    assert await desk.street.available() == 970_000 and len(desk.records("correction")) == 1
    told = await desk.post(report("8", "ACSC", id="S-2"), BANK)
    assert texts(told, "Cd") == ["NOOR"] and desk.alarms.policies() == ["JL-101", "JL-100"]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"<TxSts>ACSC<", b"<TxSts>DONE<"), (b"<AcctSvcrRef>JH-9</AcctSvcrRef>", b""),
     (b"<TxSts>ACSC</TxSts>", b""), (b"<TxSts>ACSC<", b"<TxSts>RJCT<")],
)  # fmt: skip
async def test_a_report_that_does_not_say_how_it_ended_is_refused(old: bytes, new: bytes) -> None:
    desk = await Desk.forwarded()
    raw = report("1", "ACSC")
    assert old in raw
    with pytest.raises(Unreadable):
        await desk.post(raw.replace(old, new), BANK)
