"""pacs.028, camt.056, camt.029, pacs.004, pacs.002 read strictly, by the lists of
`letter_forms`: what is not listed is refused with its place, and all errors come at once.
"""

import re
from collections.abc import Iterator

from lxml import etree

from adapters.formats.iso20022.cut import refuse
from adapters.formats.iso20022.letter_forms import FORMS, MESSAGES, Form
from adapters.formats.iso20022.matters import MEANT, STATUSES, Texts, fen_of, matter_of, one
from adapters.formats.iso20022.read import CURRENCY
from adapters.formats.iso20022.xml import Message, local, parsed, seemly
from adapters.formats.json.walk import Findings, shown
from adapters.formats.text_safety import refused_in
from gateway.domain.correspondence import Letter
from gateway.domain.enquiries import RecallStatus
from gateway.domain.faults import FaultCode, Unreadable

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_TEXT_MAX = 140
_WIDTHS = {"AddtlInf": 105, "Cd": 4, "Prtry": 35, "OrgnlUETR": 36, "UETR": 36}
_ID_MAX = 35
"""As ISO's own types: Max105Text, Max35Text ..."""
_DIVISION = re.compile(r"[0-9]{9}", re.ASCII)
DIVISION_PLACES = (
    "GrpHdr/InstdAgt/FinInstnId/Othr/Id", "Assgnmt/Assgne/Pty/Id/OrgId/Othr/Id",
)  # fmt: skip
"""Where a message says for which division it is; the first that stands counts."""
PAYMENTS_MAX = 500
LETTER_TAGS_MAX = 200_000
"""Four hundred for each payment."""
LEVELS_MAX = 16
NAME_CHARS_MAX = 35
"""More than any message here has."""

_KNOWN = {"TxSts": STATUSES, "TxCxlSts": frozenset(RecallStatus)}
_AMOUNTS = ("RtrdIntrBkSttlmAmt", "OrgnlIntrBkSttlmAmt")
_SUMS = ("GrpHdr/CtrlSum", "GrpHdr/TtlRtrdIntrBkSttlmAmt")


def read_letter(raw: bytes) -> Letter:
    """Read one message about payments ordered before.

    Raises Unreadable: not_xml, dtd_refused, body_too_large, media_type_unsupported (no message of
    `MESSAGES`), instruction_invalid with every error.
    """
    message, root = parsed(raw, LETTER_TAGS_MAX)
    form = FORMS.get(message.name)
    if form is None:
        raise Unreadable(
            FaultCode.MEDIA_TYPE_UNSUPPORTED,
            f"{seemly(message.name)} is not taken here; {', '.join(MESSAGES)} are (不受理的报文)",
        )
    found = Findings()
    _own(root, message, found)
    refuse(found)
    head, rows = _split(root, message, form, found)
    _required(head, form.required, "", found)
    for number, row in enumerate(rows, 1):
        _required(row, form.row_required, f"{form.row}[{number}]/", found)
    if message.name.startswith("pacs.004") and one(head, "GrpHdr/NbOfTxs") != str(len(rows)):
        found.note("GrpHdr/NbOfTxs", "count", "笔数与实际不符", "is not the number of payments")
    _counted(rows, form, found)
    _ended(rows, form, found)
    _weighed(head, rows, form, found)
    division = _division(head, found)
    refuse(found)
    matter = matter_of(form.root, head, rows)
    return Letter(id=matter.id, name=message.name, division=division, matter=matter)


def _counted(rows: list[Texts], form: Form, found: Findings) -> None:
    if not rows:
        found.note(form.row, "required", "至少应有一笔", "names no payment")
    elif len(rows) > PAYMENTS_MAX:
        found.note(
            form.row, "too_many_payments", f"一份报文最多 {PAYMENTS_MAX} 笔",
            f"a message is about {PAYMENTS_MAX} payments at most",
        )  # fmt: skip


def _ended(rows: list[Texts], form: Form, found: Findings) -> None:
    """What ends a payment says how: paid under which number, or refused for which reason."""
    for number, row in enumerate(rows, 1):
        status, place = one(row, "TxSts"), f"{form.row}[{number}]/"
        for name, known in _KNOWN.items():
            if one(row, name) not in {*known, ""}:
                found.note(f"{place}{name}", "code", "不认识的状态", "is not a known status")
        if MEANT.get(status) is True and not (row.keys() & {"AcctSvcrRef", "ClrSysRef"}):
            found.note(f"{place}AcctSvcrRef", "required", "缺少银行流水号", "is required if paid")
        elif MEANT.get(status) is False and "StsRsnInf" not in " ".join(row):
            found.note(f"{place}StsRsnInf", "required", "缺少拒付理由", "is required if refused")


def _division(head: Texts, found: Findings) -> str:
    """Of a sender that serves several: empty where the message names none."""
    for name in DIVISION_PLACES:
        if named := one(head, name):
            if not _DIVISION.fullmatch(named):
                found.note(name, "pattern", "应为九位行政区划代码", "is a division of nine digits")
            return named
    return ""


