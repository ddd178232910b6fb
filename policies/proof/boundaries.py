"""Makes cases at every threshold: one below, the same and one above, in fen, pieces or days."""

import datetime as dt
from collections.abc import Iterator

import attrs

from gateway.domain.facts import Facts, changed
from policies.book.unit import Unit
from policies.language.interpret import number
from policies.language.typed import Arithmetic, Compare, Expr, Negate, Read, Window, nodes_of
from policies.language.types import COUNT, MONEY

_NUMBERS = (MONEY, COUNT)
_STEPS = (-1, 0, 1)


@attrs.frozen(kw_only=True)
class Threshold:
    """A comparison of numbers, and the fact or window whose value can be moved across it."""

    place: str
    left: Expr
    right: Expr
    moved: Read | Window
    sign: int
    """1 if the moved value raises left over right, -1 if it lowers it."""


def thresholds(unit: Unit) -> Iterator[Threshold]:
    places = [(f"when.{c.name}", c.expr) for c in unit.clauses]
    places += [(f"cause.{c.id}", c.expr) for c in unit.causes]
    places += [(f"unless.{r.id}", r.expr) for r in unit.exceptions]
    for place, expr in places:
        for node in nodes_of(expr):
            if isinstance(node, Compare) and node.left.type in _NUMBERS:
                for moved, sign in (*_terms(node.left, 1), *_terms(node.right, -1)):
                    yield Threshold(
                        place=place, left=node.left, right=node.right, moved=moved, sign=sign
                    )
                    break


def around(threshold: Threshold, facts: Facts) -> tuple[Facts, ...]:
    """The facts one below, at and one above the threshold; none if it cannot be reached."""
    left, right = number(threshold.left, facts), number(threshold.right, facts)
    now = number(threshold.moved, facts)
    if left is None or right is None or now is None:
        return ()
    at = now + (right - left) * threshold.sign
    counted = isinstance(threshold.moved, Read) and threshold.moved.type == COUNT
    values = [at + step for step in _STEPS if counted or at + step >= 0]
    return tuple(_moved(threshold.moved, facts, value) for value in values)


def _moved(what: Read | Window, facts: Facts, value: int) -> Facts:
    if isinstance(what, Window):
        return changed(facts, windows={**facts.windows, what.id: value})
    return changed(facts, **{what.fact.attribute: value})


def _terms(expr: Expr, sign: int) -> Iterator[tuple[Read | Window, int]]:
    """Facts and windows that stand in the sum once, with the side they pull to."""
    match expr:
        case Read() | Window():
            yield expr, sign
        case Negate(operand):
            yield from _terms(operand, -sign)
        case Arithmetic("+", left, right):
            yield from (*_terms(left, sign), *_terms(right, sign))
        case Arithmetic("-", left, right):
            yield from (*_terms(left, sign), *_terms(right, -sign))


def edges(unit: Unit) -> tuple[dt.date, ...]:
    """The first and last day of the unit and the days next to them on the other side, where the
    calendar has one."""
    day = dt.timedelta(days=1)
    found = [unit.first] if unit.first == dt.date.min else [unit.first - day, unit.first]
    if unit.last is not None:
        found += [unit.last] if unit.last == dt.date.max else [unit.last, unit.last + day]
    return tuple(found)
