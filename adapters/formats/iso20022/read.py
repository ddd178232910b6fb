"""One payment of a pain.001 or pacs.008 to the domain's `Instruction`, everything wrong at once.

Every element that stands in the payment is either read, known to change nothing, or refused: what
could redirect or alter a payment (intermediary agents, cheques, exchange rates, an ultimate payee)
must not travel past the policies unseen. The same rules as for JSON then hold between the fields.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import attrs
import msgspec
from lxml import etree

from adapters.formats.iso20022.fiscal import FISCAL_NAMESPACE, ISSUER, PLAIN, fill, place_of, put
from adapters.formats.iso20022.xml import Message
from adapters.formats.json.build import instruction_of
from adapters.formats.json.rules import contradictions
from adapters.formats.json.shape import InstructionWire
from adapters.formats.json.tree import Members
from adapters.formats.json.walk import Findings, errors_of, shown
from adapters.formats.text_safety import refused_in
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.instruction import Instruction

CURRENCY = "CNY"
BANK_NUMBERS = "CNAPS"
"""ClrSysId/Cd of 支付系统行号 (ISO external code set, China)."""
IDENTITY_CARD = "NIDN"

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,2}))?", re.ASCII)


@attrs.frozen(kw_only=True)
class Layout:
    """Where one kind of message has what; `PmtInf` is the header of a pain.001's payments."""

    root: str
    """The message's own element below Document."""
    amount: str
    date: tuple[str, ...]
    """Where the voucher's date may stand; a payment's and its group's are one."""
    supplementary: bool
    """Whether a payment has SplmtryData; if not, the fiscal elements stand in RmtInf/Strd."""
    answer: str
    """The status report that answers it."""


def _pain(date: str, *, supplementary: bool) -> Layout:
    return Layout(
        root="CstmrCdtTrfInitn", amount="Amt/InstdAmt", date=(date,), supplementary=supplementary,
        answer="pain.002.001.10",
    )  # fmt: skip


def _pacs(*, supplementary: bool) -> Layout:
    return Layout(
        root="FIToFICstmrCdtTrf", amount="IntrBkSttlmAmt", date=("IntrBkSttlmDt",),
        supplementary=supplementary, answer="pacs.002.001.10",
    )  # fmt: skip


LAYOUTS = {
    "pain.001.001.03": _pain("ReqdExctnDt", supplementary=False),
    "pain.001.001.09": _pain("ReqdExctnDt/Dt", supplementary=True),
    "pacs.008.001.02": _pacs(supplementary=False),
    "pacs.008.001.04": _pacs(supplementary=True),
    "pacs.008.001.08": _pacs(supplementary=True),
}

_PLACES = {
    "PmtId/EndToEndId": "voucher_no",
    "Dbtr/Nm": "payer.name",
    "DbtrAcct/Id/Othr/Id": "payer.account",
    "DbtrAgt/FinInstnId/ClrSysMmbId/MmbId": "payer.bank_code",
    "Cdtr/Nm": "payee.name",
    "CdtrAcct/Id/Othr/Id": "payee.account",
    "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId": "payee.bank_code",
    "CdtrAgt/FinInstnId/Nm": "payee.bank_name",
    "Cdtr/Id/PrvtId/Othr/Id": "payee.person.id_number",
}
_FIXED = {
    "DbtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": BANK_NUMBERS,
    "CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": BANK_NUMBERS,
    "Cdtr/Id/PrvtId/Othr/SchmeNm/Cd": IDENTITY_CARD,
    "DbtrAcct/Ccy": CURRENCY,
    "CdtrAcct/Ccy": CURRENCY,
    "PmtMtd": "TRF",
}
_IDLE = re.compile(
    "PmtId/(?:InstrId|UETR|TxId|ClrSysRef)|PmtInfId|BtchBookg|NbOfTxs|CtrlSum|ChrgBr|PmtTpInf/.*"
    "|Purp/.*|DbtrAgt/FinInstnId/Nm|Dbtr/PstlAdr/.*|Cdtr/PstlAdr/.*|SttlmPrty"
    "|InstgAgt/.*|InstdAgt/.*|AccptncDtTm|SttlmInf/(?:SttlmMtd|ClrSys/.*)"
)
"""Known to change neither who is paid, nor how much, nor what for."""
_OWN_CODE = re.compile("[0-9A-Za-z._-]{1,35}")
_FREE_TEXT = "RmtInf/Ustrd"
_PUT_AT = {iso: place_of(json) for iso, json in _PLACES.items()}
_SAID_AT = {json: iso for iso, json in _PLACES.items()} | {
    json: f"Fiscal/{name}" for name, json in PLAIN.items()
}


class Leaf(NamedTuple):
    """An element that holds a text: its path below the payment or its header."""

    path: str
    text: str
    currency: str | None


