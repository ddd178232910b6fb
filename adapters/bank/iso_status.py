"""What an ISO 20022 core says of one payment (pacs.002, pain.002), and how it is asked (pacs.028).

Read strictly: one Document, one transaction status, no DTD, no entity. What is not exactly that
says nothing, and nothing is silence.
"""

import datetime as dt
import secrets
from collections.abc import Callable

from lxml import etree

from adapters.bank.iso_core import NAMES, IsoStatus, fiscal_names
from gateway.domain.instruction import InstructionKey

STATUS_BYTES_MAX = 64 * 1024
ENQUIRY = "urn:iso:std:iso:20022:tech:xsd:pacs.028.001.03"
FISCAL = "urn:treasury-gateway:fiscal:1"
"""Of our supplement, as in the payments themselves (adapters/formats/iso20022/fiscal.py)."""
REPORTS = ("urn:iso:std:iso:20022:tech:xsd:pacs.002.001.", "urn:iso:std:iso:20022:tech:xsd:pain.002.001.")  # noqa: E501  # fmt: skip

_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
    remove_pis=True,
)  # fmt: skip


def read_status(body: bytes) -> IsoStatus | None:
    """The one transaction of a status report; None for anything else."""
    root = plain_root(body) if len(body) <= STATUS_BYTES_MAX else None
    if root is None:
        return None
    namespace = root.tag.rpartition("}")[0][1:]  # QName would raise for braces in a namespace
    if not namespace.startswith(REPORTS):
        return None
    found = root.findall(".//{*}TxInfAndSts")
    if len(found) != 1:
        return None
    (one,) = found
    status, end_to_end = text_once(one, "TxSts"), text_once(one, "OrgnlEndToEndId")
    if not status or not end_to_end:
        return None
    return IsoStatus(
        end_to_end_id=end_to_end, status=status, reason=_reason(one),
        reference=text_once(one, "AcctSvcrRef") or text_once(one, "ClrSysRef"), fiscal=_fiscal(one),
    )  # fmt: skip


def plain_root(body: bytes) -> etree._Element | None:
    """Of a document without a DTD; None for anything else."""
    try:
        root = etree.fromstring(body, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root.getroottree().docinfo.internalDTD is not None or not isinstance(root.tag, str):
        return None
    return root


def enquirer(now: Callable[[], dt.datetime]) -> Callable[[InstructionKey], bytes]:
    """Writes a pacs.028.001.03 about one transaction: its EndToEndId is the voucher number, which
    another year or type may have too, so the supplement says which is meant."""

    def ask(key: InstructionKey) -> bytes:
        document = etree.Element(f"{{{ENQUIRY}}}Document", nsmap={None: ENQUIRY})  # type: ignore[dict-item]
        request = etree.SubElement(document, f"{{{ENQUIRY}}}FIToFIPmtStsReq")
        header = etree.SubElement(request, f"{{{ENQUIRY}}}GrpHdr")
        _add(header, "MsgId", secrets.token_hex(16))
        _add(header, "CreDtTm", now().astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        asked = etree.SubElement(request, f"{{{ENQUIRY}}}TxInf")
        _add(asked, "OrgnlEndToEndId", key.voucher_no)
        asked.append(supplement(ENQUIRY, key))
        return bytes(etree.tostring(document, xml_declaration=True, encoding="UTF-8"))

    return ask


def supplement(namespace: str, key: InstructionKey) -> etree._Element:
    """`SplmtryData`, in this namespace, that names the payment's division, year and type."""
    around = etree.Element(f"{{{namespace}}}SplmtryData", nsmap={None: namespace})  # type: ignore[dict-item]
    envelope = etree.SubElement(around, f"{{{namespace}}}Envlp")
    fiscal = etree.SubElement(envelope, f"{{{FISCAL}}}Fiscal", nsmap={None: FISCAL})  # type: ignore[dict-item]
    for name, text in fiscal_names(key).items():
        etree.SubElement(fiscal, f"{{{FISCAL}}}{name}").text = text
    return around


def _fiscal(one: etree._Element) -> tuple[tuple[str, str], ...]:
    """What a report says of division, year and type in supplements of ours, should it have any."""
    said = one.iterfind(f"{{*}}SplmtryData/{{*}}Envlp/{{{FISCAL}}}Fiscal/*")
    pairs = ((etree.QName(each).localname, (each.text or "").strip()) for each in said)
    return tuple((name, text) for name, text in pairs if name in NAMES)


def _reason(one: etree._Element) -> str | None:
    """ISO code or the bank's own, and its words, as one text."""
    parts = [
        (part.text or "").strip()
        for info in one.findall("{*}StsRsnInf")
        for path in ("{*}Rsn/{*}Cd", "{*}Rsn/{*}Prtry", "{*}AddtlInf")
        for part in info.findall(path)
    ]
    return " ".join(filter(None, parts)) or None


def text_once(one: etree._Element, name: str) -> str | None:
    """None also for what stands twice: a yes and a no."""
    found = one.findall(f"{{*}}{name}")
    return (found[0].text or "").strip() or None if len(found) == 1 else None


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{ENQUIRY}}}{name}").text = text
