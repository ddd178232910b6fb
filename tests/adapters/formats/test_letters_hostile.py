"""Hostile letters: each is refused by a clear code, in bounded memory, none is half believed."""

import base64
import subprocess
import sys

import pytest

from adapters.bank.iso_recall import IsoRecalls
from adapters.formats.iso20022.letters import IsoLetters
from adapters.formats.voucher.letters import VoucherLetters
from gateway.domain.bulk import MESSAGE_BYTES_MAX
from gateway.domain.faults import FaultCode, Unreadable
from gateway.web.outcomes import read_outcome
from gateway.web.refunds import read_money_back
from tests.adapters.bank.test_core_contract import NOW, ORDER
from tests.adapters.formats.iso_messages import statement
from tests.adapters.formats.test_iso_hostile import BOMB, FILE, PARAMETER, WRAPPED, put
from tests.adapters.formats.test_voucher_papers import sample_voucher
from tests.pipeline.letters_iso import enquiry, recall, resolution, returned

LETTERS = IsoLetters("103")
GOOD = {
    "pacs.028": enquiry("1"), "camt.056": recall("1"), "camt.029": resolution("ab", "1", "ACCR"),
    "pacs.004": returned("1", "1.00"), "camt.053": statement("camt.053.001.08"),
}  # fmt: skip


