"""What each parser must hold for any bytes at all: Unreadable, or a value that says what it read.

A target takes bytes and returns; whatever else it raises is a crash, kept by the fuzzer.
"""

import base64
import datetime as dt
import re
from collections.abc import Callable
from typing import TypeVar

from adapters.bank.answers import recalled, submitted
from adapters.bank.iso_recall import IsoRecalls
from adapters.bank.iso_status import read_status
from adapters.formats.iso20022.cut import digest_in
from adapters.formats.iso20022.enquiry import read_letter
from adapters.formats.iso20022.letters import IsoLetters, message_id
from adapters.formats.iso20022.payments import IsoBulk, IsoFormat, IsoPartFormat
from adapters.formats.iso20022.xml import parsed
from adapters.formats.json.instruction import JsonFormat
from adapters.formats.json_statement import read_page, read_statement
from adapters.formats.registers.division import read_registers
from adapters.formats.sniff import sniff
from adapters.formats.voucher.envelope import opened
from adapters.formats.voucher.fields import IDENTITY
from adapters.formats.voucher.letters import VoucherLetters
from adapters.formats.voucher.paper_write import vouchers_envelope
from adapters.formats.voucher.papers import read_vouchers
from adapters.formats.voucher.payments import VoucherFormat
from deploy.demo.writers import json_of
from gateway.domain.bank import RecallOrder
from gateway.domain.correspondence import Matter, Resolution, Said, Taken
from gateway.domain.enquiries import (
    OutcomeReport,
    PaymentReturn,
    Recall,
    RecallAnswer,
    RecallStatus,
    StatusEnquiry,
)
from gateway.domain.faults import Fault, FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.vouchers import Receipt, Reconciliation
from gateway.web.outcomes import read_outcome
from gateway.web.refunds import read_money_back

_T = TypeVar("_T")
_AT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
_JSON, _VOUCHER, _ISO, _PART = JsonFormat(), VoucherFormat(), IsoFormat(), IsoPartFormat()
_BULK = IsoBulk(lambda: _AT)
_LETTERS, _PAPERS = IsoLetters("103", lambda: _AT), VoucherLetters()
_RECALLS = IsoRecalls(lambda: _AT, "103")
_KEY = InstructionKey(
    division="220000000", fiscal_year=2026, voucher_type="8202", voucher_no="V00001"
)
_ORDER = RecallOrder(id="ab" * 16, key=_KEY, amount_fen=80_050, reason="DUPL", words="")


def json(data: bytes) -> None:
    """What is accepted, written again, is the same instruction."""
    try:
        read = _JSON.parse(data)
    except Unreadable as fault:
        _worded(fault)
        return
    assert _JSON.parse(json_of(read)) == read


def voucher(data: bytes) -> None:
    """Envelope and voucher; a refusal can always be worded in GBK."""
    sniff(data)
    try:
        opened(data)
        _VOUCHER.parse(data)
    except Unreadable as fault:
        _worded(fault)


def iso(data: bytes) -> None:
    """One payment, many payments, a part. What is accepted is valid by its schema, and the whole
    reader and the streaming one agree on it."""
    sniff(data)
    if digest_in(data) is not None:
        _quietly(_PART.parse, data)
        return
    read = _quietly(_ISO.parse, data)
    if read is not None:
        parsed(data)
        (part,) = _BULK.parts(data, _BULK.open(data))
        assert part.instruction == read
        assert _PART.parse(part.raw) == read
    elif _BULK.takes(data):
        try:
            group = _BULK.open(data)
            parts = list(_BULK.parts(data, group))
            for each in parts:
                assert _quietly(_PART.parse, each.raw) == each.instruction
            _BULK.report(group, [_BULK.told(each, each.fault) for each in parts if each.fault])
        except Unreadable as fault:
            _worded(fault)


def registers(data: bytes) -> None:
    _quietly(read_registers, data)


def statement(data: bytes) -> None:
    """The bank's statement and a page of its books."""
    _quietly(read_statement, data)
    _quietly(read_page, data)


def letter(data: bytes) -> None:
    """Enquiries, recalls, returns, statements in ISO 20022; whatever was read can be answered, and
    our own answer to a recall is read again."""
    _LETTERS.takes(data)
    message_id(data)
    read = _quietly(_LETTERS.read, data)
    if read is None:
        return
    said = _said(read.matter)
    reply = _LETTERS.reply(read, data, said)
    if isinstance(read.matter, Recall):
        again = read_letter(reply).matter
        assert isinstance(again, RecallAnswer) and len(again.payments) == len(said)
    else:
        parsed(reply)


def paper(data: bytes) -> None:
    """Vouchers beside payments: an envelope, or the voucher inside one. What is accepted, written
    again, is the same; and it can be answered."""
    raw = data if data.lstrip().startswith(b"<?xml") and b"<MOF" in data[:200] else _wrapped(data)
    _PAPERS.takes(raw)
    vouchers = _quietly(read_vouchers, raw)
    if vouchers is None:
        return
    sent = [each for each in vouchers if not isinstance(each, Receipt)]
    if sent:
        assert list(read_vouchers(vouchers_envelope(sent))) == sent
    read = _quietly(_PAPERS.read, raw)
    if read is not None:
        assert _PAPERS.reply(read, raw, _said(read.matter)).decode("gbk")


def outcome(data: bytes) -> None:
    """What the bank tells of itself in JSON: later outcomes and refunds."""
    _quietly(read_outcome, data)
    _quietly(read_money_back, data)


def core(data: bytes) -> None:
    """What a bank core answers: a status, a recall. Silence or a value, never an exception."""
    read_status(data)
    _RECALLS.read(_ORDER, data)
    recalled(_ORDER, 200, data)
    submitted(str(_ORDER.key), 200, data)


def _said(matter: Matter) -> list[Said]:
    if isinstance(matter, Recall):
        resolved = Resolution(status=RecallStatus.REFUSED, code="NOOR", words="无 / none")
        return [resolved] * len(matter.payments)
    if isinstance(matter, StatusEnquiry | RecallAnswer | PaymentReturn | OutcomeReport):
        fault = Unreadable(FaultCode.INSTRUCTION_UNKNOWN, "no such instruction")
        return [fault] * len(matter.payments)
    return [matter if isinstance(matter, Reconciliation) else Taken(words="taken")]


def _wrapped(inner: bytes) -> bytes:
    """The envelope that says of a voucher what the voucher says of itself."""
    names = {
        name: (re.search(rb"<%b>([0-9A-Za-z-]{1,42})<" % name.encode(), inner) or (b"", b""))[1]
        for name in IDENTITY
    }
    attributes = b" ".join(b'%b="%b"' % (n.encode(), v) for n, v in names.items())
    return (
        b'<?xml version="1.0" encoding="GBK"?>\n<MOF><VoucherCount>1</VoucherCount><VoucherBody '
        + attributes + b"><VoucherFlag>0</VoucherFlag><Attach></Attach><Voucher>"
        + base64.b64encode(inner) + b"</Voucher></VoucherBody></MOF>"
    )  # fmt: skip


def _quietly(read: Callable[[bytes], _T], data: bytes) -> _T | None:
    try:
        return read(data)
    except Unreadable as fault:
        _worded(fault)
        return None


def _worded(fault: Fault) -> None:
    """Every refusal can be said in every format."""
    for format in (_JSON, _VOUCHER, _ISO):
        assert format.problem(fault, "/v1/fuzz")
