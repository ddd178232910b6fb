"""One truth about every bank core, however it is spoken to: what is clear counts, else silence.

Each case is a dialogue on real sockets: what the core says, in its own words, and what we conclude.
"""

import contextlib
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import attrs
import pytest
from lxml import etree
from msgspec.structs import replace

from adapters.bank.answers import UNKNOWN, sound
from adapters.bank.http_core import HttpBank
from adapters.bank.iso_core import NAMES, IsoWire, fiscal_names
from adapters.bank.iso_recall import IsoRecalls
from adapters.bank.iso_status import FISCAL, enquirer, read_status
from adapters.bank.voucher_store import VoucherStoreWire
from adapters.bank.wire import JsonWire, Wire
from adapters.formats.iso20022.enquiry import read_letter
from adapters.formats.voucher.letters import VoucherLetters
from adapters.formats.voucher.paper_write import vouchers_envelope
from gateway.domain.bank import BankConduct, BankOutcome, EnquiryOutcome, RecallOrder
from gateway.domain.correspondence import Letter
from gateway.domain.enquiries import PaymentReturn, RecallStatus
from gateway.domain.vouchers import RefundLine, RefundVoucher
from gateway.pipeline.refund import MoneyBack
from gateway.web.refunds import read_money_back
from tests.adapters.bank.scripted import (
    CONDUCT,
    ScriptedBank,
    Speak,
    bank_saying,
    http,
    key,
    saying,
)
from tests.pipeline.letters_iso import resolution, returned

SHARED = Path(__file__).parents[4] / "shared"
NAME = str(key())
NO = key().voucher_no
RECALLING = attrs.evolve(CONDUCT, recall=True)
RAW = b"<raw>\x00 \xbd\xf0</raw>"


@attrs.frozen(kw_only=True)
class Dialect:
    """How one kind of core says the same things."""

    wire: Wire
    format: str
    accepted: bytes
    rejected: bytes
    pending: bytes
    unknown_here: bytes
    of_another: bytes
    accepted_without_reference: bytes
    """A core that cannot say under what number has not said that it paid."""
    unheard_of: bytes
    """A word that we do not know."""
    recalls: dict[RecallStatus, bytes]
    """Its answers to ORDER; none where it takes no recalls."""
    recall_of_another: bytes
    returned: bytes
    """How it tells that 800.50 yuan of this payment came back."""
    read_return: Callable[[bytes], MoneyBack]


def _json(name: str = NAME, **fields: object) -> bytes:
    return json.dumps({"key": name, **fields}, ensure_ascii=False).encode()


def _pacs002(status: str, more: str = "", end_to_end: str = NO) -> bytes:
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"><FIToFIPmtStsRpt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-02T10:00:00Z</CreDtTm></GrpHdr><TxInfAndSts>"
        f"<OrgnlEndToEndId>{end_to_end}</OrgnlEndToEndId><TxSts>{status}</TxSts>{more}"
        "</TxInfAndSts></FIToFIPmtStsRpt></Document>"
    ).encode()


def _reasoned(code: str, text: str) -> str:
    info = f"<Rsn><Cd>{code}</Cd></Rsn><AddtlInf>{text}</AddtlInf>"
    return f"<StsRsnInf>{info}</StsRsnInf>"


def _camt029(status: str, case: str = "ab" * 16) -> bytes:
    return resolution(case, NO, status, words="已入账")


def _json_return(raw: bytes) -> MoneyBack:
    return read_money_back(raw)


def _letter_return(read: Callable[[bytes], Letter]) -> Callable[[bytes], MoneyBack]:
    """As `Correspondence` makes it, once the payment is found."""

    def money_back(raw: bytes) -> MoneyBack:
        matter = read(raw).matter
        assert isinstance(matter, PaymentReturn)
        (item,) = matter.payments
        assert item.original.end_to_end_id == NO
        return MoneyBack(
            key=item.key or replace(key(), voucher_type="PACS004", voucher_no=item.id),
            payment=item.payment or key(), amount_fen=item.amount_fen,
            reason=" ".join(filter(None, (item.reason, item.words))), reference=item.id,
        )  # fmt: skip

    return money_back


