"""A message of many payments: surveyed once in bounded memory, then cut into its payments.

A *part* is what one payment is kept and forwarded as: a first line that names the message by its
digest and the payment by its place, then three stretches of the message's own bytes (its head, the
payment, its tail). Not a byte of them is ours; the message itself is kept whole (decision 0032).
"""

import hashlib
import re
from collections.abc import Iterator

import attrs
from lxml import etree

from adapters.formats.iso20022.read import CURRENCY, LAYOUTS, Layout
from adapters.formats.iso20022.xml import Message, local, proven, seemly
from adapters.formats.json.walk import Findings
from gateway.domain.faults import FaultCode, Unreadable

PAYMENTS_MAX = 20_000

_TOTAL = "TtlIntrBkSttlmAmt"
_TOLD = ("MsgId", "NbOfTxs", "CtrlSum", _TOTAL)
_STRANGE = ("FwdgAgt", "Authstn")
"""Of a pain.001's group header: through whom else it goes, and words of one's own."""
_WATCHED = (*_TOLD, *_STRANGE, "CdtTrfTxInf", "PmtInf", "SplmtryData")

_PART = re.compile(
    rb"GW1-PART sha-256=([0-9a-f]{64}) transaction=([1-9][0-9]{0,5})/([1-9][0-9]{0,5})\n"
)
_BEFORE = rb"<(/?)(?:[^\s<>/:=\"']+:)?"
"""What stands before a tag's name: any prefix that a parser takes, `支:` too. A payment that the
parser alone finds would be judged, and the bytes of another forwarded in its place."""
_PAYMENT_TAG = re.compile(_BEFORE + rb"CdtTrfTxInf(?:\s[^<>]*)?>")
_TAG = re.compile(_BEFORE)
_HUNDREDTHS = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,2})0*)?", re.ASCII)


Stretch = tuple[int, int]


@attrs.frozen(kw_only=True)
class Group:
    """What a status report repeats of the message that it answers."""

    message: Message
    layout: Layout
    id: str
    """MsgId."""
    payments: int
    digest: str
    """SHA-256 of the whole message, hexadecimal."""
    places: tuple[Stretch, ...] = ()
    """Where each payment begins and ends; none of a small message, which is not cut."""
    bundles: tuple[Stretch, ...] = ()
    """And each PmtInf of a pain.001."""


@attrs.define
class _Survey:
    """Counted while the message is validated; nothing of it is kept."""

    names: dict[str, str] = attrs.field(factory=dict)
    payments: int = 0
    total_fen: int = 0
    summed: bool = True
    foreign: bool = False
    """The sum of all is stated in another currency."""
    bundles: list[tuple[int, dict[str, str]]] = attrs.field(factory=list)
    bundled: int = 0
    found: Findings = attrs.field(factory=Findings)


def several(raw: bytes) -> bool:
    """Whether it looks like a message of more than one payment: cheap, and nothing rests on it."""
    first = _PAYMENT_TAG.search(raw)
    if first is None:
        return False
    closing = _PAYMENT_TAG.search(raw, first.end())
    return closing is not None and _PAYMENT_TAG.search(raw, closing.end()) is not None


def group_of(raw: bytes) -> Group:
    """Validate the whole message and check its counts and sums.

    Raises Unreadable (`not_xml`, `dtd_refused`, `media_type_unsupported`, `instruction_invalid`,
    `body_too_large`) with every error of the message as a whole.
    """
    survey = _Survey()
    message = proven(raw, _WATCHED, lambda element, depth: _watch(survey, element, depth))
    group = _grouped(survey, message, raw)
    places = _stretches(b"CdtTrfTxInf", raw)
    if len(places) != group.payments:
        raise Unreadable(
            FaultCode.INSTRUCTION_INVALID, "CdtTrfTxInf stands where no payment may stand"
        )
    bundled = group.layout.root == "CstmrCdtTrfInitn"
    bundles = _stretches(b"PmtInf", raw) if bundled else ()
    return attrs.evolve(group, places=places, bundles=bundles)


def group_in(root: etree._Element, message: Message, raw: bytes) -> Group:
    """The same of a small message that is parsed already, and valid. Raises Unreadable."""
    survey = _Survey()
    body = root[0]
    for child in body:
        for below in child:
            if local(below) in (*_TOLD, *_STRANGE) or str(below.tag) == message.tag("CdtTrfTxInf"):
                _watch(survey, below, 3)
        _watch(survey, child, 2)
    return _grouped(survey, message, raw)


def layout_of(message: Message) -> Layout:
    """Raises Unreadable (`media_type_unsupported`) for a message that orders no payment here."""
    layout = LAYOUTS.get(message.name)
    if layout is None:
        raise Unreadable(
            FaultCode.MEDIA_TYPE_UNSUPPORTED,
            f"{seemly(message.name)} is not taken here; {', '.join(LAYOUTS)} are (不受理的报文)",
        )
    return layout


def refuse(found: Findings) -> None:
    if found:
        raise Unreadable(
            FaultCode.INSTRUCTION_INVALID,
            f"the message has {len(found)} error(s) (报文有 {len(found)} 处错误)", tuple(found),
        )  # fmt: skip


def parts_of(raw: bytes, group: Group) -> Iterator[bytes]:
    """Each payment of a surveyed message as its part, in order, one at a time."""
    payments, bundles = group.places, group.bundles
    head, tail = raw[: payments[0][0]], raw[payments[-1][1] :]
    place = 0
    if bundles:
        head, tail = raw[: bundles[0][0]], raw[bundles[-1][1] :]
    before, after = b"", b""
    known = (-1, -1)
    for number, (start, end) in enumerate(payments, 1):
        if bundles:
            while bundles[place][1] < end:
                place += 1
            if known != bundles[place]:
                known = bundles[place]
                before = raw[known[0] : start]
                after = raw[raw.rindex(b"</", known[0], known[1]) : known[1]]
        first = b"GW1-PART sha-256=%b transaction=%d/%d\n" % (
            group.digest.encode(), number, group.payments,
        )  # fmt: skip
        yield b"".join((first, head, before, raw[start:end], after, tail))


