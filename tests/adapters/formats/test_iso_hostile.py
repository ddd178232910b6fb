"""Hostile bytes: each is refused by a clear code, in bounded memory, and none is half believed."""

import resource
import subprocess
import sys
from itertools import repeat

import pytest

from adapters.formats.iso20022.cut import several
from adapters.formats.iso20022.enquiry import read_letter
from adapters.formats.iso20022.payments import IsoBulk, IsoFormat, IsoPartFormat
from adapters.formats.iso20022.write import written_message
from adapters.formats.statements import read_any_statement
from gateway.domain.bulk import MESSAGE_BYTES_MAX
from gateway.domain.faults import FaultCode, Unreadable
from tests.adapters.formats.iso_samples import (
    AT,
    an_instruction,
    behind_decoys,
    many,
    under_prefix,
    written_one,
)

GOOD = written_one(an_instruction())
MANY = written_message(many(3), "pain.001.001.09", "M", AT)
START = GOOD.index(b"<Document")
BOMB = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
FILE = b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
PARAMETER = b"<!DOCTYPE x [<!ENTITY % a SYSTEM 'http://127.0.0.1:9/x.dtd'>%a;]>"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'


def put(markup: bytes, raw: bytes = GOOD) -> bytes:
    at = raw.index(b"<Document")
    return raw[:at] + markup + raw[at:]


def encoded(encoding: str, declared: str | None = None) -> bytes:
    text = GOOD.decode()
    return text.replace('encoding="UTF-8"', f'encoding="{declared or encoding}"').encode(encoding)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (put(BOMB), FaultCode.DTD_REFUSED),
        (put(FILE), FaultCode.DTD_REFUSED),
        (put(PARAMETER), FaultCode.DTD_REFUSED),
        (put(BOMB, MANY), FaultCode.DTD_REFUSED),
        (put(b"<!doctype x>"), FaultCode.DTD_REFUSED),
        (put(b"<!-- x -->"), FaultCode.NOT_XML),
        (put(b"<?xml-stylesheet href='x'?>"), FaultCode.NOT_XML),
        (GOOD.replace(b"<MsgId>M", b"<MsgId><![CDATA[M]]>"), FaultCode.NOT_XML),
        (GOOD.replace(b"<MsgId>M", b"<MsgId>&nbsp;M"), FaultCode.NOT_XML),
        (GOOD.replace(b"<MsgId>M", b"<MsgId>&#0;M"), FaultCode.NOT_XML),
        (GOOD.replace(b"<MsgId>M", b"<MsgId>\x00M"), FaultCode.NOT_XML),
        (GOOD[:-20], FaultCode.NOT_XML),
        (MANY[:-20], FaultCode.NOT_XML),
        (GOOD + b"<Document/>", FaultCode.NOT_XML),
        (MANY + b"<Document/>", FaultCode.NOT_XML),
        (GOOD + b"x", FaultCode.NOT_XML),
        (b"", FaultCode.NOT_XML),
        (b"<" * 100_000, FaultCode.NOT_XML),
        (HEAD + b"<a>" * 100_000, FaultCode.NOT_XML),
        (HEAD + b"<Document " + b'a="1" ' * 100_000 + b"/>", FaultCode.NOT_XML),
        (encoded("gbk"), FaultCode.NOT_XML),
        (encoded("utf-16"), FaultCode.NOT_XML),
        (encoded("utf-8", "GBK"), FaultCode.NOT_XML),
        (encoded("utf-8", "UTF-7"), FaultCode.NOT_XML),
        (GOOD.replace("长春".encode(), b"\xed\xa0\x80"), FaultCode.NOT_XML),
        (GOOD.replace("长春".encode(), b"\xc0\xaf"), FaultCode.NOT_XML),
        (b"<MOF>" + GOOD[START:] + b"</MOF>", FaultCode.MEDIA_TYPE_UNSUPPORTED),
        (GOOD.replace(b"20022:tech", b"20022:text"), FaultCode.MEDIA_TYPE_UNSUPPORTED),
        (GOOD.replace(b"pain.001.001.09", b"pain.008.001.02"), FaultCode.MEDIA_TYPE_UNSUPPORTED),
    ],
)  # fmt: skip
def test_what_is_not_a_plain_message_is_refused_by_its_code(raw: bytes, code: FaultCode) -> None:
    for read in (IsoFormat().parse, IsoBulk().open, read_letter, read_any_statement):
        with pytest.raises(Unreadable) as caught:
            read(raw)  # type: ignore[operator]
        if read in (IsoFormat().parse, IsoBulk().open):
            assert caught.value.code is code
        assert "root:" not in str(caught.value.errors) + caught.value.detail


WRAPPED = b'<Sgntr><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></Sgntr>'