def _voucher_2204() -> bytes:
    refund = RefundVoucher(
        key=replace(key(), voucher_type="2204", voucher_no="TH-1"), day=NOW.date(),
        payment_type="8202", payment_no=NO, payment_year="2026", account="42002201",
        amount_fen=80_050, reference="TH-1", reason="AC04 账户已销户",
        lines=(RefundLine(id="1", payment_no=NO, amount_fen=80_050),),
    )  # fmt: skip
    return vouchers_envelope([refund])


NOW = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
ORDER = RecallOrder(id="ab" * 16, key=key(), amount_fen=80_050, reason="DUPL", words="重复录入")
DIALECTS = {
    "json": Dialect(
        wire=JsonWire(), format="json",
        accepted=_json(outcome="accepted", reference="JH1"),
        rejected=_json(outcome="rejected", reason="户名不符"),
        pending=_json(outcome="pending"),
        unknown_here=_json(outcome="not_found"),
        of_another=_json(str(key(2)), outcome="accepted", reference="JH1"),
        accepted_without_reference=_json(outcome="accepted"),
        unheard_of=_json(outcome="perhaps", reference="JH1"),
        recalls={
            RecallStatus.ACCEPTED: _json(recall=ORDER.id, outcome="recalled"),
            RecallStatus.REFUSED: _json(recall=ORDER.id, outcome="refused", reason="已入账"),
            RecallStatus.PENDING: _json(recall=ORDER.id, outcome="pending"),
        },
        recall_of_another=_json(recall="cd" * 16, outcome="recalled"),
        returned=json.dumps({
            "amount": "800.50", "payment": NAME, "reason": "AC04 账户已销户", "reference": "TH-1",
            "refund": NAME.replace("8202", "2204").replace(NO, "TH-1"),
        }).encode(),
        read_return=_json_return,
    ),
    "voucher_store": Dialect(
        wire=VoucherStoreWire(), format="voucher",
        accepted=_json(state=12, reference="JH1"),
        rejected=_json(state=5, message="户名不符"),
        pending=_json(state=3),
        unknown_here=_json(state=13),
        of_another=_json(str(key(2)), state=12, reference="JH1"),
        accepted_without_reference=_json(state=12),
        unheard_of=_json(state=99, reference="JH1"),
        recalls={}, recall_of_another=b"",
        returned=_voucher_2204(), read_return=_letter_return(VoucherLetters().read),
    ),
    "iso20022": Dialect(
        wire=IsoWire(read_status, enquirer(lambda: NOW), IsoRecalls(lambda: NOW, "103")),
        format="iso20022",
        accepted=_pacs002("ACSC", "<AcctSvcrRef>JH1</AcctSvcrRef>"),
        rejected=_pacs002("RJCT", _reasoned("AC01", "户名不符")),
        pending=_pacs002("PDNG"),
        unknown_here=_pacs002("RJCT", "<StsRsnInf><Rsn><Cd>NOOR</Cd></Rsn></StsRsnInf>"),
        of_another=_pacs002("ACSC", "<AcctSvcrRef>JH1</AcctSvcrRef>", "V99999"),
        accepted_without_reference=_pacs002("ACSC"),
        unheard_of=_pacs002("WHAT", "<AcctSvcrRef>JH1</AcctSvcrRef>"),
        recalls={status: _camt029(status.value) for status in RecallStatus},
        recall_of_another=_camt029("ACCR", "cd" * 16),
        returned=returned(NO, "800.50"), read_return=_letter_return(read_letter),
    ),
}  # fmt: skip


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


@contextlib.asynccontextmanager
async def dialogue(
    dialect: Dialect, speak: Speak, conduct: BankConduct = CONDUCT, deadline_s: float = 5.0
) -> AsyncIterator[tuple[HttpBank, ScriptedBank]]:
    async with bank_saying(speak) as (scripted, port):
        bank = HttpBank("127.0.0.1", port, None, conduct, 2, deadline_s, 8, wire=dialect.wire)
        try:
            yield bank, scripted
        finally:
            await bank.aclose()


