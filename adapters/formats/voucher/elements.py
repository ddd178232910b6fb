"""One voucher's elements against the interface: known, once, wide enough, present, seemly.

Reads the inner XML into plain texts by name; what they mean is `read`'s to say.
"""

from collections.abc import Iterable

import attrs
from lxml import etree

from adapters.formats.json.walk import Findings, shown
from adapters.formats.text_safety import refused_in
from adapters.formats.voucher.fields import Fields, VoucherField, VoucherLayout

DETAILS_MAX = 499
"""PBC takes fewer than 500."""

Texts = dict[str, str]
"""By element; an element that is absent or empty is not in it."""


@attrs.frozen(kw_only=True)
class VoucherTexts:
    header: Texts
    details: tuple[Texts, ...]


def texts_of(
    root: etree._Element, layout: VoucherLayout, found: Findings, *, returned: bool = False
) -> VoucherTexts:
    """All texts of a voucher; everything that breaks the interface is noted in `found`.

    `returned`: a return copy, in which the bank has filled its elements.
    """
    leaves = [child for child in root if child.tag != "DetailList"]
    lists = [child for child in root if child.tag == "DetailList"]
    _no_stray_text(root, "Voucher", found)
    header = _texts(leaves, layout.header, "", found, returned)
    if len(lists) != 1:
        code = "required" if not lists else "duplicate"
        found.note("DetailList", code, "应有且只有一个 DetailList", "must stand exactly once")
    details = _details(lists[0], layout.detail, found, returned) if lists else ()
    return VoucherTexts(header=header, details=details)


def _details(
    parent: etree._Element, fields: Fields, found: Findings, returned: bool
) -> tuple[Texts, ...]:
    _no_stray_text(parent, "DetailList", found)
    rows = [child for child in parent if child.tag == "Detail"]
    for child in parent:
        if child.tag != "Detail":
            _unknown(f"DetailList.{shown(str(child.tag))}", found)
    if not 1 <= len(rows) <= DETAILS_MAX:
        found.note(
            "DetailList", "too_many" if rows else "required",
            f"明细应有 1 至 {DETAILS_MAX} 条", f"must hold 1 to {DETAILS_MAX} details",
        )  # fmt: skip
        return ()
    read = []
    for number, row in enumerate(rows, 1):
        _no_stray_text(row, f"Detail[{number}]", found)
        read.append(_texts(row, fields, f"Detail[{number}].", found, returned))
    return tuple(read)


def _texts(
    leaves: Iterable[etree._Element], fields: Fields, place: str, found: Findings, returned: bool
) -> Texts:  # fmt: skip
    texts: Texts = {}
    seen: set[str] = set()
    for leaf in leaves:
        name = str(leaf.tag)
        field = fields.get(name)
        if field is None:
            _unknown(f"{place}{shown(name)}", found)
            continue
        if name in seen:
            found.note(f"{place}{name}", "duplicate", f"{field.zh}重复", "stands more than once")
        seen.add(name)
        text = leaf.text
        if len(leaf):
            found.note(f"{place}{name}", "markup", f"{field.zh}只能是文本", "must be text only")
        elif text:
            texts[name] = text
            if len(text) * 2 > (field.bytes_max or 0) or not text.isascii():
                _fits(text, field, f"{place}{name}", found)
            elif not text.isprintable() or text.isspace():
                _seemly(text, field, f"{place}{name}", found)
            if field.of_the_bank and not returned:
                found.note(
                    f"{place}{name}", "not_empty", f"{field.zh}由银行填写，发送时应为空",
                    "is for the bank to fill and must be empty",
                )  # fmt: skip
    for name in _required(fields):
        if name not in texts:
            found.note(f"{place}{name}", "required", f"缺少{fields[name].zh}", "is required")
    return texts


def _required(fields: Fields) -> Iterable[str]:
    return (field.name for field in fields.values() if field.required)


def _fits(text: str, field: VoucherField, place: str, found: Findings) -> None:
    """Width in GBK bytes; a character reference may have smuggled in what GBK does not have."""
    _seemly(text, field, place, found)
    try:
        width = len(text.encode("gbk"))
    except UnicodeEncodeError:
        found.note(
            place, "not_gbk", f"{field.zh}含有 GBK 以外的字符", "holds a character outside GBK"
        )
        return
    if field.bytes_max is not None and width > field.bytes_max:
        found.note(
            place, "too_long", f"{field.zh}不得超过 {field.bytes_max} 字节（GBK）",
            f"at most {field.bytes_max} bytes in GBK",
        )  # fmt: skip


def _seemly(text: str, field: VoucherField, place: str, found: Findings) -> None:
    if refused_in(text):
        found.note(
            place, "control_character", f"{field.zh}含有控制字符", "holds a control character"
        )
    elif not text.strip():
        found.note(place, "blank", f"{field.zh}不得只有空格", "must not be mere spaces")


def _unknown(place: str, found: Findings) -> None:
    found.note(place, "unknown", "不认识的元素", "is not a known element")


def _no_stray_text(parent: etree._Element, place: str, found: Findings) -> None:
    texts = [parent.text, *(child.tail for child in parent)]
    if any(text and not text.isspace() for text in texts):
        found.note(place, "text", "元素之间有多余文字", "has text between its elements")