@pytest.mark.parametrize(
    "raw",
    [
        b"<Envelope>" + GOOD[START:] + GOOD[START:] + b"</Envelope>",
        GOOD.replace(b"<GrpHdr>", WRAPPED + b"<GrpHdr>"),
        GOOD.replace(b"</CstmrCdtTrfInitn>", b"</CstmrCdtTrfInitn>" + GOOD[
            GOOD.index(b"<CstmrCdtTrfInitn>"):GOOD.index(b"</Document>")]),
        GOOD.replace(b"</Fiscal>", b"</Fiscal><CdtTrfTxInf>x</CdtTrfTxInf>"),
        GOOD.replace(b"<Division>", b"<CdtTrfTxInf>1</CdtTrfTxInf><Division>"),
        MANY.replace(b"<Division>", b"<CdtTrfTxInf>1</CdtTrfTxInf><Division>", 1),
        MANY.replace(b"</Fiscal>", b"</Fiscal></Envlp></SplmtryData><SplmtryData><Envlp>"
                     b"<Fiscal xmlns='urn:treasury-gateway:fiscal:1'/>", 1),
        GOOD.replace(b"</CstmrCdtTrfInitn>", b"<SplmtryData><Envlp><Fiscal xmlns='urn:treasury-"
                     b"gateway:fiscal:1'><Division>1</Division></Fiscal></Envlp></SplmtryData>"
                     b"</CstmrCdtTrfInitn>"),
    ],
    ids=["envelope of two", "xml signature", "second body", "payment in envelope",
         "payment in fiscal", "payment in fiscal of many", "two fiscals", "fiscal of the whole"],
)  # fmt: skip
def test_nothing_is_wrapped_around_or_hidden_in_what_was_signed(raw: bytes) -> None:
    """The signature is over all bytes, so nobody may find a second payment in them."""
    bulk = IsoBulk()
    with pytest.raises(Unreadable):
        for part in bulk.parts(raw, bulk.open(raw)):
            if part.fault:
                raise part.fault
    if not several(raw):
        with pytest.raises(Unreadable):
            IsoFormat().parse(raw)


def test_a_prefix_for_every_element_changes_nothing() -> None:
    """Another spelling of the same message is the same instruction, alone and among many."""
    raw = MANY.replace(b"<Document xmlns=", b"<Document xmlns:p=")
    pieces, inside = [], False
    for piece in raw.decode().split("<"):
        name = piece.lstrip("/")
        if name.startswith(("Fiscal ", "Fiscal>")):
            inside = not piece.startswith("/")
        elif name and not inside and not name.startswith("?"):
            piece = f"/p:{name}" if piece.startswith("/") else f"p:{piece}"
        pieces.append(piece)
    prefixed, bulk = "<".join(pieces).encode(), IsoBulk()
    assert [part.instruction for part in bulk.parts(prefixed, bulk.open(prefixed))] == many(3)


_METHOD, _SUM = b"<SttlmMtd>CLRG</SttlmMtd>", b"</CtrlSum>"
_ACCOUNT = b"<SttlmAcct><Id><Othr><Id>6222000011112222</Id></Othr></Id></SttlmAcct>"
_THROUGH = b"<InstdRmbrsmntAgt><FinInstnId><Nm>x</Nm></FinInstnId></InstdRmbrsmntAgt>"


@pytest.mark.parametrize("kind", ["pacs.008.001.02", "pacs.008.001.04", "pacs.008.001.08"])
@pytest.mark.parametrize(
    ("after", "stands", "place"),
    [
        (_METHOD, _ACCOUNT, "SttlmInf/SttlmAcct"),
        (_METHOD, _THROUGH, "SttlmInf/InstdRmbrsmntAgt"),
        (_SUM, b'<TtlIntrBkSttlmAmt Ccy="CNY">1.00</TtlIntrBkSttlmAmt>', "TtlIntrBkSttlmAmt"),
        (_SUM, b'<TtlIntrBkSttlmAmt Ccy="USD">12800.00</TtlIntrBkSttlmAmt>', "@Ccy"),
    ],
)
def test_no_group_header_says_from_where_or_how_much_unseen(
    kind: str, after: bytes, stands: bytes, place: str
) -> None:
    """An account to settle from, which no register was asked about, went to the bank unread."""
    one = written_one(an_instruction(), kind)
    with pytest.raises(Unreadable) as caught:
        IsoFormat().parse(one.replace(after, after + stands, 1))
    assert place in caught.value.errors[0].field
    right = b'<TtlIntrBkSttlmAmt Ccy="CNY">12800.00</TtlIntrBkSttlmAmt>'
    system = b"<ClrSys><Cd>ABC</Cd></ClrSys>"
    said = one.replace(_SUM, _SUM + right, 1).replace(_METHOD, _METHOD + system, 1)
    assert IsoFormat().parse(said) == an_instruction()


