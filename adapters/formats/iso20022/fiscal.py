"""The fiscal elements of Art. 9 in an ISO 20022 payment: one table for both places they travel in.

Where the message has `SplmtryData` they stand in its envelope, as elements of `Fiscal`
(`urn:treasury-gateway:fiscal:1`); where it has not, each stands in an own `RmtInf/Strd`, its name
in `RfrdDocInf/Tp/CdOrPrtry/Prtry` and its text in `AddtlRmtInf` (docs/iso20022.md).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from adapters.formats.json.walk import Findings, shown
from gateway.domain.instruction import Instruction, Item
from gateway.domain.money import yuan

FISCAL_NAMESPACE = "urn:treasury-gateway:fiscal:1"
ISSUER = "treasury-gateway"
"""Of the element names, where they stand in a `Strd`."""

PLAIN = {
    "Division": "division",
    "FiscalYear": "fiscal_year",
    "VoucherType": "voucher_type",
    "AgencyCode": "agency.code",
    "AgencyName": "agency.name",
    "PaymentMethod": "payment_method",
    "Settlement": "settlement",
    "BusinessType": "business_type",
    "IndicatorId": "indicator_id",
    "FundCode": "fund_code",
    "FunctionalCode": "functional_code",
    "DeptEconomicCode": "dept_economic_code",
    "GovEconomicCode": "gov_economic_code",
    "ProjectCode": "project_code",
    "Exemption": "exemption",
    "CashReason": "cash_reason",
    "ContractNo": "contract_no",
    "PayeeKind": "payee.kind",
    "PayeeEmployer": "payee.person.employer",
    "PayeePosition": "payee.person.position",
    "PayeeTitle": "payee.person.title",
}
"""Element, and the place in `contract/instruction.json` that it fills. Each stands at most once."""
LISTED = {"Approval": "approvals"}
ROWS = {
    "DocumentKind": ("documents", "kind"),
    "DocumentNumber": ("documents", "number"),
    "DocumentSha256": ("documents", "sha256"),
    "ItemKind": ("items", "kind"),
    "ItemClass": ("items", "class"),
    "ItemPersons": ("items", "persons"),
    "ItemDays": ("items", "days"),
    "ItemHours": ("items", "hours"),
    "ItemGuests": ("items", "guests"),
    "ItemCompanions": ("items", "companions"),
    "ItemUnitPrice": ("items", "unit_price"),
    "ItemReference": ("items", "reference"),
}
"""`DocumentKind` and `ItemKind` each begin a new row."""
_WHOLE = frozenset(
    {"FiscalYear", "ItemPersons", "ItemDays", "ItemHours", "ItemGuests", "ItemCompanions"}
)
_NUMBER = re.compile("0|[1-9][0-9]{0,8}", re.ASCII)


def fill(
    tree: dict[str, Any], pairs: Iterable[tuple[str, str]], place: str, found: Findings
) -> None:
    """Put what the elements say into the instruction's tree; note what is not known or twice."""
    for name, text in pairs:
        value: Any = int(text) if name in _WHOLE and _NUMBER.fullmatch(text) else text
        if (known := _PLACES.get(name)) is not None:
            if not put(tree, known, value):
                found.note(f"{place}/{name}", "duplicate", "元素重复", "stands more than once")
        elif name in LISTED:
            tree.setdefault(LISTED[name], []).append(value)
        elif name in ROWS:
            _row(tree, name, value, place, found)
        else:
            found.note(f"{place}/{shown(name)}", "unknown", "不认识的元素", "is not known")


Place = tuple[tuple[str, ...], str]
"""Where a value stands in the tree: the objects above it, and its own name."""


def place_of(path: str) -> Place:
    """`payee.person.title`, taken apart."""
    *above, last = path.split(".")
    return tuple(above), last


_PLACES = {name: place_of(path) for name, path in PLAIN.items()}


def put(tree: dict[str, Any], place: Place, value: Any) -> bool:
    """Into the objects above it, made as they are needed; False, and nothing is put, where one
    stands already."""
    above, last = place
    for name in above:
        if name not in tree:
            tree[name] = {}
        tree = tree[name]
    if last in tree:
        return False
    tree[last] = value
    return True


def _row(tree: dict[str, Any], name: str, value: Any, place: str, found: Findings) -> None:
    table, column = ROWS[name]
    rows = tree.setdefault(table, [])
    if column == "kind":
        rows.append({"kind": value})
    elif not rows:
        found.note(
            f"{place}/{name}", "order", "应先有类别元素", "comes before the kind that it belongs to"
        )
    elif column in rows[-1]:
        found.note(f"{place}/{name}", "duplicate", "元素重复", "stands more than once")
    else:
        rows[-1][column] = value


def pairs_of(instruction: Instruction) -> Iterator[tuple[str, str]]:
    """The inverse of `fill`: blank elements are left out."""
    key, person = instruction.key, instruction.payee.person
    texts = {
        "Division": key.division,
        "FiscalYear": str(key.fiscal_year),
        "VoucherType": key.voucher_type,
        "AgencyCode": instruction.agency_code,
        "AgencyName": instruction.agency_name,
        "PaymentMethod": instruction.payment_method or "",
        "Settlement": instruction.settlement or "",
        "BusinessType": instruction.business_type,
        "IndicatorId": instruction.indicator_id,
        "FundCode": instruction.fund_code,
        "FunctionalCode": instruction.functional_code,
        "DeptEconomicCode": instruction.dept_economic_code,
        "GovEconomicCode": instruction.gov_economic_code,
        "ProjectCode": instruction.project_code,
        "Exemption": instruction.exemption or "",
        "CashReason": instruction.cash_reason or "",
        "ContractNo": instruction.contract_no,
        "PayeeKind": instruction.payee.kind,
        "PayeeEmployer": person.employer if person else "",
        "PayeePosition": person.position if person else "",
        "PayeeTitle": person.title if person else "",
    }
    yield from ((name, str(text)) for name, text in texts.items() if text)
    yield from (("Approval", number) for number in instruction.approvals)
    for paper in instruction.documents:
        rows = (("Kind", paper.kind), ("Number", paper.number), ("Sha256", paper.sha256))
        yield from ((f"Document{name}", text) for name, text in rows if text)
    for item in instruction.items:
        yield from _item(item)


def _item(item: Item) -> Iterator[tuple[str, str]]:
    yield "ItemKind", item.kind
    if item.class_:
        yield "ItemClass", item.class_
    for name in ("persons", "days", "hours", "guests", "companions"):
        if (count := getattr(item, name)) is not None:
            yield f"Item{name.capitalize()}", str(count)
    if item.unit_price_fen is not None:
        yield "ItemUnitPrice", yuan(item.unit_price_fen)
    if item.reference:
        yield "ItemReference", item.reference
