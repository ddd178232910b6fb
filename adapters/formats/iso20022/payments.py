"""ISO 20022 at the gateway's door: pain.001 and pacs.008 in, status reports and admi.002 out."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

from lxml import etree

from adapters.formats.iso20022 import status as iso_status
from adapters.formats.iso20022.cut import (
    Group,
    group_in,
    group_of,
    layout_of,
    part_of,
    parts_of,
    refuse,
    several,
)
from adapters.formats.iso20022.read import Layout, Leaf, header_of, payment_of
from adapters.formats.iso20022.reject import UNREFERENCED, rejection
from adapters.formats.iso20022.status import Told
from adapters.formats.iso20022.xml import (
    ONE_TAGS_MAX,
    Message,
    elements_in,
    message_of,
    parsed,
    tree,
)
from adapters.formats.json.walk import Findings
from gateway.domain.answer import Answer
from gateway.domain.bulk import BulkPart
from gateway.domain.faults import Fault, FaultCode, Unreadable
from gateway.domain.instruction import Instruction

Now = Callable[[], dt.datetime]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class IsoFormat:
    """`gateway.ports.Format` for a message with one payment."""

    media_type = "application/xml; charset=UTF-8"
    problem_media_type = "application/xml; charset=UTF-8"

    def __init__(self, now: Now = _now) -> None:
        self._now = now

    def parse(self, raw: bytes) -> Instruction:
        """Read the one payment of a UTF-8 message, valid by its published schema.

        Raises Unreadable: body_too_large, not_xml, dtd_refused, media_type_unsupported (no message
        that is taken here), field_duplicate, voucher_type_unsupported or instruction_invalid, with
        every error in `errors`. A message of several payments is the bulk reader's.
        """
        message, root = parsed(raw, ONE_TAGS_MAX)
        layout = layout_of(message)
        payments = list(root.iter(message.tag("CdtTrfTxInf")))
        if len(payments) != 1:
            found = Findings()
            found.note(
                "GrpHdr/NbOfTxs", "too_many_payments", "此处只受理一笔支付的报文",
                "a message of one payment is wanted here",
            )  # fmt: skip
            refuse(found)
        group_in(root, message, raw)
        return _one(message, layout, payments[0], "CdtTrfTxInf")

    def answer(self, raw_in: bytes, answer: Answer) -> bytes:
        """The status report to what was received (and parsed, so it is in order)."""
        root = tree(raw_in)
        message = message_of(root)
        group = group_in(root, message, raw_in)
        (payment,) = root.iter(message.tag("CdtTrfTxInf"))
        above = payment.getparent()
        bundle = above.findtext(message.tag("PmtInfId"), "") if above is not None else ""
        names = _names(payment, bundle or "")
        return iso_status.report(group, [iso_status.told(names, answer)], self._now())

    def problem(self, fault: Fault, instance: str) -> bytes:
        return rejection(fault, UNREFERENCED, self._now())


class IsoPartFormat(IsoFormat):
    """`gateway.ports.Format` for one payment cut from a message of many, as it is kept."""

    def parse(self, raw: bytes) -> Instruction:
        """Raises Unreadable as `IsoFormat.parse`; the schema has seen the whole message."""
        part = part_of(raw)
        message, payment = _opened(part.rest)
        return _one(message, layout_of(message), payment, f"CdtTrfTxInf[{part.number}]")

    def answer(self, raw_in: bytes, answer: Answer) -> bytes:
        raise AssertionError("a part is answered in the report to its message")


class IsoBulk:
    """`gateway.ports.BulkFormat`: reads a message of many, and words the report to it."""

    format = "iso20022"
    part_format = "iso20022.part"

    def __init__(self, now: Now = _now) -> None:
        self._now = now

    def takes(self, raw: bytes) -> bool:
        return several(raw)

    def open(self, raw: bytes) -> Group:
        """Validate the whole message. Raises Unreadable."""
        return group_of(raw)

    def parts(self, raw: bytes, group: Group) -> Iterator[BulkPart]:
        """Each payment in its order, read one at a time."""
        message, above, bundle = group.message, None, ""
        header: tuple[Leaf, ...] = ()
        payments = elements_in(raw, message, "CdtTrfTxInf")
        for number, (cut, payment) in enumerate(
            zip(parts_of(raw, group), payments, strict=True), 1
        ):
            holder = payment.getparent()
            if holder is not None and holder is not above:
                above, header = holder, header_of(message, holder, group.layout)
                bundle = holder.findtext(message.tag("PmtInfId"), "") or ""
            names = _names(payment, bundle)
            place = f"CdtTrfTxInf[{number}]"
            try:
                read = payment_of(message, group.layout, header, payment, place)
            except Unreadable as fault:
                yield BulkPart(raw=cut, instruction=None, fault=fault, names=names)
            else:
                yield BulkPart(raw=cut, instruction=read, fault=None, names=names)

    def told(self, part: BulkPart, said: Answer | Fault) -> Told:
        return iso_status.told(part.names, said)

    def report(self, group: Group, rows: Sequence[Told]) -> bytes:
        return iso_status.report(group, rows, self._now())


def _one(message: Message, layout: Layout, payment: etree._Element, place: str) -> Instruction:
    above = payment.getparent()
    assert above is not None, "the schema has seen to it"
    header = header_of(message, above, layout)
    return payment_of(message, layout, header, payment, place)


def _opened(raw: bytes) -> tuple[Message, etree._Element]:
    """A part's message and payment. Raises Unreadable."""
    try:
        root = tree(raw)
    except etree.XMLSyntaxError as cause:
        raise Unreadable(FaultCode.NOT_XML, f"the part is not XML: {cause.msg}") from None
    message = message_of(root)
    payments = list(root.iter(message.tag("CdtTrfTxInf")))
    if len(payments) != 1:
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, "a part holds one payment")
    return message, payments[0]


def _names(payment: etree._Element, bundle: str) -> tuple[str, str, str, str]:
    """As `BulkPart.names`. PmtId comes first but for nothing: the schema has seen to it."""
    texts = {str(child.tag).rpartition("}")[2]: child.text or "" for child in payment[0]}
    instruction, number = texts.get("InstrId", ""), texts.get("EndToEndId", "")
    return bundle, instruction, number, texts.get("TxId", "")