async def test_the_same_bytes_arrive_once_under_their_key(dialect: Dialect) -> None:
    async with dialogue(dialect, saying(http(dialect.accepted))) as (bank, scripted):
        await bank.submit(key(), RAW, dialect.format)
    (heard,) = scripted.heard
    assert heard.body == RAW
    assert NAME in heard.line or heard.headers["instruction-key"] == NAME


async def test_a_clear_yes_and_a_clear_no_are_believed(dialect: Dialect) -> None:
    async with dialogue(dialect, saying(http(dialect.accepted))) as (bank, _):
        got = await bank.submit(key(), RAW, dialect.format)
        assert (got.outcome, got.reference) == (BankOutcome.ACCEPTED, "JH1")
        asked = await bank.enquire(key())
        assert (asked.outcome, asked.reference) == (EnquiryOutcome.ACCEPTED, "JH1")
    async with dialogue(dialect, saying(http(dialect.rejected))) as (bank, _):
        got = await bank.submit(key(), RAW, dialect.format)
        assert got.outcome is BankOutcome.REJECTED
        assert "户名不符" in (got.reason or "")
        asked = await bank.enquire(key())
        assert asked.outcome is EnquiryOutcome.REJECTED
        assert "户名不符" in (asked.reason or "")


def _twice(dialect: Dialect, first: bytes, second: bytes) -> bytes:
    """Both in one document: which of them is heard depends on who reads it."""
    if dialect.format == "iso20022":
        one = re.search(rb"<TxInfAndSts>.*</TxInfAndSts>", first)
        assert one
        return second.replace(b"<TxInfAndSts>", one[0] + b"<TxInfAndSts>", 1)
    return first[:-1] + b", " + second[1:]


SPOILT: dict[str, Callable[[Dialect], bytes]] = {
    "of another payment": lambda d: http(d.of_another),
    "accepted without a reference": lambda d: http(d.accepted_without_reference),
    "a word unheard of": lambda d: http(d.unheard_of),
    "not whole": lambda d: http(d.accepted[:-5]),
    "empty": lambda d: http(b""),
    "not this language": lambda d: http(b"\xff\xfe<html>"),
    "two payments at once": lambda d: http(_twice(d, d.of_another, d.accepted)),
    "a no and then a yes": lambda d: http(_twice(d, d.rejected, d.accepted)),
    "a yes and then a no": lambda d: http(_twice(d, d.accepted, d.rejected)),
    "a no spelt otherwise, and a yes": lambda d: http(
        _twice(d, d.rejected, d.accepted).replace(b'"key"', rb'"k\u0065y"', 1)
    ),
    "500": lambda d: http(d.accepted, "500 Internal Server Error"),
    "404 with a yes": lambda d: http(d.accepted, "404 Not Found"),
    "302": lambda d: http(d.accepted, "302 Found"),
    "a bare 404": lambda d: http(b"", "404 Not Found"),
    "a long reference": lambda d: http(d.accepted.replace(b"JH1", b"J" * 501)),
}


@pytest.mark.parametrize("spoilt", SPOILT)
async def test_whatever_is_not_clear_is_silence(dialect: Dialect, spoilt: str) -> None:
    said = SPOILT[spoilt](dialect)
    async with dialogue(dialect, saying(said)) as (bank, scripted):
        got = await bank.submit(key(), RAW, dialect.format)
        assert got.outcome is BankOutcome.UNKNOWN
        assert bank.unknown == 1, "counted as silence"
        asked = await bank.enquire(key())
        assert asked.outcome is EnquiryOutcome.SILENT
    assert sum(heard.body == RAW for heard in scripted.heard) == 1, "sent again"


async def test_silence_is_unknown_and_a_closed_port_is_never_taken(dialect: Dialect) -> None:
    async with dialogue(dialect, saying(), deadline_s=1.0) as (bank, scripted):
        assert await bank.submit(key(), RAW, dialect.format) is UNKNOWN
        assert len(scripted.heard) == 1
    assert (await bank.submit(key(), RAW, dialect.format)).outcome is BankOutcome.NOT_TAKEN


