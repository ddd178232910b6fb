"""The MOF envelope: how many vouchers, whose, and each one's own GBK text out of its base64."""

import base64
import binascii
from collections.abc import Iterator

import attrs
from lxml import etree

from adapters.formats.json.walk import Findings, shown
from adapters.formats.voucher.fields import IDENTITY
from adapters.formats.voucher.xml import gbk_text, parsed
from gateway.domain.faults import FaultCode, Unreadable

ENVELOPE_BYTES_MAX = 4 << 20
"""499 details of about 2 KiB each, as base64."""

SENT = "0"
RETURNED = "1"
"""VoucherFlag: 0 发送单, 1 回单."""

_BODY_CHILDREN = ("VoucherFlag", "Attach", "Voucher")


@attrs.frozen(kw_only=True)
class Body:
    """One VoucherBody, its voucher still unread."""

    attributes: dict[str, str]
    voucher: str
    """The inner XML, decoded from base64 and GBK."""
    flag: str = SENT


def opened(raw: bytes, flags: frozenset[str] = frozenset({SENT})) -> tuple[Body, ...]:
    """Every voucher of the envelope, in order; `flags`: what VoucherFlag may say.

    Raises Unreadable (`body_too_large`, `not_gbk`, `not_xml`, `dtd_refused`,
    `instruction_invalid`), listing all errors of the envelope at once.
    """
    if len(raw) > ENVELOPE_BYTES_MAX:
        raise Unreadable(
            FaultCode.BODY_TOO_LARGE, f"an envelope has at most {ENVELOPE_BYTES_MAX} bytes"
        )
    text = gbk_text(raw, "the envelope")
    root = parsed(text, "the envelope", plain_tags=False)
    found = Findings()
    bodies = tuple(_bodies(root, flags, found))
    if found:
        raise Unreadable(
            FaultCode.FIELD_DUPLICATE
            if any(error.code == "duplicate" for error in found)
            else FaultCode.INSTRUCTION_INVALID,
            f"the envelope has {len(found)} error(s) (信封有 {len(found)} 处错误)",
            tuple(found),
        )
    return bodies


def only(bodies: tuple[Body, ...]) -> Body:
    """The one voucher of an envelope that may hold one. Raises Unreadable for more."""
    if len(bodies) == 1:
        return bodies[0]
    found = Findings()
    found.note(
        "VoucherCount", "too_many_vouchers", "一个信封目前只能有一张凭证",
        "an envelope holds one voucher; send each in its own",
    )  # fmt: skip
    raise Unreadable(
        FaultCode.INSTRUCTION_INVALID, "the envelope holds more than one voucher", tuple(found)
    )


def _bodies(root: etree._Element, flags: frozenset[str], found: Findings) -> Iterator[Body]:
    if root.tag != "MOF" or root.attrib:
        found.note("MOF", "unknown", "根元素应为不带属性的 MOF", "the root is MOF, bare")
        return
    counts = [child for child in root if child.tag == "VoucherCount"]
    bodies = [child for child in root if child.tag == "VoucherBody"]
    _known_only(root, ("VoucherCount", "VoucherBody"), "MOF", found)
    if len(counts) != 1 or counts[0].attrib or counts[0].text != str(len(bodies)) or not bodies:
        found.note(
            "VoucherCount", "count", "凭证数量应与 VoucherBody 个数一致，且至少一张",
            "must state the number of VoucherBody elements, at least one",
        )  # fmt: skip
    for number, body in enumerate(bodies, 1):
        opened_body = _body(body, "VoucherBody" if len(bodies) == 1 else f"VoucherBody[{number}]",
                            flags, found)  # fmt: skip
        if opened_body:
            yield opened_body


def _body(body: etree._Element, place: str, flags: frozenset[str], found: Findings) -> Body | None:
    attributes = {str(name): str(value) for name, value in body.attrib.items()}
    for name in attributes.keys() - set(IDENTITY):
        found.note(f"{place}@{shown(name)}", "unknown", "不认识的属性", "is not known")
    for name in set(IDENTITY) - attributes.keys():
        found.note(f"{place}@{name}", "required", "缺少属性", "is required")
    _known_only(body, _BODY_CHILDREN, place, found)
    children = {str(child.tag): child for child in body}
    for name in _BODY_CHILDREN:
        same = [child for child in body if child.tag == name]
        if len(same) > 1:
            found.note(f"{place}.{name}", "duplicate", "元素重复", "stands more than once")
        elif not same and name != "Attach":
            found.note(f"{place}.{name}", "required", "缺少元素", "is required")
        elif same and (len(same[0]) or same[0].attrib):
            found.note(f"{place}.{name}", "markup", "只能是文本", "must be text only")
    flag, voucher = children.get("VoucherFlag"), children.get("Voucher")
    if flag is not None and flag.text not in flags:
        found.note(
            f"{place}.VoucherFlag", "flag", "发送单的 VoucherFlag 应为 0", "must be 0 when sent"
        )
    inner = _inner(voucher.text or "", f"{place}.Voucher", found) if voucher is not None else None
    if inner is None or flag is None:
        return None
    return Body(attributes=attributes, voucher=inner, flag=flag.text or "")


def _inner(encoded: str, place: str, found: Findings) -> str | None:
    """The voucher's text out of canonical base64 (RFC 4648 4: no spaces, no stray bits)."""
    try:
        letters = encoded.encode("ascii")
        decoded = base64.b64decode(letters, validate=True)
        if decoded and base64.b64encode(decoded) == letters:
            return gbk_text(decoded, "the voucher")
    except (UnicodeEncodeError, binascii.Error):
        pass
    found.note(
        place, "base64", "应为规范的 base64（不含空格、换行）", "must be canonical base64, unbroken"
    )
    return None


def _known_only(
    parent: etree._Element, known: tuple[str, ...], place: str, found: Findings
) -> None:
    stray = (parent.text or "") + "".join(child.tail or "" for child in parent)
    if stray.strip():
        found.note(place, "text", "元素之间有多余文字", "has text between its elements")
    for child in parent:
        if child.tag not in known:
            found.note(
                f"{place}.{shown(str(child.tag))}", "unknown", "不认识的元素", "is not known"
            )