@attrs.frozen
class PartOf:
    """A part's first line, and the well-formed rest."""

    digest: str
    number: int
    of: int
    rest: bytes


def part_of(raw: bytes) -> PartOf:
    """Raises Unreadable (`not_xml`)."""
    match = _PART.match(raw)
    if match is None:
        raise Unreadable(FaultCode.NOT_XML, "no part of a message (不是报文的一笔)")
    return PartOf(match[1].decode("ascii"), int(match[2]), int(match[3]), raw[match.end() :])


def digest_in(raw: bytes) -> bytes | None:
    """The digest of the message whose part these bytes are; None for anything else."""
    match = _PART.match(raw)
    return bytes.fromhex(match[1].decode("ascii")) if match else None


def _grouped(survey: _Survey, message: Message, raw: bytes) -> Group:
    layout = layout_of(message)
    found = survey.found
    _counted(survey.names, survey.payments, "GrpHdr", found)
    for name in ("CtrlSum", _TOTAL):
        stated = survey.names.get(name)
        if stated is not None and survey.summed and _fen(stated) != survey.total_fen:
            found.note(f"GrpHdr/{name}", "sum", "金额与各笔合计不符", "is not the payments' sum")
    if survey.foreign:
        found.note(f"GrpHdr/{_TOTAL}@Ccy", "code", "币种应为 CNY", "the currency is CNY")
    for number, (count, names) in enumerate(survey.bundles, 1):
        _counted(names, count, f"PmtInf[{number}]", found)
    if survey.payments > PAYMENTS_MAX:
        found.note(
            "GrpHdr/NbOfTxs", "too_many", f"一份报文最多 {PAYMENTS_MAX} 笔",
            f"a message has at most {PAYMENTS_MAX} payments",
        )  # fmt: skip
    refuse(found)
    return Group(
        message=message, layout=layout, id=survey.names["MsgId"],
        payments=survey.payments,
        digest=hashlib.sha256(raw).hexdigest(),
    )  # fmt: skip


def _watch(survey: _Survey, element: etree._Element, depth: int) -> None:
    """Called as an element ends; `depth` is that of what it stands in."""
    name = local(element)
    if name == "CdtTrfTxInf" and depth in (2, 3):
        survey.payments += 1
        survey.bundled += 1
        _add(survey, element)
    elif name == "PmtInf" and depth == 2:
        survey.bundles.append((survey.bundled, _pending(survey)))
        survey.bundled = 0
    elif depth == 3 and name in _TOLD:
        above = element.getparent()
        inside = local(above) if above is not None else ""
        if inside == "GrpHdr":
            survey.names[name] = element.text or ""
            survey.foreign |= name == _TOTAL and element.get("Ccy") != CURRENCY
        elif inside == "PmtInf":
            survey.names[f"PmtInf/{name}"] = element.text or ""
    elif depth == 3 and name in _STRANGE:
        survey.found.note(
            f"GrpHdr/{name}", "unsupported", "不受理的元素：会改变付款而未受监控",
            "is not taken: it could alter the payment unseen by the policies",
        )  # fmt: skip
    elif name == "SplmtryData" and depth == 2:
        survey.found.note(
            "SplmtryData", "unsupported", "补充数据应在各笔之内",
            "supplementary data stands in its payment",
        )  # fmt: skip


def _pending(survey: _Survey) -> dict[str, str]:
    names = {}
    for name in ("NbOfTxs", "CtrlSum"):
        if (text := survey.names.pop(f"PmtInf/{name}", None)) is not None:
            names[name] = text
    return names


def _add(survey: _Survey, payment: etree._Element) -> None:
    for element in payment.iter():
        if local(element) in ("InstdAmt", "IntrBkSttlmAmt"):
            amount = _fen(element.text or "")
            survey.summed = survey.summed and amount is not None
            survey.total_fen += amount or 0
            return


def _counted(names: dict[str, str], payments: int, place: str, found: Findings) -> None:
    stated = names.get("NbOfTxs")
    if stated is not None and (not stated.isdecimal() or int(stated) != payments):
        found.note(f"{place}/NbOfTxs", "count", "笔数与实际不符", "is not the number of payments")


def _fen(text: str) -> int | None:
    """None for what is no plain amount: that is said of the payment itself."""
    match = _HUNDREDTHS.fullmatch(text)
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else None


def _stretches(name: bytes, raw: bytes) -> tuple[Stretch, ...]:
    """Where each element begins and ends. Raises Unreadable if its tags do not take turns.

    In a proven message `<` is nothing but a tag's, so the name is looked for as it stands, which is
    ten times faster than a pattern tried at every `<`.
    """
    stretches: list[Stretch] = []
    opened: int | None = None
    for match in re.finditer(name + rb"[\s>]", raw):
        start = raw.rfind(b"<", 0, match.start())
        tag = _TAG.match(raw, start)
        if tag is None or tag.end() != match.start():
            continue  # the end of a longer name
        closes = bool(tag[1])
        if closes is (opened is None):
            raise Unreadable(FaultCode.INSTRUCTION_INVALID, "payments stand inside one another")
        if closes:
            assert opened is not None
            stretches.append((opened, raw.index(b">", match.end() - 1) + 1))
            opened = None
        else:
            opened = start
    return tuple(stretches)
