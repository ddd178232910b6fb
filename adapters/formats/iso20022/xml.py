"""ISO 20022 messages as XML: UTF-8, plain elements, bounded in size and depth, valid by schema.

Refused on sight: DTDs and entities, other encodings, comments, CDATA and processing instructions.
So `<` is nothing but a tag, two readers cannot see two texts, and a message of many payments can be
cut between its tags without a parser (`cut`).
"""

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from lxml import etree

from adapters.formats.iso20022.schemas import NAMESPACE, schema_of
from adapters.formats.json.walk import Findings, shown
from adapters.formats.text_safety import refused_in
from adapters.formats.xml_names import MET, apart, each_apart
from gateway.domain.bulk import MESSAGE_BYTES_MAX
from gateway.domain.faults import FaultCode, Unreadable

TAGS_MAX = 1_200_000
"""Of a message that is held whole in memory: about 60 MiB of tree. One of many payments is not."""
ONE_TAGS_MAX = 20_000
"""Of a message of one payment: fifty times what one has."""
ERRORS_SHOWN_MAX = 50
FIRST_BYTES = 1 << 15
"""What lxml reads of a stream before it looks at what it has read; behind it the schema stops it at
the first name that is not its own."""

_DECLARATION = re.compile(
    rb"""\s*<\?xml\s+version=["']1\.[01]["'](?:\s+encoding=["']([A-Za-z0-9._-]+)["'])?"""
    rb"""(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>"""
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RAW_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOOK_BYTES = 1 << 20
_HARDENED: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "recover": False,
    "collect_ids": False,
}
"""For every parser here. Without `huge_tree` libxml2 itself refuses more than 256 levels and texts
of 10 MB."""


@attrs.frozen
class Message:
    """What the root says: which message, and in which namespace its elements stand."""

    name: str
    """Such as `pain.001.001.09`."""
    namespace: str
    apart: bool = attrs.field(default=False, eq=False)
    """Its names may not be kept: it is read by threads of its own (`xml_names`)."""

    def tag(self, name: str) -> str:
        return f"{{{self.namespace}}}{name}"


def checked(raw: bytes) -> None:
    """Whether `raw` may be parsed at all. Raises Unreadable (`body_too_large`, `dtd_refused`,
    `not_xml`)."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise Unreadable(
            FaultCode.BODY_TOO_LARGE, f"a message has at most {MESSAGE_BYTES_MAX} bytes"
        )
    _utf8(raw)
    declaration = _DECLARATION.match(raw.removeprefix(_BYTE_ORDER_MARK)[:200])
    if declaration and declaration[1] and declaration[1].upper() != b"UTF-8":
        encoding = declaration[1].decode("ascii")
        raise Unreadable(
            FaultCode.NOT_XML, f"ISO 20022 is UTF-8, not {encoding} (报文应为 UTF-8 编码)"
        )
    start = declaration.end() if declaration else 0
    if raw.startswith(_BYTE_ORDER_MARK):
        start += len(_BYTE_ORDER_MARK)
    upper = re.search(rb"<!\s*(?:DOCTYPE|ENTITY)|<!\[(?!CDATA)", raw, re.IGNORECASE)
    if upper:
        raise Unreadable(FaultCode.DTD_REFUSED, "the message holds a DTD or entity (含 DTD 或实体)")
    if raw.find(b"<!", start) >= 0 or raw.find(b"<?", start) >= 0:
        raise Unreadable(
            FaultCode.NOT_XML,
            "the message holds comments, CDATA or processing instructions"
            " (含注释、CDATA 或处理指令)",
        )
    if _RAW_CONTROL.search(raw):
        raise Unreadable(FaultCode.NOT_XML, "the message holds a control character (含有控制字符)")


def message_of(root: etree._Element) -> Message:
    """Raises Unreadable (`media_type_unsupported`) for a root that is no ISO 20022 Document."""
    namespace, _, name = str(root.tag).removeprefix("{").rpartition("}")
    if name != "Document" or not namespace.startswith(NAMESPACE):
        raise Unreadable(
            FaultCode.MEDIA_TYPE_UNSUPPORTED,
            "the root is not a Document of ISO 20022 (根元素不是 ISO 20022 Document)",
        )
    return Message(namespace.removeprefix(NAMESPACE), namespace)


def local(element: etree._Element) -> str:
    """The name without its namespace; a QName of lxml would refuse some that parse."""
    return str(element.tag).rpartition("}")[2]


def plain_name(raw: bytes) -> str:
    """The message's name, its root read and nothing else. Raises Unreadable."""
    checked(raw)
    return MET.read(raw[:FIRST_BYTES], lambda: _root_of(raw)).name


def parsed(raw: bytes, tags_max: int = TAGS_MAX) -> tuple[Message, etree._Element]:
    """A whole message in memory, valid by its schema where we have one.

    Raises Unreadable (`body_too_large`, `not_xml`, `dtd_refused`, `media_type_unsupported`,
    `instruction_invalid`).
    """
    checked(raw)
    if raw.count(b"<") > tags_max:
        raise Unreadable(
            FaultCode.BODY_TOO_LARGE, f"a message like this has at most {tags_max} tags"
        )
    try:
        root = tree(raw)
    except (etree.XMLSyntaxError, ValueError) as cause:
        raise _not_xml(cause) from None
    message = message_of(root)
    schema = schema_of(message.name)
    if schema is not None and not schema.validate(root):
        raise _invalid(schema.error_log, message)
    return message, root