def header_of(message: Message, above: etree._Element, layout: Layout) -> tuple[Leaf, ...]:
    """What all payments in `above` share: their PmtInf's texts, or a pacs.008's group header's."""
    pain = layout.root == "CstmrCdtTrfInitn"
    header = above if pain else above.find(message.tag("GrpHdr"))
    leaves: list[Leaf] = []
    cut = len(message.namespace) + 2
    for child in header if header is not None else ():
        name = str(child.tag)[cut:]
        if name != "CdtTrfTxInf" and name not in _GROUP_ONLY:
            _below(child, name, cut, leaves)
    return tuple(leaves)


def payment_of(
    message: Message, layout: Layout, header: Sequence[Leaf], payment: etree._Element, place: str
) -> Instruction:
    """Read one payment, `header` as from `header_of`.

    Raises Unreadable (`instruction_invalid`, `field_duplicate`, `voucher_type_unsupported`) with
    every error; `place` leads each error's field, such as `CdtTrfTxInf[3]`.
    """
    found, tree = Findings(), dict[str, Any]()
    leaves, pairs = _texts(message, payment, layout, found)
    for leaf in header:
        _take(leaf, tree, layout, found)
    for leaf in leaves:
        _take(leaf, tree, layout, found)
    fill(tree, pairs, "Fiscal", found)
    if "voucher_date" not in tree:
        found.note(layout.date[0], "required", "缺少日期", "is required: the voucher's date")
    instruction = None if found else _quickly(tree)
    if instruction is None:
        slow, between = _members(tree), Findings()
        contradictions(slow, between)
        found.extend(_at_iso_places([*errors_of(slow, InstructionWire), *between]))
        raise _refusal(found, place)
    return instruction


def _texts(
    message: Message, payment: etree._Element, layout: Layout, found: Findings
) -> tuple[list[Leaf], list[tuple[str, str]]]:
    """The payment's own texts, and its fiscal elements."""
    leaves: list[Leaf] = []
    pairs: list[tuple[str, str]] = []
    cut, data = len(message.namespace) + 2, 0
    for child in payment:
        name = str(child.tag)[cut:]
        if name == "RmtInf":
            for part in child:
                if str(part.tag)[cut:] == "Strd" and not layout.supplementary:
                    pairs += _structured(part, cut, found)
                elif str(part.tag)[cut:] == "Ustrd":
                    leaves.append(Leaf(_FREE_TEXT, part.text or "", None))
                else:
                    _below(part, "RmtInf/Strd", cut, leaves)
        elif name == "SplmtryData":
            data += 1
            if data > 1:
                found.note("SplmtryData", "duplicate", "元素重复", "stands more than once")
            pairs += _supplementary(child, cut, found)
        else:
            _below(child, name, cut, leaves)
    return leaves, pairs


_GROUP_ONLY = frozenset({"MsgId", "CreDtTm", "TtlIntrBkSttlmAmt", "InitgPty"})


def _below(element: etree._Element, path: str, cut: int, leaves: list[Leaf]) -> None:
    if not len(element):
        if text := element.text:
            leaves.append(Leaf(path, text, element.get("Ccy")))
        return
    for child in element:
        _below(child, f"{path}/{str(child.tag)[cut:]}", cut, leaves)


def _take(leaf: Leaf, tree: dict[str, Any], layout: Layout, found: Findings) -> None:
    path = leaf.path
    if (place := _PUT_AT.get(path)) is not None:
        if not put(tree, place, leaf.text):
            found.note(path, "duplicate", "元素重复", "stands more than once")
    elif path == layout.amount:
        _amount(leaf, tree, found)
    elif path in layout.date:
        if tree.setdefault("voucher_date", leaf.text) != leaf.text:
            found.note(
                path, "contradiction", "与报文头的日期不一致", "is not what the group header says"
            )
    elif path == _FREE_TEXT:
        tree["purpose"] = tree.get("purpose", "") + leaf.text
    elif path in _FIXED:
        if leaf.text != _FIXED[path]:
            found.note(
                path, "code", f"应为 {_FIXED[path]}", f"must be {_FIXED[path]}, nothing else is"
                " taken",
            )  # fmt: skip
    elif not _is_idle(leaf) and not leaf.text.isspace():
        found.note(
            shown(path), "unsupported", "不受理的元素：会改变付款而未受监控",
            "is not taken: it could alter the payment unseen by the policies",
        )  # fmt: skip


def _is_idle(leaf: Leaf) -> bool:
    """A code of one's own is idle as any; words in its place say what is paid for, unjudged."""
    idle = _IDLE.fullmatch(leaf.path) is not None
    return idle and (not leaf.path.endswith("/Prtry") or _OWN_CODE.fullmatch(leaf.text) is not None)


