"""Letters that say two things at once, or leave out what they should say: nothing follows from
them, and nobody is answered with a mistake of ours."""

import pytest

from gateway.domain.bank import BankOutcome, RecallReply
from gateway.domain.decision import Action
from gateway.domain.enquiries import RecallStatus
from gateway.domain.faults import Unreadable, Unready
from tests.pipeline.desks import BANK, Desk, texts
from tests.pipeline.fakes import finding, instruction
from tests.pipeline.letters_iso import enquiry, recall, report, resolution, returned

KEY = instruction().key
EXACT = f"{KEY.fiscal_year}/{KEY.voucher_type}/1"


async def refused_fields(desk: Desk, raw: bytes) -> list[str]:
    with pytest.raises(Unreadable) as caught:
        await desk.post(raw, BANK)
    return [error.field for error in caught.value.errors]


def head(raw: bytes, more: str) -> bytes:
    return raw.replace(b"</NbOfTxs>", f"</NbOfTxs>{more}".encode())


def row(raw: bytes, more: str, before: str) -> bytes:
    assert f"<{before}" in raw.decode()
    return raw.replace(f"<{before}".encode(), f"{more}<{before}".encode())


def ordered(yuan: str) -> str:
    return f'<OrgnlIntrBkSttlmAmt Ccy="CNY">{yuan}</OrgnlIntrBkSttlmAmt>'


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ('<TtlRtrdIntrBkSttlmAmt Ccy="CNY">10.00</TtlRtrdIntrBkSttlmAmt>',
         "GrpHdr/TtlRtrdIntrBkSttlmAmt"),
        ("<CtrlSum>1000.00</CtrlSum>", "GrpHdr/CtrlSum"),
        ("<CtrlSum>1e2</CtrlSum>", "GrpHdr/CtrlSum"),
    ],
)  # fmt: skip
async def test_a_return_whose_sums_do_not_agree_is_refused_whole(said: str, field: str) -> None:
    desk = await Desk.forwarded()
    assert await refused_fields(desk, head(returned("1", "100.00"), said)) == [field]
    assert await desk.street.available() == 970_000
    agreeing = head(returned("1", "100.00"), "<CtrlSum>100</CtrlSum>")
    assert texts(await desk.post(agreeing, BANK), "TxSts") == ["ACSC"]


@pytest.mark.parametrize(
    "wrong", [b"", b' Ccy="USD"', b' x:Ccy="CNY" xmlns:x="urn:x"', b' Ccy="CNY" Cty="US"']
)
async def test_an_amount_is_of_a_currency_that_is_named_and_is_ours(wrong: bytes) -> None:
    desk = await Desk.forwarded()
    raw = returned("1", "100.00").replace(b' Ccy="CNY"', wrong)
    assert len(await refused_fields(desk, raw)) == 1
    assert await desk.street.available() == 970_000


async def test_a_word_on_a_payment_of_another_amount_is_about_another_payment() -> None:
    desk = await Desk.forwarded(BankOutcome.UNKNOWN)
    paid = row(report("1", "ACSC"), ordered("299.99"), "TxSts")
    assert texts(await desk.post(paid, BANK), "TxSts") == ["RJCT"]
    back = row(returned("1", "299.99"), ordered("299.99"), "RtrdIntrBkSttlmAmt")
    assert texts(await desk.post(back, BANK), "TxSts") == ["RJCT"]
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.bank is BankOutcome.UNKNOWN
    assert desk.alarms.policies() == ["JL-100", "JL-101"]
    right = row(returned("1", "100.00", id="R-2", refund="TH-2"), ordered("300.00"),
                "RtrdIntrBkSttlmAmt")  # fmt: skip
    assert texts(await desk.post(right, BANK), "TxSts") == ["ACSC"]
    assert await desk.street.available() == 980_000


async def test_a_held_payment_is_not_withdrawn_by_a_recall_of_another_amount() -> None:
    desk = await Desk.open()
    desk.street.book.findings = (finding("JL-052", Action.HOLD),)
    await desk.carry()
    told = await desk.post(recall("1", amount="299.99"))
    assert (texts(told, "TxCxlSts"), texts(told, "Cd")) == (["RJCR"], ["AGNT"])
    standing = await desk.street.ledger.standing(KEY)
    assert standing and standing.held
    told = await desk.post(recall("1", id="A-2", amount="300.00"))
    assert texts(told, "TxCxlSts") == ["ACCR"]


@pytest.mark.parametrize("exact", ["2026/8202/2", "2026/5201/1", "2025/8202/1"])
async def test_two_names_that_do_not_agree_name_no_payment(exact: str) -> None:
    desk = await Desk.forwarded()
    assert texts(await desk.post(enquiry("1", exact=exact)), "Cd") == ["NOOR"]
    two = row(enquiry("1", id="Q-2", exact=EXACT), f"<OrgnlInstrId>{exact}</OrgnlInstrId>",
              "OrgnlEndToEndId")  # fmt: skip
    assert texts(await desk.post(two), "Cd") == ["NOOR"]


@pytest.mark.parametrize("said", ["", "<TxCxlSts>DONE</TxCxlSts>"])
async def test_a_word_on_a_recall_that_says_nothing_known_is_refused_and_not_our_mistake(
    said: str,
) -> None:
    desk = await Desk.forwarded()
    desk.core.reply = RecallReply(status=RecallStatus.PENDING)
    desk.core.silent()
    with pytest.raises(Unready):
        await desk.post(recall("1"))
    word = resolution(desk.core.asked[0], "1", "ACCR").replace(
        b"<TxCxlSts>ACCR</TxCxlSts>", said.encode()
    )
    assert await refused_fields(desk, word) == ["CxlDtls/TxInfAndSts[1]/TxCxlSts"]
    assert texts(await desk.post(resolution(desk.core.asked[0], "1", "ACCR"), BANK), "TxSts") == [
        "ACTC"
    ]
