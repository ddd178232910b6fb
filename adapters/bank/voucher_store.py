"""A bank that takes its work from the voucher store (凭证库): put there, fetched, signed for, paid.

Nothing is paid while the envelope is put: the store answers that it has it, and the payment's end
is asked for until the bank's own return voucher (回单) is there. States are the store's numbers.
"""

import msgspec

from adapters.bank.answers import SILENT, UNKNOWN, sound
from adapters.bank.wire import header_safe, post
from gateway.domain.bank import (
    RECALL_UNHEARD,
    BankAnswer,
    BankOutcome,
    EnquiryAnswer,
    EnquiryOutcome,
    LeftOut,
    RecallOrder,
    RecallReply,
)
from gateway.domain.instruction import InstructionKey
from gateway.domain.once import read_once

WITH_THE_BANK = frozenset({0, 1, 3, 6, 7, 9})
"""未接收, 接收成功, 签收成功, and the same of the return leg: on its way, not at its end."""
RETURNED = 12
"""已收到对方回单: the bank's return voucher, with what it did, is there."""
REFUSED = frozenset({2, 4, 5, 22})
"""接收失败, 签收失败, 已退回, 银行已退回."""
NOT_SENT_YET = 13

TAKEN = BankAnswer(
    outcome=BankOutcome.UNKNOWN, reason="已送达凭证库，银行处理中 (with the bank; not paid yet)"
)


class _Said(msgspec.Struct):
    key: str
    state: int
    reference: str | None = None
    message: str | None = None


_decoder = msgspec.json.Decoder(_Said)


class VoucherStoreWire:
    """`PUT /v1/vouchers/<key>` and `GET` of the same; JSON `{key, state, reference, message}`."""

    formats = frozenset({"voucher"})

    def submission(
        self, host: str, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None
    ) -> bytes:
        return post(b"PUT /v1/vouchers/%b" % header_safe(key), host, key, raw, format, left_out)

    def enquiry(self, host: str, key: InstructionKey) -> bytes:
        return b"GET /v1/vouchers/%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (
            header_safe(key), host.encode(),
        )  # fmt: skip

    def recall(self, host: str, order: RecallOrder) -> bytes | None:
        """The store has no word for it: what is signed for comes back as a refund voucher."""
        return None

    def recalled(self, order: RecallOrder, status: int, body: bytes) -> RecallReply:
        return RECALL_UNHEARD

    def submitted(self, key: InstructionKey, status: int, body: bytes) -> BankAnswer:
        said = _read(key, body) if status in (200, 201, 202) else None
        if said is None:
            return UNKNOWN
        if said.state in WITH_THE_BANK or said.state == NOT_SENT_YET:
            return TAKEN
        if said.state == RETURNED and said.reference:
            return BankAnswer(outcome=BankOutcome.ACCEPTED, reference=said.reference)
        if said.state in REFUSED:
            return BankAnswer(outcome=BankOutcome.REJECTED, reason=said.message)
        return UNKNOWN

    def enquired(self, key: InstructionKey, status: int, body: bytes) -> EnquiryAnswer:
        said = _read(key, body) if status in (200, 404) else None
        if said is None:
            return SILENT
        if status == 404:
            nothing = said.state == NOT_SENT_YET
            return EnquiryAnswer(outcome=EnquiryOutcome.NOT_FOUND) if nothing else SILENT
        if said.state == RETURNED and said.reference:
            return EnquiryAnswer(outcome=EnquiryOutcome.ACCEPTED, reference=said.reference)
        if said.state in REFUSED:
            return EnquiryAnswer(outcome=EnquiryOutcome.REJECTED, reason=said.message)
        if said.state in WITH_THE_BANK:
            return EnquiryAnswer(outcome=EnquiryOutcome.PENDING)
        return SILENT


def _read(key: InstructionKey, body: bytes) -> _Said | None:
    try:
        said = read_once(_decoder, body)
    except (ValueError, RecursionError):
        return None
    if said.key != str(key):
        return None
    return said if sound(said.reference or "") and sound(said.message or "") else None
