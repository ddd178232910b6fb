"""What differs between one bank core and another: how it is asked, and what its words mean.

Everything else (connections, deadlines, silence, the circuit) is `http_core`'s, the same for all.
"""

from typing import Protocol

import msgspec

from adapters.bank.answers import enquired, recalled, submitted
from gateway.domain.bank import BankAnswer, EnquiryAnswer, LeftOut, RecallOrder, RecallReply
from gateway.domain.instruction import InstructionKey

MEDIA_TYPES = {
    "json": "application/json",
    "voucher": "application/xml; charset=GBK",
    "iso20022": "application/xml; charset=UTF-8",
    "iso20022.part": "application/vnd.treasury-gateway.part",
}


class Wire(Protocol):
    """`UNKNOWN` and `SILENT` of `answers` themselves mean silence; anything else was said."""

    @property
    def formats(self) -> frozenset[str]:
        """Those that the core can read: the bytes go to it as they were received."""
        ...

    def submission(
        self, host: str, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None
    ) -> bytes:
        """The whole HTTP request that hands `raw` over."""
        ...

    def enquiry(self, host: str, key: InstructionKey) -> bytes:
        """The whole HTTP request that asks what became of `key`."""
        ...

    def recall(self, host: str, order: RecallOrder) -> bytes | None:
        """The whole HTTP request that asks for a payment back; None: this core takes none."""
        ...

    def submitted(self, key: InstructionKey, status: int, body: bytes) -> BankAnswer: ...

    def enquired(self, key: InstructionKey, status: int, body: bytes) -> EnquiryAnswer: ...

    def recalled(self, order: RecallOrder, status: int, body: bytes) -> RecallReply:
        """`RECALL_UNHEARD` itself for what says nothing."""
        ...


class JsonWire:
    """`POST /v1/payments`, `GET /v1/payments/<key>`, JSON answers (docs/bank-core.md)."""

    formats = frozenset({"json", "voucher", "iso20022", "iso20022.part"})

    def submission(
        self, host: str, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None
    ) -> bytes:
        return post(b"POST /v1/payments", host, key, raw, format, left_out)

    def enquiry(self, host: str, key: InstructionKey) -> bytes:
        return b"GET /v1/payments/%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (
            header_safe(key), host.encode(),
        )  # fmt: skip

    def recall(self, host: str, order: RecallOrder) -> bytes | None:
        fields = {
            "amount_fen": order.amount_fen, "key": str(order.key), "reason": order.reason,
            "recall": order.id, "words": order.words,
        }  # fmt: skip
        raw = msgspec.json.encode(fields)
        return post(b"POST /v1/recalls", host, order.key, raw, "json", None)

    def recalled(self, order: RecallOrder, status: int, body: bytes) -> RecallReply:
        return recalled(order, status, body)

    def submitted(self, key: InstructionKey, status: int, body: bytes) -> BankAnswer:
        return submitted(str(key), status, body)

    def enquired(self, key: InstructionKey, status: int, body: bytes) -> EnquiryAnswer:
        return enquired(str(key), status, body)


def post(
    line: bytes, host: str, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None
) -> bytes:
    """A request with `raw` as its body; which details are left out stands in the head."""
    return b"%b HTTP/1.1\r\nHost: %b\r\nContent-Type: %b\r\nInstruction-Key: %b%b\r\n%b" % (
        line, host.encode(), MEDIA_TYPES[format].encode(), header_safe(key),
        _partial_head(left_out), b"Content-Length: %d\r\n\r\n%b" % (len(raw), raw),
    )  # fmt: skip


def deposit(host: str, digest: bytes, raw: bytes, format: str) -> bytes:
    """`PUT /v1/messages/<digest>`: a whole message, of which nothing is to be paid yet."""
    return b"PUT /v1/messages/%b HTTP/1.1\r\nHost: %b\r\nContent-Type: %b\r\n%b" % (
        digest.hex().encode(), host.encode(), MEDIA_TYPES[format].encode(),
        b"Content-Length: %d\r\n\r\n%b" % (len(raw), raw),
    )  # fmt: skip


def _partial_head(left_out: LeftOut | None) -> bytes:
    """Which details are not to be paid, and what the others come to: two headers, the body as it
    was signed."""
    if left_out is None:
        return b""
    places = ",".join(map(str, left_out.places))
    return f"\r\nWithheld-Details: {places}\r\nPaid-Fen: {left_out.paid_fen}".encode()


def header_safe(key: InstructionKey) -> bytes:
    """A key is letters, digits, dashes and slashes; the door has seen to it."""
    name = str(key)
    assert name.isascii() and name.isprintable() and " " not in name, "a key that is no key"
    return name.encode()
