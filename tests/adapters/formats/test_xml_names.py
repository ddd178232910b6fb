"""Names that somebody makes up are not kept for ever: few in a message, bounded in a process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.formats import xml_names
from adapters.formats.iso20022 import xml as iso_xml
from adapters.formats.iso20022.cut import group_of
from adapters.formats.iso20022.letters import IsoLetters
from adapters.formats.iso20022.payments import IsoBulk, IsoFormat, IsoPartFormat
from adapters.formats.iso20022.write import written_message
from adapters.formats.iso20022.xml import FIRST_BYTES
from adapters.formats.voucher import xml as voucher_xml
from adapters.formats.voucher.division_codes import load_codes
from adapters.formats.voucher.payments import VoucherFormat
from adapters.formats.xml_names import MET_BYTES_MAX, NEW_BYTES_MAX, Met
from gateway.domain.faults import FaultCode, Unreadable
from tests.adapters.formats.iso_messages import RECALL
from tests.adapters.formats.iso_samples import AT, an_instruction, many, written_one
from tests.adapters.formats.voucher_write import voucher_envelope

DOCUMENT = '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08">%s</Document>'
MANY = written_message(many(80), "pain.001.001.09", "M", AT)


def fresh(start: int, length: int) -> bytes:
    return b"".join(b"<a%d/>" % number for number in range(start, start + length // 7))


@pytest.mark.parametrize(
    "inside",
    [
        "".join(f"<n{number}/>" for number in range(9000)),
        "".join(f"<n a{number}='1'/>" for number in range(9000)),
        "".join(f"<n xmlns='urn:{number}'/>" for number in range(9000)),
        f"<{'n' * (NEW_BYTES_MAX + 9)}",
        "<n x='>' " + " ".join(f"a{number}=''" for number in range(9000)) + "/>",
        "<n x='>\"' " + " ".join(f"a{number}='>'" for number in range(9000)) + "/>",
        "".join(
            f"<n>{' ' * (number % 29 + 4)}{chr(9) * (number // 29)}</n>" for number in range(1500)
        ),
    ],
    ids=[
        "elements", "attributes", "namespaces", "one without an end", "behind a bracket in a value",
        "behind a bracket and a quote", "indentations",
    ],
)  # fmt: skip
def test_a_message_of_made_up_names_is_refused_before_it_is_read(inside: str) -> None:
    for read in (
        lambda: iso_xml.parsed((DOCUMENT % inside).encode()),
        lambda: voucher_xml.parsed(
            f'<?xml version="1.0" encoding="GBK"?>{inside}', "the voucher", plain_tags=False
        ),
    ):
        with pytest.raises(Unreadable) as caught:
            read()
        assert caught.value.code is FaultCode.NOT_XML
        assert "names" in caught.value.detail


def at_each(found: bytes, make: Callable[[int], bytes]) -> bytes:
    raw, *rest = MANY.split(found)
    return raw + b"".join(make(number) + one for number, one in enumerate(rest))


@pytest.mark.parametrize(
    "raw",
    [
        at_each(b"<CdtTrfTxInf>", lambda n: b"<CdtTrfTxInf xmlns:p%0900d='urn:x'>" % n),
        at_each(b"<CdtTrfTxInf>", lambda n: b"<CdtTrfTxInf xmlns:p='urn:>%0900d'>" % n),
        at_each(b"><", lambda n: b">%b<" % f"{n:040b}".translate({48: " ", 49: "\t"}).encode()),
    ],
    ids=["prefixes", "namespaces", "indentations"],
)  # fmt: skip
def test_behind_the_beginning_of_a_valid_message_nothing_is_made_up_either(raw: bytes) -> None:
    assert len(MANY) > 2 * FIRST_BYTES and group_of(MANY).payments == 80
    with pytest.raises(Unreadable) as caught:
        group_of(raw)
    assert "names" in caught.value.detail


@pytest.mark.slow
def test_what_is_new_is_kept_until_it_is_much_and_from_then_on_read_apart() -> None:
    met, usual = Met(), b"<a><b c='1'>x</b></a>"
    assert met.keeps(usual)
    half = NEW_BYTES_MAX // 2
    kept = [met.keeps(fresh(start, half)) for start in range(0, 5 * MET_BYTES_MAX, NEW_BYTES_MAX)]
    assert kept[0] and not kept[-1] and sum(kept) <= MET_BYTES_MAX / half
    assert met.keeps(usual.replace(b"1", b"2")), "what is known is read as ever"
    with pytest.raises(Unreadable):
        met.keeps(fresh(10**9, 2 * NEW_BYTES_MAX))


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process to which hostile parties have sent all the names that it keeps."""
    monkeypatch.setattr(xml_names, "MET_BYTES_MAX", 0)
    for reader in (iso_xml, voucher_xml):
        monkeypatch.setattr(reader, "MET", Met())


@pytest.mark.usefixtures("full")
def test_a_process_that_keeps_no_more_names_reads_everything_all_the_same() -> None:
    raw = written_one(an_instruction())
    assert IsoFormat().parse(raw) == an_instruction()
    assert IsoLetters("105241000022").read(RECALL).name == "camt.056.001.08"
    bulk = IsoBulk()
    parts = list(bulk.parts(MANY, bulk.open(MANY)))
    assert [part.instruction for part in parts] == many(80)
    assert IsoPartFormat().parse(parts[7].raw) == many(80)[7]
    codes = load_codes().of(an_instruction().key.division)
    assert VoucherFormat().parse(voucher_envelope(an_instruction(), codes))
    refused = MANY.replace(b"<NbOfTxs>80<", b"<NbOfTxs>x<")
    with pytest.raises(Unreadable):
        bulk.open(refused)


@pytest.mark.slow
@pytest.mark.usefixtures("full")
def test_and_no_memory_is_left_behind() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096

    def read(start: int) -> None:
        assert len(iso_xml.tree(b"<all>" + fresh(start, 25_000) + b"</all>")) > 3000

    read(10**5)
    before = resident()
    for start in range(2 * 10**5, 32 * 10**5, 10**4):
        read(start)
    assert resident() - before < 16 << 20, "it was 60 MB and more"
