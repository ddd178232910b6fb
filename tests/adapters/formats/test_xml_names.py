"""Names that somebody makes up are not kept for ever: few in a message, bounded in a process."""

import pytest

from adapters.formats import iso_xml, voucher_xml
from adapters.formats.xml_names import MET_BYTES_MAX, NEW_BYTES_MAX, Met
from gateway.domain.faults import FaultCode, Unreadable

DOCUMENT = '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08">%s</Document>'


def fresh(start: int, length: int = NEW_BYTES_MAX) -> bytes:
    return b"".join(b"<a%d/>" % number for number in range(start, start + length // 7))


@pytest.mark.parametrize(
    "inside",
    [
        "".join(f"<n{number}/>" for number in range(9000)),
        "".join(f"<n a{number}='1'/>" for number in range(9000)),
        "".join(f"<n xmlns='urn:{number}'/>" for number in range(9000)),
        f"<{'n' * (NEW_BYTES_MAX + 9)}",
        "".join(
            f"<n>{' ' * (number % 29 + 4)}{chr(9) * (number // 29)}</n>" for number in range(1500)
        ),
    ],
    ids=["elements", "attributes", "namespaces", "one without an end", "indentations"],
)
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


def test_what_was_met_is_read_for_ever_and_what_is_new_until_there_is_too_much() -> None:
    met = Met()
    usual = b"<a><b c='1'>x</b></a>"
    met.look_through(usual)
    with pytest.raises(Unreadable):
        for start in range(0, 10 * MET_BYTES_MAX, 4000):
            met.look_through(fresh(start))
    met.look_through(usual.replace(b"1", b"2"))
    with pytest.raises(Unreadable):
        met.look_through(b"<z%d/>" % 10**30 + fresh(10**9))