@pytest.mark.parametrize("kind", ["pain.001.001.03", "pain.001.001.09"])
def test_nobody_else_forwards_or_authorises_unseen(kind: str) -> None:
    agent = b"<FwdgAgt><FinInstnId><Nm>x</Nm></FinInstnId></FwdgAgt>"
    words = "<Authstn><Prtry>购礼品</Prtry></Authstn>".encode()
    for raw in (written_one(an_instruction(), kind), written_message(many(2), kind, "M", AT)):
        for before, stands in ((b"</GrpHdr>", agent), (b"<NbOfTxs>", words)):
            said = raw.replace(before, stands + before, 1)
            with pytest.raises(Unreadable) as caught:
                (IsoBulk().open if several(said) else IsoFormat().parse)(said)
            assert [each.code for each in caught.value.errors] == ["unsupported"]


@pytest.mark.parametrize("kind", ["pain.001.001.09", "pacs.008.001.08"])
def test_no_payment_is_judged_and_the_bytes_of_another_forwarded(kind: str) -> None:
    """Between the first payment, which nobody may order, and the third stands a good one. All three
    bear a prefix that only a parser takes for one; decoys of another namespace, as many, do not."""
    raw = behind_decoys(written_message(many(3), kind, "M", AT))
    with pytest.raises(Unreadable, match="inside one another"):
        IsoBulk().open(raw)


@pytest.mark.parametrize("prefix", ["支付", "p", "a·b", "x-1."])
def test_whatever_prefix_payments_have_each_is_cut_as_it_is_judged(prefix: str) -> None:
    raw, bulk = under_prefix(MANY, prefix), IsoBulk()
    assert several(raw)
    parts = list(bulk.parts(raw, bulk.open(raw)))
    assert [part.instruction for part in parts] == many(3)
    assert [IsoPartFormat().parse(part.raw) for part in parts] == many(3)


@pytest.mark.slow
def test_streams_of_a_gibibyte_are_refused_in_bounded_memory() -> None:
    """Measured in a process of its own: its peak stays near what the bytes themselves take."""
    script = (
        "import resource,sys\n"
        "from adapters.formats.iso20022.payments import IsoBulk, IsoFormat\n"
        "from adapters.formats.voucher.payments import VoucherFormat\n"
        "from adapters.formats.json.instruction import JsonFormat\n"
        "from gateway.domain.faults import Unreadable\n"
        "raw = bytes(1 << 30) if sys.argv[1] == 'nul' else b'<a>' * ((1 << 30) // 3)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for read in (IsoFormat().parse, IsoBulk().open, VoucherFormat().parse,"
        " JsonFormat().parse):\n"
        "    try: read(raw); sys.exit('accepted')\n"
        "    except Unreadable as fault: assert fault.code == 'body_too_large', fault.code\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((after - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "nul"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 16


@pytest.mark.slow
def test_a_large_hostile_message_costs_little_beside_its_own_bytes() -> None:
    deep = HEAD + b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">'
    raw = deep + b"".join(repeat(b"<x>", 5_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable):
        IsoBulk().open(raw)
    with pytest.raises(Unreadable):
        IsoFormat().parse(raw)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    assert grown_mib < 64, grown_mib
    assert len(raw) < MESSAGE_BYTES_MAX


def test_gbk_outside_its_set_is_said_in_iso_it_is_ordinary_text() -> None:
    smiling = written_one(an_instruction(purpose="修电梯\U0001f600"))
    assert IsoFormat().parse(smiling).purpose == "修电梯\U0001f600"


DAY = b"<IntrBkSttlmDt>2031-01-01</IntrBkSttlmDt>"
NAMED = (
    b"<RfrdDocInf><Tp><CdOrPrtry><Prtry>IndicatorId</Prtry></CdOrPrtry>"
    b"<Issr>treasury-gateway</Issr></Tp></RfrdDocInf>"
)


@pytest.mark.parametrize(
    ("kind", "there", "more", "place"),
    [
        ("pacs.008.001.08", b"<SttlmInf>", DAY, "IntrBkSttlmDt"),
        ("pain.001.001.03", NAMED, NAMED.replace(b"IndicatorId", b"ProjectCode"), "RmtInf/Strd"),
        ("pain.001.001.09", b"<AgencyCode>", "付往他处".encode(), "Fiscal"),
    ],
)
def test_what_two_readers_would_read_differently_is_refused(
    kind: str, there: bytes, more: bytes, place: str
) -> None:
    """A day for the group and another for its payment; one text under two names; words between the
    fiscal elements, which a reader of all text sees and one of elements does not."""
    raw = written_one(an_instruction(), kind)
    assert there in raw
    with pytest.raises(Unreadable) as refused:
        IsoFormat().parse(raw.replace(there, more + there))
    assert any(error.field.endswith(place) for error in refused.value.errors)


def test_a_day_said_again_is_no_contradiction() -> None:
    raw = written_one(an_instruction(), "pacs.008.001.08")
    same = b"<IntrBkSttlmDt>2026-03-02</IntrBkSttlmDt>"
    assert same in raw
    again = raw.replace(b"<SttlmInf>", same + b"<SttlmInf>")
    assert IsoFormat().parse(again) == an_instruction()
