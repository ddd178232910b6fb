"""GBK XML read with everything dangerous turned off: the only place that touches lxml.

The bytes are decoded strictly as GBK before any parser sees them, so no encoding trick hides a
declaration; a DOCTYPE is refused on sight; only plain tags are let through to the parser.
"""

import re

from lxml import etree

from adapters.formats.text_safety import refused_in
from adapters.formats.xml_names import MET
from gateway.domain.faults import FaultCode, Unreadable

_DECLARATION = re.compile(r"""<\?xml\s+version=["']1\.0["']\s+encoding=["'](?i:GBK)["']\s*\?>""")
_NOT_PLAIN = re.compile(r"<(?!/?[A-Za-z][A-Za-z0-9_]*\s*/?>)")
_CHINESE = re.compile("[\u3400-\u9fff]")
_DTD = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)|<!\[(?!CDATA)", re.IGNORECASE)
_RAW_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def gbk_text(raw: bytes, what: str) -> str:
    """Decode strictly. Raises Unreadable (`not_gbk`, `dtd_refused`, `not_xml`)."""
    try:
        text = raw.decode("gbk")
    except UnicodeDecodeError as cause:
        raise Unreadable(
            FaultCode.NOT_GBK, f"{what} is not GBK at byte {cause.start} (不是 GBK 编码)"
        ) from None
    if not raw.isascii() and _is_utf8(raw):
        raise Unreadable(
            FaultCode.NOT_GBK,
            f"{what} is UTF-8 under the name of GBK (声明为 GBK，实为 UTF-8 编码)",
        )
    if _DTD.search(text):
        raise Unreadable(FaultCode.DTD_REFUSED, f"{what} holds a DTD or entity (含 DTD 或实体)")
    if _RAW_CONTROL.search(text):
        raise Unreadable(FaultCode.NOT_XML, f"{what} holds a control character (含有控制字符)")
    return text


def _is_utf8(raw: bytes) -> bool:
    """Some of it decodes as GBK too, to characters that nobody wrote: the rules would judge those,
    and whoever reads the bytes as they were meant another text."""
    try:
        return _CHINESE.search(raw.decode()) is not None
    except UnicodeDecodeError:
        return False


def parsed(text: str, what: str, *, plain_tags: bool) -> etree._Element:
    """Parse what `gbk_text` returned. Raises Unreadable (`not_xml`).

    `plain_tags` refuses attributes, comments, CDATA and processing instructions: then a tag is
    nothing but `<Name>`, `</Name>` or `<Name/>`, which is what lets the answer be written into the
    sender's own text without touching anything else.
    """
    declaration = _DECLARATION.match(text)
    if not declaration:
        raise Unreadable(
            FaultCode.NOT_XML,
            f'{what} does not begin with <?xml version="1.0" encoding="GBK"?> (缺少 XML 声明)',
        )
    body = text[declaration.end() :]
    if "<!" in body or "<?" in body or (plain_tags and _NOT_PLAIN.search(body)):
        raise Unreadable(
            FaultCode.NOT_XML,
            f"{what} holds markup other than plain elements (含有普通元素以外的标记)",
        )
    try:
        return MET.read(body.encode(), lambda: etree.fromstring(body, _parser()))
    except etree.XMLSyntaxError as cause:
        raise Unreadable(FaultCode.NOT_XML, f"{what} is not XML: {_seemly(cause)}") from None
    except ValueError as cause:
        raise Unreadable(FaultCode.NOT_XML, f"{what} is not XML: {cause}") from None


def _parser() -> etree.XMLParser:
    """A parser of its own for each document: no state is left over between two senders."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        collect_ids=False,
    )


def _seemly(cause: etree.XMLSyntaxError) -> str:
    message = str(cause.msg)
    return "".join(" " if refused_in(c) else c for c in message)[:200]