async def test_on_its_way_is_pending_and_no_silence(dialect: Dialect) -> None:
    async with dialogue(dialect, saying(http(dialect.pending))) as (bank, _):
        assert (await bank.enquire(key())).outcome is EnquiryOutcome.PENDING
        got = await bank.submit(key(), RAW, dialect.format)
        assert got.outcome is BankOutcome.UNKNOWN
        if dialect.format != "json":  # a JSON core answers a submission with its end
            assert got is not UNKNOWN, "a core that has it opens no circuit"
            assert bank.unknown == 0


async def test_not_found_is_believed_in_the_core_s_own_words_only(dialect: Dialect) -> None:
    said = http(dialect.unknown_here, "404 Not Found")
    async with dialogue(dialect, saying(said)) as (bank, _):
        assert (await bank.enquire(key())).outcome is EnquiryOutcome.NOT_FOUND


async def test_noor_alone_says_that_nothing_came_and_refuses_nothing_by_200_or_404() -> None:
    """Believed as a refusal it gave the limit back while the payment was on its way still."""
    dialect = DIALECTS["iso20022"]
    async with dialogue(dialect, saying(http(dialect.rejected, "404 Not Found"))) as (bank, _):
        assert (await bank.enquire(key())).outcome is EnquiryOutcome.SILENT
    async with dialogue(dialect, saying(http(dialect.unknown_here))) as (bank, _):
        assert (await bank.enquire(key())).outcome is EnquiryOutcome.NOT_FOUND
        assert (await bank.submit(key(), RAW, dialect.format)).outcome is BankOutcome.UNKNOWN


def test_five_hundred_signs_are_words_and_one_more_is_none() -> None:
    assert sound("款" * 500) and not sound("款" * 501)


async def test_a_message_that_was_not_taken_was_not_deposited() -> None:
    for status, taken in (("200 OK", True), ("201 Created", True), ("404 Not Found", False)):
        async with dialogue(DIALECTS["json"], saying(http(b"", status))) as (bank, scripted):
            assert await bank.deposit(b"\xab" * 32, b"<many/>", "iso20022") is taken
        assert scripted.heard[0].line == f"PUT /v1/messages/{'ab' * 32} HTTP/1.1"


async def test_a_recall_is_asked_and_the_cores_own_word_about_it_is_believed(
    dialect: Dialect,
) -> None:
    for status, body in dialect.recalls.items():
        async with dialogue(dialect, saying(http(body)), RECALLING) as (bank, scripted):
            reply = await bank.recall(ORDER)
        assert reply.status is status and reply.heard
        if status is RecallStatus.REFUSED:
            assert "已入账" in (reply.reason or "")
        (heard,) = scripted.heard
        assert ORDER.id in heard.body.decode() and "80050" in heard.body.decode().replace(".", "")
        assert heard.headers["instruction-key"] == NAME


async def test_a_recall_that_says_nothing_of_ours_is_unheard_and_may_be_asked_again(
    dialect: Dialect,
) -> None:
    hidden = "已\u202e入账".encode()
    unsound = dialect.recalls.get(RecallStatus.REFUSED, b"").replace("已入账".encode(), hidden)
    for said in (b"", b"\xff<html>", dialect.accepted, dialect.recall_of_another, unsound):
        async with dialogue(dialect, saying(http(said)), RECALLING) as (bank, _):
            replies = [await bank.recall(ORDER) for _ in range(2)]
        assert all(r.heard != bool(dialect.recalls) for r in replies)
    async with dialogue(dialect, saying(), RECALLING, deadline_s=0.2) as (bank, _):
        assert (await bank.recall(ORDER)).heard != bool(dialect.recalls)


async def test_a_core_without_recalls_is_not_asked_and_says_why(dialect: Dialect) -> None:
    conduct = CONDUCT if dialect.recalls else RECALLING
    async with dialogue(dialect, saying(http(b"")), conduct) as (bank, scripted):
        reply = await bank.recall(ORDER)
    assert reply.status is RecallStatus.REFUSED and "撤销" in (reply.reason or "")
    assert not scripted.heard


