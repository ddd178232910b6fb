"""Letters there and back: what a language can carry of an enquiry, recall, return, outcome is read
whole; what we write of it ourselves is read the same, and valid by the published schema."""

from xml.sax.saxutils import escape

import attrs
import orjson
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from adapters.bank.iso_core import fiscal_names
from adapters.bank.iso_recall import IsoRecalls
from adapters.bank.iso_status import read_status
from adapters.formats.iso20022.enquiry import read_letter
from adapters.formats.iso20022.letters import IsoLetters
from adapters.formats.voucher.letters import VoucherLetters
from adapters.formats.voucher.paper_write import vouchers_envelope
from gateway.domain.bank import RecallOrder
from gateway.domain.correspondence import Letter, Resolution, Taken
from gateway.domain.enquiries import (
    Original,
    PaymentReturn,
    Recall,
    RecallAnswer,
    RecallItem,
    RecallStatus,
    ReturnItem,
    StatusEnquiry,
)
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen, yuan
from gateway.domain.vouchers import RefundLine, RefundVoucher
from gateway.pipeline.outcome import Word
from gateway.web.outcomes import read_outcome
from tests.adapters.formats.iso_messages import document
from tests.adapters.formats.iso_samples import AT, outside_schema
from tests.examples import examples

LETTERS, PAPERS = IsoLetters("103", lambda: AT), VoucherLetters()
_HEAD = "<CreDtTm>2026-03-02T17:00:00+08:00</CreDtTm>"
_AGENT = "<Agt><FinInstnId><Nm>示例银行</Nm></FinInstnId></Agt>"

ids = st.text("0123456789ABCabc-/", min_size=1, max_size=35)
numbers = st.text("0123456789ABCabc-", min_size=1, max_size=20)
texts = st.text("吉林省财政厅0123ABCabc（）《》&<>\"'", min_size=1, max_size=60)
amounts = st.integers(1, 10**15 - 1).map(Fen)
keys = st.builds(
    InstructionKey, division=st.just("220000000"), fiscal_year=st.integers(2000, 2099),
    voucher_type=st.sampled_from(["8202", "5201"]), voucher_no=numbers,
)  # fmt: skip


@st.composite
def originals(draw: st.DrawFn) -> Original:
    named = draw(st.booleans())
    return Original(
        message_id=draw(ids) if named else "",
        message_name=draw(st.sampled_from(["pain.001.001.09", "pacs.008.001.08"])) if named else "",
        end_to_end_id=draw(numbers), transaction_id=draw(st.just("") | ids),
        instruction_id=draw(st.just("") | ids),
    )  # fmt: skip


def leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def named(original: Original) -> str:
    group = leaf("OrgnlMsgId", original.message_id) + leaf("OrgnlMsgNmId", original.message_name)
    return (
        (f"<OrgnlGrpInf>{group}</OrgnlGrpInf>" if group else "")
        + leaf("OrgnlInstrId", original.instruction_id)
        + leaf("OrgnlEndToEndId", original.end_to_end_id)
        + leaf("OrgnlTxId", original.transaction_id)
    )


def reason(element: str, code: str, words: str) -> str:
    kind = "Cd" if len(code) <= 4 else "Prtry"
    return (
        f"<{element}><Rsn>{leaf(kind, code)}</Rsn>{leaf('AddtlInf', words)}</{element}>"
        if code or words
        else ""
    )


reasons = st.sampled_from(["DUPL", "CUST", "own word"])


