"""One truth about every bank core, however it is spoken to: what is clear counts, else silence.

Each case is a dialogue on real sockets: what the core says, in its own words, and what we conclude.
"""

import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import attrs
import pytest
from lxml import etree

from adapters.bank.answers import UNKNOWN
from adapters.bank.http_core import HttpBank
from adapters.bank.iso_core import IsoWire
from adapters.bank.iso_status import enquirer, read_status
from adapters.bank.voucher_store import VoucherStoreWire
from adapters.bank.wire import JsonWire, Wire
from gateway.domain.bank import BankOutcome, EnquiryOutcome
from tests.adapters.bank.scripted import (
    CONDUCT,
    ScriptedBank,
    Speak,
    bank_saying,
    http,
    key,
    saying,
)

SHARED = Path(__file__).parents[4] / "shared"
NAME = str(key())
NO = key().voucher_no
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


NOW = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
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
    ),
    "iso20022": Dialect(
        wire=IsoWire(read_status, enquirer(lambda: NOW)), format="iso20022",
        accepted=_pacs002("ACSC", "<AcctSvcrRef>JH1</AcctSvcrRef>"),
        rejected=_pacs002("RJCT", _reasoned("AC01", "户名不符")),
        pending=_pacs002("PDNG"),
        unknown_here=_pacs002("RJCT", "<StsRsnInf><Rsn><Cd>NOOR</Cd></Rsn></StsRsnInf>"),
        of_another=_pacs002("ACSC", "<AcctSvcrRef>JH1</AcctSvcrRef>", "V99999"),
        accepted_without_reference=_pacs002("ACSC"),
        unheard_of=_pacs002("WHAT", "<AcctSvcrRef>JH1</AcctSvcrRef>"),
    ),
}  # fmt: skip


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


@contextlib.asynccontextmanager
async def dialogue(dialect: Dialect, speak: Speak, deadline_s: float = 5.0) -> (
    AsyncIterator[tuple[HttpBank, ScriptedBank]]
):  # fmt: skip
    async with bank_saying(speak) as (scripted, port):
        bank = HttpBank("127.0.0.1", port, None, CONDUCT, 2, deadline_s, 8, wire=dialect.wire)
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


SPOILT: dict[str, Callable[[Dialect], bytes]] = {
    "of another payment": lambda d: http(d.of_another),
    "accepted without a reference": lambda d: http(d.accepted_without_reference),
    "a word unheard of": lambda d: http(d.unheard_of),
    "not whole": lambda d: http(d.accepted[:-5]),
    "empty": lambda d: http(b""),
    "not this language": lambda d: http(b"\xff\xfe<html>"),
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
    async with dialogue(dialect, saying(), deadline_s=0.2) as (bank, scripted):
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


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/xsd beside the checkout")
def test_what_is_asked_in_iso_20022_is_valid_by_its_schema() -> None:
    schema = etree.XMLSchema(etree.parse(SHARED / "xsd" / "pacs.028.001.03.xsd"))
    document = etree.fromstring(enquirer(lambda: NOW)(key()))
    schema.assertValid(document)
    assert document.findtext(".//{*}OrgnlEndToEndId") == NO


def test_an_answer_with_a_dtd_or_two_transactions_says_nothing() -> None:
    body = _pacs002("ACSC", "<AcctSvcrRef>JH1</AcctSvcrRef>")
    assert read_status(body) is not None
    assert read_status(b'<!DOCTYPE x [<!ENTITY e "JH1">]>' + body) is None
    one = body[body.index(b"<TxInfAndSts>") : body.index(b"</FIToFIPmtStsRpt>")]
    assert read_status(body.replace(one, one + one)) is None
    assert read_status(body.replace(b"pacs.002", b"camt.053")) is None