def _split(
    root: etree._Element, message: Message, form: Form, found: Findings
) -> tuple[Texts, list[Texts]]:
    """The texts beside the payments, and of each payment, by path; what may not stand is noted."""
    head: Texts = {}
    rows: list[Texts] = []
    body = list(root)
    if len(body) != 1 or str(body[0].tag) != message.tag(form.root) or root.attrib:
        found.note("Document", "unknown", f"应只有 {form.root}", f"must hold {form.root} alone")
        return head, rows
    above, _, row_name = form.row.rpartition("/")
    for child in body[0]:
        path = local(child)
        if path == form.row:
            rows.append(_texts(child, form.in_row, f"{form.row}[{len(rows) + 1}]/", found))
        elif path == above:
            for inner in child:
                place = f"{form.row}[{len(rows) + 1}]/"
                if local(inner) == row_name:
                    rows.append(_texts(inner, form.in_row, place, found))
                else:
                    _unknown(f"{above}/{local(inner)}", found)
        else:
            for name, texts in _texts(child, form.head, "", found, path).items():
                head.setdefault(name, []).extend(texts)
    return head, rows


def _own(root: etree._Element, message: Message, found: Findings) -> None:
    """No schema has seen it. An element of another namespace is none of the message's to whoever
    reads it by one; and paths of endless names, as deep as may be, cost a minute to compare."""
    ours, level = f"{{{message.namespace}}}", [root]
    for _ in range(LEVELS_MAX):
        for element in level:
            space, _, name = str(element.tag).rpartition("}")
            if f"{space}}}" != ours or len(name) > NAME_CHARS_MAX:
                _unknown(str(element.tag), found)
        level = [child for element in level for child in element]
    if level:
        found.note(
            "Document", "unsupported", f"元素嵌套超过 {LEVELS_MAX} 层",
            f"elements stand in more than {LEVELS_MAX} others",
        )  # fmt: skip


def _texts(
    element: etree._Element, allowed: str, place: str, found: Findings, path: str = ""
) -> Texts:
    texts: Texts = {}
    pattern = re.compile(allowed)
    for leaf_path, leaf in _leaves(element, path):
        text = leaf.text or ""
        if not pattern.fullmatch(leaf_path):
            _unknown(f"{place}{leaf_path}", found)
        elif not text.strip() or refused_in(text) or len(text) > _width(leaf_path):
            found.note(
                f"{place}{leaf_path}", "text", "文本为空、过长或含控制字符",
                "is blank, too long, or holds a control character",
            )  # fmt: skip
        elif leaf_path.endswith("CreDtTm") and not _TIME.fullmatch(text):
            found.note(f"{place}{leaf_path}", "date", "应为时间", "must be a time")
        else:
            currency = [("Ccy", CURRENCY)] if leaf_path.endswith("Amt") else []
            if leaf.items() != currency:
                found.note(
                    f"{place}{leaf_path}@Ccy", "code", "金额应注明币种 CNY，其他元素无属性",
                    "an amount names its currency, CNY; no other element has an attribute",
                )  # fmt: skip
            texts.setdefault(leaf_path, []).append(text)
    return texts


def _width(path: str) -> int:
    name = path.rpartition("/")[2]
    return _WIDTHS.get(name, _ID_MAX if name.endswith("Id") else _TEXT_MAX)


def _leaves(element: etree._Element, path: str) -> Iterator[tuple[str, etree._Element]]:
    if not len(element):
        yield path, element
        return
    for child in element:
        name = local(child)
        yield from _leaves(child, f"{path}/{name}" if path else name)


def _unknown(path: str, found: Findings) -> None:
    found.note(shown(path), "unsupported", "不受理的元素", "is not taken here")


def _required(texts: Texts, names: tuple[str, ...], place: str, found: Findings) -> None:
    for name in names:
        if name not in texts:
            found.note(f"{place}{name}", "required", "缺少元素", "is required")
    for name, values in texts.items():
        if len(values) > 1 and not name.endswith("AddtlInf"):
            found.note(f"{place}{name}", "duplicate", "元素重复", "stands more than once")


def _weighed(head: Texts, rows: list[Texts], form: Form, found: Findings) -> None:
    """Amounts are readable, and what is returned comes to the sums that the message states."""
    for number, row in enumerate(rows, 1):
        for name in _AMOUNTS:
            if name in row and fen_of(row, name) is None:
                found.note(
                    f"{form.row}[{number}]/{name}", "pattern", "应为不超过两位小数的元",
                    "must be yuan with at most two decimals",
                )  # fmt: skip
    total = sum(fen_of(row, "RtrdIntrBkSttlmAmt") or 0 for row in rows)
    for name in _SUMS:
        if name in head and fen_of(head, name) != total:
            found.note(name, "sum", "与各笔退款金额合计不符", "is not the sum of the payments")