@given(id=ids, asked=st.lists(originals(), min_size=1, max_size=4))
@examples(60)
def test_a_status_enquiry_is_read_whole_and_its_answer_names_what_was_asked(
    id: str, asked: list[Original]
) -> None:
    rows = "".join(f"<TxInf>{named(each)}</TxInf>" for each in asked)
    raw = document(
        "pacs.028.001.03",
        f"<FIToFIPmtStsReq><GrpHdr>{leaf('MsgId', id)}{_HEAD}</GrpHdr>{rows}</FIToFIPmtStsReq>",
    )
    outside_schema("pacs.028.001.03").assertValid(etree.fromstring(raw))
    read = read_letter(raw).matter
    assert read == StatusEnquiry(id=id, message_id="", payments=tuple(asked))
    said = [Unreadable(FaultCode.INSTRUCTION_UNKNOWN, "无此指令 & <x>")] * len(asked)
    told = LETTERS.reply(LETTERS.read(raw), raw, said)
    root = etree.fromstring(told)
    outside_schema(root.tag.rpartition(":")[2].rpartition("}")[0]).assertValid(root)
    got = [str(e.text) for e in root.iter("{*}OrgnlEndToEndId")]
    assert got == [each.end_to_end_id for each in asked]
    if len(asked) == 1:
        status = read_status(told)
        assert status and (status.status, status.end_to_end_id) == ("RJCT", asked[0].end_to_end_id)
        assert (status.reason or "").startswith("NOOR")


@st.composite
def recalls(draw: st.DrawFn) -> Recall:
    items = draw(st.lists(originals(), min_size=1, max_size=4))
    return Recall(
        id=draw(ids),
        payments=tuple(
            RecallItem(
                id=draw(st.just("") | ids),
                original=attrs.evolve(each, amount_fen=draw(st.none() | amounts)),
                reason=draw(reasons), words=draw(st.just("") | texts),
            )
            for each in items
        ),
    )  # fmt: skip


@given(asked=recalls(), data=st.data())
@examples(60)
def test_a_recall_is_read_whole_and_its_resolution_is_read_back(
    asked: Recall, data: st.DataObject
) -> None:
    rows = "".join(
        f"<TxInf>{leaf('CxlId', item.id)}{named(item.original)}"
        + (
            f'<OrgnlIntrBkSttlmAmt Ccy="CNY">{yuan(item.original.amount_fen)}</OrgnlIntrBkSttlmAmt>'
            if item.original.amount_fen
            else ""
        )
        + reason("CxlRsnInf", item.reason, item.words)
        + "</TxInf>"
        for item in asked.payments
    )
    raw = document(
        "camt.056.001.08",
        f"<FIToFIPmtCxlReq><Assgnmt>{leaf('Id', asked.id)}<Assgnr>{_AGENT}</Assgnr>"
        f"<Assgne>{_AGENT}</Assgne>{_HEAD}</Assgnmt><Undrlyg>{rows}</Undrlyg></FIToFIPmtCxlReq>",
    )
    outside_schema("camt.056.001.08").assertValid(etree.fromstring(raw))
    assert read_letter(raw).matter == asked
    said = [
        Resolution(
            status=data.draw(st.sampled_from(list(RecallStatus))),
            code=data.draw(st.sampled_from(["", "NOOR", "AGNT"])), words=data.draw(texts),
        )
        for _ in asked.payments
    ]  # fmt: skip
    told = LETTERS.reply(LETTERS.read(raw), raw, said)
    outside_schema("camt.029.001.09").assertValid(etree.fromstring(told))
    back = read_letter(told).matter
    assert isinstance(back, RecallAnswer) and back.case == asked.id
    for item, resolution, row in zip(asked.payments, said, back.payments, strict=True):
        assert row.original.end_to_end_id == item.original.end_to_end_id
        assert (row.status, row.words) == (resolution.status, resolution.words.strip())
        assert row.reason == (resolution.code or resolution.status)


@given(key=keys, amount=amounts, code=reasons, words=st.just("") | texts)
@examples(60)
def test_what_the_core_is_asked_is_the_recall_that_it_is(
    key: InstructionKey, amount: Fen, code: str, words: str
) -> None:
    order = RecallOrder(id="ab" * 16, key=key, amount_fen=amount, reason=code, words=words)
    raw = IsoRecalls(lambda: AT, "103").written(order)
    asked = etree.fromstring(raw)
    outside_schema("camt.056.001.08").assertValid(asked)
    (supplement,) = asked.iterfind(".//{*}SplmtryData")
    assert {etree.QName(each).localname: each.text for each in supplement[0][0]} == fiscal_names(
        key
    )
    supplement.getparent().remove(supplement)  # for cores: an agency's own recall may not have it
    read = read_letter(etree.tostring(asked)).matter
    assert isinstance(read, Recall)
    (item,) = read.payments
    assert item == RecallItem(
        id=order.id, reason=code, words=words,
        original=Original(message_id="", end_to_end_id=key.voucher_no, amount_fen=amount),
    )  # fmt: skip


