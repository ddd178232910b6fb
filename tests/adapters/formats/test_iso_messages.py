"""Enquiries, recalls, returns and statements: good ones are read whole, bad ones refused."""

import pytest
from lxml import etree

from adapters.formats.iso20022.enquiry import read_letter
from adapters.formats.iso20022.statement import MESSAGES, read_iso_statement, repeated
from adapters.formats.statements import read_any_statement
from gateway.domain.enquiries import PaymentReturn, Recall, RecallAnswer, StatusEnquiry
from gateway.domain.faults import FaultCode, Unreadable
from tests.adapters.formats.iso_messages import ENQUIRY, RECALL, RESOLUTION, RETURN, statement
from tests.adapters.formats.iso_samples import an_instruction, outside_schema, written_one

NAMED = {
    "pacs.028.001.03": ENQUIRY, "camt.056.001.08": RECALL, "camt.029.001.08": RESOLUTION["08"],
    "camt.029.001.09": RESOLUTION["09"], "pacs.004.001.09": RETURN,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_message_valid_by_the_published_schema_is_read(name: str) -> None:
    outside_schema(name).assertValid(etree.fromstring(NAMED[name]))
    read = read_letter(NAMED[name]).matter
    assert isinstance(read, StatusEnquiry | Recall | RecallAnswer | PaymentReturn)
    assert len(read.payments) == 1


def test_each_message_gives_what_it_is_about() -> None:
    enquiry, recall = read_letter(ENQUIRY).matter, read_letter(RECALL).matter
    answer = read_letter(NAMED["camt.029.001.09"]).matter
    assert isinstance(enquiry, StatusEnquiry) and isinstance(recall, Recall)
    assert isinstance(answer, RecallAnswer)
    assert enquiry.payments[0].end_to_end_id == "2026030200001"
    assert enquiry.payments[0].message_id == "M-1"
    assert (recall.payments[0].original.amount_fen, recall.payments[0].reason) == (
        1_280_000,
        "DUPL",
    )
    assert (answer.confirmation, answer.payments[0].words) == ("RJCR", "已支付")
    back = read_letter(RETURN).matter
    assert isinstance(back, PaymentReturn)
    assert (back.payments[0].amount_fen, back.payments[0].reason) == (80_050, "AC04")


@pytest.mark.parametrize(
    ("raw", "old", "new", "code"),
    [
        (ENQUIRY, b"<OrgnlEndToEndId>2026030200001</OrgnlEndToEndId>", b"", "required"),
        (ENQUIRY, b"</TxInf>", b"<Surprise>x</Surprise></TxInf>", "unsupported"),
        (RETURN, b"<RtrdIntrBkSttlmAmt ", b'<RtrdIntrBkSttlmAmt xmlns="urn:x" ', "unsupported"),
        (RECALL, b"<TxInf>", b'<TxInf xmlns="urn:x">', "unsupported"),
        (ENQUIRY, b"<OrgnlEndToEndId>", b'<OrgnlEndToEndId xmlns="">', "unsupported"),
        (ENQUIRY, b"</GrpHdr>", b"<MsgId>Q-2</MsgId></GrpHdr>", "duplicate"),
        (RETURN, b">800.5<", b">800.555<", "pattern"),
        (RETURN, b'Ccy="CNY">800', b'Ccy="USD">800', "code"),
        (RETURN, b"<NbOfTxs>1<", b"<NbOfTxs>2<", "count"),
        (RECALL, b"DUPL", b"  ", "text"),
        (RECALL, b"<CreDtTm>2026-03-02T17", b"<CreDtTm>tomorrow", "date"),
    ],
)
def test_what_is_not_exactly_the_message_is_refused(
    raw: bytes, old: bytes, new: bytes, code: str
) -> None:
    assert old in raw
    with pytest.raises(Unreadable) as caught:
        read_letter(raw.replace(old, new, 1))
    assert code in {error.code for error in caught.value.errors}


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_booked_movements_of_a_statement_are_read_with_their_instruction(kind: str) -> None:
    raw = statement(kind)
    outside_schema(kind).assertValid(etree.fromstring(raw))
    division, read = read_any_statement(raw)
    assert division == "220000000" and read.id == "S-1"
    first, second = read.entries
    assert (first.id, second.id) == ("JH1", "JH2")
    assert first.amount_fen == 1_280_000 and first.account == "0710101011"
    assert str(first.key) == "220000000/2026/8202/2026030200001"
    assert (first.counter_account, first.counter_name) == ("2200145010", "长春示例")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"220000000</Id>", b"22000000</Id>", "pattern"),
        (b"JH1<", b"JH2<", "repeated"),
        (b"<Tp>FiscalYear<", b"<Tp>Year<", "pattern"),
        (b'Ccy="CNY">12800', b'Ccy="USD">12800', "pattern"),
        (b"<BookgDt><Dt>2026-03-02</Dt></BookgDt>", b"", "date"),
        (b"<Dt>2026-03-02</Dt>", b"<Dt>0001-01-01</Dt>", "date"),
        (b"<Dt>2026-03-02</Dt>", b"<DtTm>9999-12-31T23:59:59Z</DtTm>", "date"),
        (b"<Dt>2026-03-02</Dt>", b"<DtTm>0001-01-01T00:00:00+14:00</DtTm>", "date"),
        (b"<CdtDbtInd>DBIT", b"<CdtDbtInd>BOTH", "schema"),
    ],
)
def test_a_statement_that_cannot_be_believed_is_refused_whole(
    old: bytes, new: bytes, code: str
) -> None:
    raw = statement("camt.054.001.08")
    assert old in raw
    with pytest.raises(Unreadable) as caught:
        read_iso_statement(raw.replace(old, new, 1))
    assert code in {error.code for error in caught.value.errors}


class Compared(str):
    """An id that counts how often it is held against another."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_day_of_many_movements_is_looked_through_once_for_what_stands_twice() -> None:
    ids = [Compared(f"N{number}") for number in range(1000)]
    assert repeated([*ids, Compared("N7"), Compared("N3"), Compared("N7")]) == ["N3", "N7"]
    assert Compared.times < 3 * len(ids)


def test_a_payment_is_no_enquiry_and_no_statement() -> None:
    for read in (read_letter, read_iso_statement):
        with pytest.raises(Unreadable) as caught:
            read(written_one(an_instruction()))
        assert caught.value.code is FaultCode.MEDIA_TYPE_UNSUPPORTED
