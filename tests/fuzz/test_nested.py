"""JSON nested without end, at each place where another party's is read: none of it is believed, and
none of it ends the program that reads it (the reader gives up by RecursionError, no ValueError)."""

import json
from collections.abc import Callable

import pytest

from adapters.bank.answers import SILENT, UNKNOWN, enquired, recalled, submitted
from adapters.formats.json.instruction import JsonFormat
from adapters.formats.json_statement import read_page, read_statement
from adapters.formats.registers.division import read_registers
from adapters.formats.registers.feed import read_feed
from bureau.inbox.announced import announced_keys
from bureau.inbox.bundle import read_bundle
from bureau.inbox.frame import DeliveryUnreadable, read_frame
from bureau.inbox.glance import UNREADABLE, glance
from certs.bundled import acknowledges, read_receipt
from gateway.domain.bank import RECALL_UNHEARD, RecallOrder
from gateway.domain.faults import Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.log import SealedRecord
from gateway.domain.releases import read_order

DEEP = b"[" * 20_000 + b"]" * 20_000
KEY = InstructionKey(division="220000000", fiscal_year=2026, voucher_type="8202", voucher_no="1")
RECALL = RecallOrder(id="0a", key=KEY, amount_fen=1, reason="CUST", words="错付")


def told(**fields: object) -> bytes:
    """All that is wanted of it, and beside it a field without end."""
    return json.dumps(fields).encode()[:-1] + b',"more":' + DEEP + b"}"


ANSWER = told(key=str(KEY), outcome="accepted", reference="R1", recall=RECALL.id)
BELIEVED: dict[str, Callable[[], bool]] = {
    "a bank's answer": lambda: submitted(str(KEY), 200, ANSWER) != UNKNOWN,
    "a bank's word when asked": lambda: enquired(str(KEY), 200, ANSWER) != SILENT,
    "a bank's word on a recall": lambda: recalled(RECALL, 200, ANSWER) != RECALL_UNHEARD,
    "a record at the bureau": lambda: glance(told(kind="verdict")).kind != UNREADABLE,
    "an announced key": lambda: list(announced_keys([_record(told(kind="key_announced"))])) != [],
    "a receipt for several": lambda: acknowledges(
        told(kind="notices_received", division="220000000", root="", size=1),
        read_receipt("a~0~")[1], "220000000", b"a notice",
    ),
}  # fmt: skip
REFUSED: dict[str, tuple[Callable[[bytes], object], type[Exception]]] = {
    "an instruction": (JsonFormat().parse, Unreadable),
    "a bank's statement": (read_statement, Unreadable),
    "a page of a bank's books": (read_page, Unreadable),
    "registers": (read_registers, Unreadable),
    "a feed of registers": (lambda raw: read_feed(raw, lambda number: number), Unreadable),
    "an order about a hold": (read_order, Unreadable),
    "a delivery": (lambda raw: read_frame(raw + b"\n"), DeliveryUnreadable),
    "several notices": (lambda raw: read_bundle(raw + b"\n"), DeliveryUnreadable),
}


@pytest.mark.parametrize("what", BELIEVED)
def test_what_is_nested_without_end_is_not_believed(what: str) -> None:
    assert not BELIEVED[what]()


@pytest.mark.parametrize("raw", [DEEP, told(entries=[], division="220000000"), b'{"a":' + DEEP])
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_nested_without_end_is_refused(what: str, raw: bytes) -> None:
    read, refusal = REFUSED[what]
    with pytest.raises(refusal):
        read(raw)


def _record(body: bytes) -> SealedRecord:
    return SealedRecord(
        seq=0, kind="", subject="", body=body, leaf_hash=bytes(32), disclosures=None
    )
