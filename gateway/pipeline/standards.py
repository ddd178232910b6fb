"""What the expense standards of Art. 19 are measured on: the items of an instruction as one view.

A policy has no loops, so several items of one kind and class are added up, and items that differ
are told as such: the bureau looks at those, or the agency pays them one by one.
"""

import attrs

from gateway.domain.codes import ItemKind, ThreePublicCategory
from gateway.domain.instruction import Item
from gateway.domain.money import Fen
from gateway.domain.registers import Registers, budget_key

THREE_PUBLIC = {
    "30212": ThreePublicCategory.ABROAD,
    "30217": ThreePublicCategory.RECEPTION,
    "30231": ThreePublicCategory.VEHICLES,
    "30913": ThreePublicCategory.VEHICLES,
    "31013": ThreePublicCategory.VEHICLES,
}
"""部门经济分类 of the 三公经费: travel abroad, vehicles (running and purchase), receptions."""

_KINDS = {kind.value: kind for kind in ItemKind}
_PRICED = frozenset(ItemKind) - {ItemKind.RECEPTION}
"""What a standard of Art. 19 puts a price on."""


@attrs.frozen(kw_only=True)
class Standard:
    """The items as one; a number is None unless every item says it. Prices and totals in fen.
    Guests and companions are those of the one table that has too many, if one has."""

    count: int = 0
    alike: bool = True
    kind: ItemKind | None = None
    class_: str | None = None
    persons: int | None = None
    days: int | None = None
    units: int | None = None
    guests: int | None = None
    companions: int | None = None
    unit_price: Fen | None = None
    priced_total: Fen | None = None
    reference: str | None = None


NO_STANDARD = Standard()


def standard_of(items: tuple[Item, ...]) -> Standard:
    if not items:
        return NO_STANDARD
    # Whoever puts another item before one that has a price would choose what it is measured as.
    first = next((item for item in items if _KINDS.get(item.kind) in _PRICED), items[0])
    alike = all((item.kind, item.class_) == (first.kind, first.class_) for item in items)
    units = [_units(item) for item in items]
    prices = [item.unit_price_fen for item in items]
    known = [n for n in units if n is not None]
    priced = [p for p in prices if p is not None]
    total = None
    if len(known) == len(priced) == len(items):
        total = Fen(sum(n * p for n, p in zip(known, priced, strict=True)))
    reception = _most_accompanied(items)
    return Standard(
        count=len(items),
        alike=alike,
        kind=_KINDS.get(first.kind),
        class_=first.class_ or None,
        persons=_sum([item.persons for item in items]),
        days=max((item.days for item in items if item.days is not None), default=None),
        units=_sum(units),
        guests=reception.guests if reception else None,
        companions=reception.companions if reception else None,
        unit_price=Fen(max(priced)) if len(priced) == len(items) else None,
        priced_total=total,
        reference=first.reference if all(item.reference for item in items) else None,
    )


def three_public_remaining(
    category: ThreePublicCategory, agency: str, year: int, registers: Registers
) -> Fen | None:
    """The year's budget less what the bureau had counted; None if it has told no budget."""
    row = registers.index.three_public.get(budget_key(agency, year, category))
    return Fen(max(0, row.amount_fen - row.posted_fen)) if row else None


def _most_accompanied(items: tuple[Item, ...]) -> Item | None:
    """Receptions are not added up: companions are held against the guests of their own table. Of
    those with more than a third of their guests the one with the most companions stands for all,
    whatever number is let pass; None unless every item says both."""
    if any(item.guests is None or item.companions is None for item in items):
        return None

    def rank(item: Item) -> tuple[bool, int]:
        guests, companions = item.guests or 0, item.companions or 0
        return companions * 3 > guests, companions

    return max(items, key=rank)


def _units(item: Item) -> int | None:
    """What the price is per: the hour of a lecture, otherwise the day of a person."""
    if item.kind == ItemKind.LECTURE:
        return item.hours
    if item.persons is None or item.days is None:
        return None
    return item.persons * item.days


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