def refusal(raw: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        LETTERS.read(raw)
    assert "root:" not in caught.value.detail + str(caught.value.errors)
    return caught.value


@pytest.mark.parametrize("name", GOOD)
def test_a_letter_that_is_no_plain_xml_is_refused_by_its_code(name: str) -> None:
    good = GOOD[name]
    LETTERS.read(good)
    for markup in (BOMB, FILE, PARAMETER, b"<!doctype x>"):
        assert refusal(put(markup, good)).code is FaultCode.DTD_REFUSED
    text = good.decode()
    for raw in (
        put(b"<!-- x -->", good), put(b"<?xml-stylesheet href='x'?>", good), good[:-20],
        good + b"<Document/>", good + b"x", good.replace(b"Id>", b"Id>&nbsp;", 1),
        good.replace(b"Id>", b"Id>&#0;", 1), good.replace(b"Id>", b"Id>\x00", 1),
        good.replace("示例".encode(), b"\xc0\xaf") if "示例" in text else b"<",
        text.replace('encoding="UTF-8"', 'encoding="GBK"').encode(),
        text.encode("utf-16"), b"", good.replace(b"Document>", b"Document>" + b"<a>" * 9_999, 1),
    ):  # fmt: skip
        assert refusal(raw).code is FaultCode.NOT_XML


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_wrapped_around_or_hidden_in_a_signed_letter(name: str) -> None:
    good = GOOD[name]
    body = good[good.index(b"<Document") :]
    inner = body[body.index(b">") + 1 : body.rindex(b"</Document>")]
    for raw in (
        b"<Envelope>" + body + b"</Envelope>",
        good.replace(inner, inner + inner),
        good.replace(inner, WRAPPED + inner),
        good.replace(b"</Document>", b"<SplmtryData/></Document>"),
    ):
        refusal(raw)


def test_a_letter_as_deep_as_a_parser_goes_is_refused_before_its_paths_are_compared() -> None:
    """200 levels with 100,000 leaves, 400 KB, took nineteen seconds of the processor."""
    nest = b"<Id>" * 200 + b"<Cd>1</Cd>" * 10_000 + b"</Id>" * 200
    for raw in (
        recall("1").replace(b"<CxlId>", nest + b"<CxlId>"),
        recall("1").replace(b"<FinInstnId>", b"<FinInstnId>" + nest, 1),
    ):
        assert [each.field for each in refusal(raw).errors] == ["Document"]
    long = b"<" + b"I" * 36 + b"/><CxlId>"
    assert {each.code for each in refusal(recall("1").replace(b"<CxlId>", long)).errors} == {
        "unsupported"
    }


def test_a_letter_names_a_bounded_number_of_payments_and_at_least_one() -> None:
    many = enquiry(*(str(number) for number in range(501)))
    assert {e.code for e in refusal(many).errors} == {"too_many_payments"}
    few = recall("1").replace(recall("1")[recall("1").index(b"<Undrlyg>") : recall("1").index(
        b"</FIToFIPmtCxlReq>")], b"")  # fmt: skip
    assert {e.code for e in refusal(few).errors} == {"required"}


def test_a_division_that_is_none_is_refused() -> None:
    raw = returned("1", "1.00").replace(b"<Id>220000000<", b"<Id>22000000<")
    assert {e.code for e in refusal(raw).errors} == {"pattern"}


@pytest.mark.parametrize(
    "wide", [b"9" * 36, "号".encode() * 200, b"1\xe2\x80\xae2", b"1\xe2\x80\x8b2"]
)
def test_names_that_are_too_long_or_hold_what_nobody_sees_are_refused(wide: bytes) -> None:
    raw = enquiry("1").replace(b"<MsgId>Q-1<", b"<MsgId>%b<" % wide)
    assert "text" in {error.code for error in refusal(raw).errors}
    whole = enquiry("1").replace(b"<MsgId>Q-1<", b"<MsgId>%b<" % (b"9" * 35))
    assert LETTERS.read(whole).id == "9" * 35


def test_duplicates_in_json_and_numbers_that_are_none_are_refused() -> None:
    key = '"instruction":"220000000/2026/8202/1"'
    for raw in (
        f'{{"id":"1",{key},"outcome":"accepted","reference":"a","reference":"b"}}',
        f'{{"id":"1","id":"2",{key},"outcome":"accepted","reference":"a"}}',
    ):
        with pytest.raises(Unreadable):
            read_outcome(raw.encode())
    for raw in (
        b"[" * 100_000, b'{"id":' * 5_000, b"\xff\xfe", b'{"id":"\\ud800"}', b"nan",
    ):  # fmt: skip
        for read in (read_outcome, read_money_back):
            with pytest.raises(Unreadable):
                read(raw)


def test_a_hostile_answer_of_a_core_is_silence() -> None:
    good = resolution(ORDER.id, ORDER.key.voucher_no, "ACCR")
    recalls = IsoRecalls(lambda: NOW, "103")
    assert recalls.read(ORDER, good)
    row = good[good.index(b"<TxInfAndSts>") : good.index(b"</CxlDtls>")]
    for raw in (
        put(BOMB, good), put(FILE, good), good[:-9], b"", b"\x00" * 9, good.replace(row, row + row),
        good.replace(b"ACCR", b"XXXX"), b"<a>" * 50_000, good + b" " * (70 << 10),
        good.replace(b"camt.029", b"camt.053"),
    ):  # fmt: skip
        assert recalls.read(ORDER, raw) is None


def test_a_hostile_voucher_letter_is_refused_by_its_code() -> None:
    good, letters = sample_voucher("2204"), VoucherLetters()
    assert letters.takes(good) and letters.read(good)
    inner = base64.b64encode(b"<!DOCTYPE x><Voucher/>")
    start, end = good.rindex(b"<Voucher>") + 9, good.rindex(b"</Voucher>")
    for raw, code in (
        (good.replace(b"<MOF>", b"<!DOCTYPE x><MOF>"), FaultCode.DTD_REFUSED),
        (good.replace(b"<MOF>", b"<MOF><!-- x -->"), FaultCode.NOT_XML),
        (good[:start] + inner + good[end:], FaultCode.DTD_REFUSED),
        (good[:start] + b"AAAA\n" + good[end:], FaultCode.INSTRUCTION_INVALID),
        (good.replace(b"<Attach>", b"<Attach>\x80\xff"), FaultCode.NOT_GBK),
        (good[:-10], FaultCode.NOT_XML),
        (good + b" " * (5 << 20), FaultCode.BODY_TOO_LARGE),
    ):
        with pytest.raises(Unreadable) as caught:
            letters.read(raw)
        assert caught.value.code is code, raw[:200]


@pytest.mark.slow
def test_a_flood_of_tags_costs_little_memory() -> None:
    """As large as a message may be and nothing but tags, in a process of its own."""
    script = (
        "import resource\n"
        "from adapters.formats.iso20022.payments import IsoFormat\n"
        "from adapters.formats.iso20022.letters import IsoLetters\n"
        "from gateway.domain.faults import Unreadable\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "ns = 'urn:iso:std:iso:20022:tech:xsd:'\n"
        "for name in ('pain.001.001.09', 'camt.056.001.08', 'camt.053.001.08'):\n"
        '    head = f\'<?xml version="1.0"?><Document xmlns="{ns}{name}">\'.encode()\n'
        f"    raw = head + b'<x/>' * ({MESSAGE_BYTES_MAX - 1000} // 4) + b'</Document>'\n"
        "    before = peak()\n"
        "    for read in (IsoFormat().parse, IsoLetters('1').read):\n"
        "        try: read(raw); raise SystemExit('accepted')\n"
        "        except Unreadable: pass\n"
        "    print((peak() - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert max(map(int, done.stdout.split())) < 64, done.stdout