def test_a_return_is_the_same_refund_in_every_language(dialect: Dialect) -> None:
    back = dialect.read_return(dialect.returned)
    assert (back.payment, back.amount_fen, back.reference) == (key(), 80_050, "TH-1")
    assert back.reason == "AC04 账户已销户" and back.key.voucher_no == "TH-1"
    assert back.key.division == key().division and back.key != back.payment


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/xsd beside the checkout")
def test_what_is_asked_in_iso_20022_is_valid_by_its_schema() -> None:
    for order in (ORDER, attrs.evolve(ORDER, reason="", words=""), attrs.evolve(ORDER, reason="X")):
        recall = etree.fromstring(IsoRecalls(lambda: NOW, "103").written(order))
        etree.XMLSchema(etree.parse(SHARED / "xsd" / "camt.056.001.08.xsd")).assertValid(recall)
    schema = etree.XMLSchema(etree.parse(SHARED / "xsd" / "pacs.028.001.03.xsd"))
    document = etree.fromstring(enquirer(lambda: NOW)(key()))
    schema.assertValid(document)
    assert document.findtext(".//{*}OrgnlEndToEndId") == NO
    for asked in (recall, document):
        named = [asked.findtext(f".//{{{FISCAL}}}{name}") for name in NAMES]
        assert named == ["220000000", "2026", "8202"], "another year or type may have the number"


@pytest.mark.parametrize("name", NAMES)
def test_a_report_on_the_same_number_of_another_year_or_type_says_nothing(name: str) -> None:
    wire = IsoWire(read_status, enquirer(lambda: NOW), IsoRecalls(lambda: NOW, "103"))

    def told(**other: str) -> EnquiryOutcome:
        fiscal = "".join(
            f"<{each}>{text}</{each}>" for each, text in {**fiscal_names(key()), **other}.items()
        )
        envelope = f'<Envlp><Fiscal xmlns="{FISCAL}">{fiscal}</Fiscal></Envlp>'
        more = f"<AcctSvcrRef>JH1</AcctSvcrRef><SplmtryData>{envelope}</SplmtryData>"
        return wire.enquired(key(), 200, _pacs002("ACSC", more)).outcome

    assert told() is EnquiryOutcome.ACCEPTED
    assert told(**{name: "8207"}) is EnquiryOutcome.SILENT
    twice = f"8207</{name}><{name}>{fiscal_names(key())[name]}"
    assert told(**{name: twice}) is EnquiryOutcome.SILENT, "another one's, and then ours"


@pytest.mark.parametrize("name", ["TxCxlSts", "OrgnlEndToEndId"])
def test_a_word_on_a_recall_that_names_something_twice_is_none(name: str) -> None:
    """Given back, and then refused."""
    recalls, said = IsoRecalls(lambda: NOW, "103"), _camt029("RJCR").decode()
    assert recalls.read(ORDER, said.encode()) is not None
    begin, end = said.index(f"<{name}>"), said.index(f"</{name}>") + len(f"</{name}>")
    first = said[begin:end].replace("RJCR", "ACCR")
    assert recalls.read(ORDER, resolution(ORDER.id, NO + "0", "ACCR")) is None, "another payment"
    assert recalls.read(ORDER, (said[:begin] + first + said[begin:]).encode()) is None


def test_an_answer_with_a_dtd_or_two_transactions_says_nothing() -> None:
    body = _pacs002("ACSC", "<AcctSvcrRef>JH1</AcctSvcrRef>")
    assert read_status(body) is not None
    assert read_status(b'<!DOCTYPE x [<!ENTITY e "JH1">]>' + body) is None
    one = body[body.index(b"<TxInfAndSts>") : body.index(b"</FIToFIPmtStsRpt>")]
    assert read_status(body.replace(one, one + one)) is None
    assert read_status(body.replace(b"pacs.002", b"camt.053")) is None