def _amount(leaf: Leaf, tree: dict[str, Any], found: Findings) -> None:
    match = _AMOUNT.fullmatch(leaf.text)
    if leaf.currency != CURRENCY:
        found.note(f"{leaf.path}@Ccy", "code", "币种应为 CNY", "the currency is CNY")
    if match is None:
        found.note(
            leaf.path, "pattern", "应为不超过两位小数的元", "must be yuan with at most two decimals"
        )
        tree["amount"] = "1.00"  # noted above; what else is wrong is still looked for
    else:
        tree["amount"] = f"{match[1]}.{(match[2] or '').ljust(2, '0')}"


def _structured(strd: etree._Element, cut: int, found: Findings) -> list[tuple[str, str]]:
    """One fiscal element in a Strd: name, issuer, and the text in pieces."""
    leaves: list[Leaf] = []
    for child in strd:
        _below(child, str(child.tag)[cut:], cut, leaves)
    texts: dict[str, str] = {}
    for leaf in leaves:
        if leaf.path == "AddtlRmtInf":
            texts[leaf.path] = texts.get(leaf.path, "") + leaf.text
        elif texts.setdefault(leaf.path, leaf.text) != leaf.text:
            found.note("RmtInf/Strd", "duplicate", "元素重复", "says two things")
    name, issuer = texts.pop(_NAME, None), texts.pop(_ISSUER, None)
    value = texts.pop("AddtlRmtInf", None)
    if name is None or value is None or issuer != ISSUER or texts:
        found.note(
            "RmtInf/Strd", "unsupported", "结构化附言只用于财政要素（见接口说明）",
            "only carries fiscal elements in the documented form",
        )  # fmt: skip
        return []
    return [(name, value)]


_NAME = "RfrdDocInf/Tp/CdOrPrtry/Prtry"
_ISSUER = "RfrdDocInf/Tp/Issr"


def _supplementary(data: etree._Element, cut: int, found: Findings) -> list[tuple[str, str]]:
    """The envelope with exactly one Fiscal element of ours, texts only."""
    inner = [element for child in data if str(child.tag)[cut:] == "Envlp" for element in child]
    ours = f"{{{FISCAL_NAMESPACE}}}"
    if len(inner) != 1 or inner[0].tag != f"{ours}Fiscal" or inner[0].attrib:
        found.note(
            "SplmtryData", "unsupported", "补充数据只用于财政要素（见接口说明）",
            "only carries one Fiscal element in the documented form",
        )  # fmt: skip
        return []
    pairs, first = [], len(ours)
    if ((inner[0].text or "") + "".join(element.tail or "" for element in inner[0])).strip():
        found.note("Fiscal", "text", "元素之间有多余文字", "has text between its elements")
    for element in inner[0]:
        name, text = str(element.tag), element.text
        if not text or len(element) or element.keys() or not name.startswith(ours):
            found.note(
                f"Fiscal/{shown(name)}", "unsupported", "应为本命名空间的文本元素",
                "must be a text element of the documented namespace",
            )  # fmt: skip
        else:
            pairs.append((name[first:], text))
    return pairs


def _quickly(tree: dict[str, Any]) -> Instruction | None:
    """The fast way: None if anything at all is wrong, which the slow way then says."""
    if not _unsuspicious(tree) and errors_of(_members(tree), InstructionWire):
        return None
    return _built(tree)


def _members(value: Any) -> Any:
    """The tree as the slow way walks it."""
    if isinstance(value, dict):
        return Members((name, _members(member)) for name, member in value.items())
    return [_members(row) for row in value] if isinstance(value, list) else value


def _built(tree: dict[str, Any]) -> Instruction | None:
    try:
        return instruction_of(msgspec.convert(tree, InstructionWire))
    except ValueError:
        return None


def _unsuspicious(tree: Any) -> bool:
    """Not mere spaces, and no text that `text_safety` refuses: a letter may show nothing too."""
    for value in tree.values() if type(tree) is dict else tree:
        if type(value) is str:
            if value.isspace() or not value.isprintable():
                return False
            if not value.isascii() and refused_in(value):
                return False
        elif type(value) is not int and not _unsuspicious(value):
            return False
    return True


def _at_iso_places(errors: Iterable[FieldError]) -> Iterator[FieldError]:
    for error in errors:
        yield attrs.evolve(error, field=_SAID_AT.get(error.field, error.field))


def _refusal(found: Findings, place: str) -> Unreadable:
    errors = tuple(attrs.evolve(each, field=f"{place}/{each.field}") for each in found)
    codes = {error.code for error in errors}
    code = FaultCode.INSTRUCTION_INVALID
    if "duplicate" in codes:
        code = FaultCode.FIELD_DUPLICATE
    elif "voucher_type_unsupported" in codes:
        code = FaultCode.VOUCHER_TYPE_UNSUPPORTED
    detail = f"the payment has {len(errors)} error(s) (支付指令有 {len(errors)} 处错误)"
    return Unreadable(code, detail, errors)
