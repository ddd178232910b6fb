"""A bank core that speaks ISO 20022 over HTTP: pacs.002 and pain.002 answers, pacs.028 enquiries.

What it is handed are the agency's own bytes (pain.001, pacs.008). `iso_status` reads what it
answers (`read`) and writes what it is asked (`ask`); the mapping is ISO's:

    ACSC, ACCC, ACSP            accepted (settled, credited, in settlement)
    RJCT                        rejected, with the reason; NOOR: not known
    ACTC, ACCP, ACWC, RCVD, PDNG  with the bank: not at its end
"""

from collections.abc import Callable
from typing import Protocol

import attrs

from adapters.bank.answers import SILENT, UNKNOWN, sound
from adapters.bank.wire import post
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

ACCEPTED = frozenset({"ACSC", "ACCC", "ACSP"})
REJECTED = frozenset({"RJCT"})
PENDING = frozenset({"ACTC", "ACCP", "ACWC", "RCVD", "PDNG"})
NAMES = ("Division", "FiscalYear", "VoucherType")
"""What tells payments of one voucher number apart: elements of the fiscal supplement that the
agency's own message has (docs/iso20022.md)."""

WITH_THE_BANK = BankAnswer(
    outcome=BankOutcome.UNKNOWN, reason="银行已受理，处理中 (with the bank; not settled yet)"
)


@attrs.frozen(kw_only=True)
class IsoStatus:
    """The one transaction of a status report, as `read` gives it."""

    end_to_end_id: str
    status: str
    """ISO ExternalPaymentTransactionStatus1Code."""
    reference: str | None
    """AcctSvcrRef or ClrSysRef: the bank's own number."""
    reason: str | None
    fiscal: tuple[tuple[str, str], ...] = ()
    """Division, FiscalYear, VoucherType, as often as it says so: a number may stand in each."""

    @property
    def nothing_received(self) -> bool:
        """`NOOR`: the original did not come, or has not come yet."""
        return (self.reason or "").split(" ")[0] == "NOOR"


Read = Callable[[bytes], IsoStatus | None]
"""None for whatever is no status report on exactly one transaction."""
Ask = Callable[[InstructionKey], bytes]
"""A pacs.028 about one transaction."""


class Recalls(Protocol):
    """How a payment is asked back, and what is answered (`iso_recall`)."""

    def written(self, order: RecallOrder) -> bytes:
        """A camt.056."""
        ...

    def read(self, order: RecallOrder, body: bytes) -> RecallReply | None:
        """What a camt.029 says of this very recall; None for anything else."""
        ...


@attrs.frozen
class IsoWire:
    """`POST /v1/iso20022/payments` and `/enquiries`. A core that does not know a payment answers an
    enquiry with a report `RJCT`, reason `NOOR` (no original transaction received), and 404 or 200:
    it refuses nothing, the payment may arrive yet. A bare 404 is silence."""

    read: Read
    ask: Ask
    recalls: Recalls

    @property
    def formats(self) -> frozenset[str]:
        return frozenset({"iso20022", "iso20022.part"})

    def submission(
        self, host: str, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None
    ) -> bytes:
        return post(b"POST /v1/iso20022/payments", host, key, raw, format, left_out)

    def enquiry(self, host: str, key: InstructionKey) -> bytes:
        line = b"POST /v1/iso20022/enquiries"
        return post(line, host, key, self.ask(key), "iso20022", None)

    def recall(self, host: str, order: RecallOrder) -> bytes | None:
        line = b"POST /v1/iso20022/recalls"
        return post(line, host, order.key, self.recalls.written(order), "iso20022", None)

    def recalled(self, order: RecallOrder, status: int, body: bytes) -> RecallReply:
        said = self.recalls.read(order, body) if status in (200, 202) else None
        return said if said and sound(said.reason or "") else RECALL_UNHEARD

    def submitted(self, key: InstructionKey, status: int, body: bytes) -> BankAnswer:
        said = self._about(key, body) if status in (200, 202) else None
        if said is None:
            return UNKNOWN
        if said.status in ACCEPTED and said.reference:
            return BankAnswer(outcome=BankOutcome.ACCEPTED, reference=said.reference)
        if said.status in REJECTED and not said.nothing_received:
            return BankAnswer(
                outcome=BankOutcome.REJECTED, reference=said.reference, reason=said.reason
            )
        return WITH_THE_BANK if said.status in PENDING else UNKNOWN

    def enquired(self, key: InstructionKey, status: int, body: bytes) -> EnquiryAnswer:
        said = self._about(key, body) if status in (200, 404) else None
        if said is None:
            return SILENT
        if said.status in REJECTED and said.nothing_received:
            return EnquiryAnswer(outcome=EnquiryOutcome.NOT_FOUND)
        if status == 404:
            return SILENT
        if said.status in ACCEPTED and said.reference:
            return EnquiryAnswer(outcome=EnquiryOutcome.ACCEPTED, reference=said.reference)
        if said.status in REJECTED:
            return EnquiryAnswer(
                outcome=EnquiryOutcome.REJECTED, reference=said.reference, reason=said.reason
            )
        if said.status in PENDING:
            return EnquiryAnswer(outcome=EnquiryOutcome.PENDING)
        return SILENT

    def _about(self, key: InstructionKey, body: bytes) -> IsoStatus | None:
        """The voucher number is the EndToEndId; a report on another transaction is none on ours,
        and neither is one on the same number of another division, year or type."""
        said = self.read(body)
        if said is None or said.end_to_end_id != key.voucher_no:
            return None
        if any(text != fiscal_names(key)[name] for name, text in said.fiscal):
            return None
        return said if sound(said.reference or "") and sound(said.reason or "") else None


def fiscal_names(key: InstructionKey) -> dict[str, str]:
    return dict(zip(NAMES, (key.division, str(key.fiscal_year), key.voucher_type), strict=True))