def proven(
    raw: bytes, names: tuple[str, ...], watch: Callable[[etree._Element, int], None]
) -> Message:
    """Validate a message of any size with a bounded tree in memory; raises as `parsed` does.

    `watch` sees each element of those names as it ends, and in how many others it stands; payments
    (`CdtTrfTxInf`) are then forgotten.
    """
    checked(raw)
    if MET.keeps(raw, FIRST_BYTES):
        return _proven(raw, names, watch)
    return attrs.evolve(apart(lambda: _proven(raw, names, watch)), apart=True)


def _proven(
    raw: bytes, names: tuple[str, ...], watch: Callable[[etree._Element, int], None]
) -> Message:
    message = _root_of(raw)
    ended = False
    # An error's own log has what this thread has met since it was last cleared: others' messages.
    etree.clear_error_log()
    try:
        schema = schema_of(message.name)
        if schema is None:
            return message  # nothing of it is read without one
        # `resolve_entities=False` beside a schema makes lxml 6.1 swallow syntax errors (fuzzing
        # found it). There are no entities: `checked` refuses every DTD; and the end is asked for.
        tags = [message.tag(name) for name in (*names, "Document")]
        hardened = {name: value for name, value in _HARDENED.items() if name != "resolve_entities"}
        events = etree.iterparse(
            io.BytesIO(raw), events=("end",), tag=tags, schema=schema, **hardened
        )
        for _, element in events:
            depth = sum(1 for _ in element.iterancestors())
            ended = depth == 0
            watch(element, depth)
            if local(element) == "CdtTrfTxInf":
                forget(element)
    except etree.XMLSyntaxError as cause:
        if _of_schema(cause):
            raise _invalid(cause.error_log, message) from None
        raise _not_xml(cause) from None
    if not ended:
        raise Unreadable(FaultCode.NOT_XML, "the message is not XML: it ends before its time")
    return message


def elements_in(raw: bytes, message: Message, name: str) -> Iterator[etree._Element]:
    """Each element of that name in a message that was proven, one at a time, then forgotten."""
    tag = message.tag(name)
    if message.apart:
        return each_apart(lambda: _elements_in(raw, tag))
    return _elements_in(raw, tag)


def _elements_in(raw: bytes, tag: str) -> Iterator[etree._Element]:
    events = etree.iterparse(io.BytesIO(raw), events=("end",), tag=tag, **_HARDENED)
    for _, element in events:
        yield element
        forget(element)


def forget(element: etree._Element) -> None:
    """Free an element that has been read, and what stands before it."""
    element.clear()
    while element.getprevious() is not None:
        parent = element.getparent()
        if parent is None:
            break
        del parent[0]


def tree(raw: bytes) -> etree._Element:
    """By a parser of its own: no state is left over between two senders. Raises Unreadable for too
    many names; etree.XMLSyntaxError, ValueError."""
    return MET.read(raw, lambda: etree.fromstring(raw, _parser()))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(**_HARDENED, dtd_validation=False)


def _root_of(raw: bytes) -> Message:
    """Nothing but the root is read. Raises Unreadable."""
    try:
        for _, root in etree.iterparse(io.BytesIO(raw), events=("start",), **_HARDENED):
            return message_of(root)
    except etree.XMLSyntaxError as cause:
        raise _not_xml(cause) from None
    raise Unreadable(FaultCode.NOT_XML, "the message is not XML: it is empty")


def _utf8(raw: bytes) -> None:
    """Piece by piece: no second copy of a large message. Raises Unreadable."""
    start = 0
    while start < len(raw):
        end = min(start + _LOOK_BYTES, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80 and end - start > _LOOK_BYTES - 4:
            end -= 1
        try:
            raw[start:end].decode("utf-8")
        except UnicodeDecodeError as cause:
            raise Unreadable(
                FaultCode.NOT_XML,
                f"the message is not UTF-8 at byte {start + cause.start} (不是 UTF-8 编码)",
            ) from None
        start = end


def _of_schema(cause: etree.XMLSyntaxError) -> bool:
    return any(entry.domain_name == "SCHEMASV" for entry in list(cause.error_log))  # type: ignore[call-overload]


def _invalid(entries: "etree._ListErrorLog", message: Message) -> Unreadable:
    """All errors of the schema, in its own words, with the line they stand in."""
    found = Findings()
    for entry in entries:
        if len(found) >= ERRORS_SHOWN_MAX:
            break
        if entry.domain_name != "SCHEMASV":
            continue
        said = seemly(entry.message.replace(f"{{{message.namespace}}}", ""))
        path = (entry.path or "").replace("/*", "").strip("/")
        found.note(
            shown(f"line {entry.line}{' ' + path if path else ''}"), "schema",
            f"不符合 {message.name} 报文格式：{said}", said,
        )  # fmt: skip
    detail = f"not a valid {message.name}: {len(found)} error(s) (不符合报文格式)"
    return Unreadable(FaultCode.INSTRUCTION_INVALID, detail, tuple(found))


def _not_xml(cause: Exception) -> Unreadable:
    message = str(getattr(cause, "msg", None) or cause)
    return Unreadable(FaultCode.NOT_XML, f"the message is not XML: {seemly(message)}")


def seemly(text: str) -> str:
    """Fit for a log and a page, 200 characters at most."""
    return "".join(" " if refused_in(c) else c for c in text)[:200]
