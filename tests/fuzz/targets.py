"""What each parser must hold for any bytes at all: Unreadable, or a value that says what it read.

A target takes bytes and returns; whatever else it raises is a crash, kept by the fuzzer.
"""

import datetime as dt
from collections.abc import Callable
from typing import TypeVar

from adapters.formats.envelope import opened
from adapters.formats.iso20022 import IsoBulk, IsoFormat, IsoPartFormat
from adapters.formats.iso_cut import digest_in
from adapters.formats.iso_xml import parsed
from adapters.formats.json_instruction import JsonFormat
from adapters.formats.json_write import instruction_json
from adapters.formats.registers import read_registers
from adapters.formats.sniff import sniff
from adapters.formats.statement import read_page, read_statement
from adapters.formats.voucher import VoucherFormat
from gateway.domain.faults import Fault, Unreadable

_T = TypeVar("_T")
_AT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
_JSON, _VOUCHER, _ISO, _PART = JsonFormat(), VoucherFormat(), IsoFormat(), IsoPartFormat()
_BULK = IsoBulk(lambda: _AT)


def json(data: bytes) -> None:
    """What is accepted, written again, is the same instruction."""
    try:
        read = _JSON.parse(data)
    except Unreadable as fault:
        _worded(fault)
        return
    assert _JSON.parse(instruction_json(read)) == read


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


TARGETS: dict[str, Callable[[bytes], None]] = {
    "json": json, "voucher": voucher, "iso": iso, "registers": registers, "statement": statement,
}  # fmt: skip


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