@given(id=ids, refund=numbers, of=originals(), amount=amounts, code=reasons, words=texts)
@examples(60)
def test_a_return_is_read_whole_and_its_answer_names_it(
    id: str, refund: str, of: Original, amount: Fen, code: str, words: str
) -> None:
    raw = document(
        "pacs.004.001.09",
        f"<PmtRtr><GrpHdr>{leaf('MsgId', id)}{_HEAD}<NbOfTxs>1</NbOfTxs><SttlmInf>"
        f"<SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr><TxInf>{leaf('RtrId', refund)}{named(of)}"
        f'<RtrdIntrBkSttlmAmt Ccy="CNY">{yuan(amount)}</RtrdIntrBkSttlmAmt>'
        f"{reason('RtrRsnInf', code, words)}</TxInf></PmtRtr>",
    )
    outside_schema("pacs.004.001.09").assertValid(etree.fromstring(raw))
    item = ReturnItem(id=refund, original=of, amount_fen=amount, reason=code, words=words)
    assert read_letter(raw).matter == PaymentReturn(id=id, payments=(item,))
    told = LETTERS.reply(LETTERS.read(raw), raw, [Taken(words="x")])
    root = etree.fromstring(told)
    outside_schema("pacs.002.001.10").assertValid(root)
    assert root.findtext(".//{*}StsId") == refund


@given(payment=keys, number=numbers, amount=amounts, words=texts)
@examples(40)
def test_a_refund_voucher_is_the_same_return(
    payment: InstructionKey, number: str, amount: Fen, words: str
) -> None:
    kind = {"8202": "2204", "5201": "2203"}[payment.voucher_type]
    voucher = RefundVoucher(
        key=replace(payment, voucher_type=kind, voucher_no=number), day=AT.date(),
        payment_type=payment.voucher_type, payment_no=payment.voucher_no,
        payment_year=str(payment.fiscal_year), account="42002201", amount_fen=amount,
        reference="JH-1", reason=words,
        lines=(RefundLine(id="1", payment_no=payment.voucher_no, amount_fen=amount),),
    )  # fmt: skip
    raw = vouchers_envelope([voucher])
    letter = PAPERS.read(raw)
    assert isinstance(letter, Letter) and isinstance(letter.matter, PaymentReturn)
    (item,) = letter.matter.payments
    assert (item.key, item.payment, item.amount_fen, item.words) == (
        voucher.key, payment, amount, words,
    )  # fmt: skip
    assert (letter.id, letter.name) == (f"{kind}/{payment.fiscal_year}/{number}", kind)
    told = PAPERS.reply(letter, raw, [Taken(words="")])
    swapped = raw.replace(b"<VoucherFlag>0<", b"<VoucherFlag>1<")
    assert told == swapped.replace(b"<Attach><", b"<Attach>SUCCESS<"), "nothing else is changed"


@given(
    id=st.text("0123456789ABCabc-", min_size=1, max_size=42), key=keys, word=st.sampled_from(Word),
    reference=ids, words=texts, amount=amounts,
)  # fmt: skip
@examples(60)
def test_an_outcome_is_read_whole(
    id: str, key: InstructionKey, word: Word, reference: str, words: str, amount: Fen
) -> None:
    fields = {"id": id, "instruction": str(key), "outcome": word.value, "reference": reference,
              "reason": words}  # fmt: skip
    if word is Word.RETURNED:
        fields["amount"] = yuan(amount)
    read = read_outcome(orjson.dumps(fields))
    assert (read.number, read.key, read.word, read.reference, read.reason) == (
        id, key, word, reference, words,
    )  # fmt: skip
    assert read.amount_fen == (amount if word is Word.RETURNED else None)
