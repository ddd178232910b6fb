"""Draws together what conditions ask alike first, so that it is asked once.

`a && b` and `a && c` become: a, and where it holds b and c.
Only the first question is shared, and only neighbours of `||`, so that everything is still asked in
the order in which it was written, after what guards it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import attrs

from policies.language.typed import All, Any, Constant, ContainsAny, Expr, Under
from policies.language.types import BOOL

DEPTH_MAX = 6
"""Python allows some twenty blocks inside one another; each level here takes one."""

CLASS_CHARACTERS = 3
CLASS_LEAST = 3
"""Fewer neighbours than this are asked one by one."""

_TRUE = Constant(True, BOOL)


@attrs.frozen
class Branch:
    """Asks `guard`; if it holds, those at `positions` have no more to ask, and the rest go on."""

    guard: Expr
    positions: tuple[int, ...]
    below: tuple["Branch", ...]

    @property
    def all_positions(self) -> tuple[int, ...]:
        return (*self.positions, *(p for branch in self.below for p in branch.all_positions))


def branches(conditions: Sequence[Expr]) -> tuple[Branch, ...]:
    """The conditions, each at its position, as a tree of what they ask alike first."""
    rows = [(n, conjuncts(factored(condition))) for n, condition in enumerate(conditions)]
    return _branches(rows, DEPTH_MAX)


def conjuncts(expr: Expr) -> tuple[Expr, ...]:
    """What must all hold, in order, however it was bracketed."""
    if isinstance(expr, All):
        parts = tuple(part for operand in expr.operands for part in conjuncts(operand))
        return tuple(part for part in parts if part != _TRUE) or (_TRUE,)
    return (expr,)


def neighbours(conditions: Sequence[Expr]) -> list[int]:
    """Their positions with those together that ask the same first; otherwise in their order."""
    rooms: dict[Expr, list[int]] = {}
    for position, condition in enumerate(conditions):
        rooms.setdefault(conjuncts(condition)[0], []).append(position)
    return [position for room in rooms.values() for position in room]


def factored(expr: Expr) -> Expr:
    """The same condition with what neighbours of `||` ask alike first drawn before them."""
    match expr:
        case All(operands):
            return All(tuple(map(factored, operands)))
        case Any(operands):
            return _any([conjuncts(factored(operand)) for operand in operands])
        case _:
            return expr


def _any(rows: Iterable[tuple[Expr, ...]]) -> Expr:
    found: list[Expr] = []
    for first, group in groupby(rows, key=lambda row: row[0]):
        alike = list(group)
        if len(alike) == 1 or any(len(row) == 1 for row in alike):
            found += map(_all, alike)
        else:
            found.append(_all((first, *conjuncts(_any(row[1:] for row in alike)))))
    classed = _by_class(_one_search(found))
    return classed[0] if len(classed) == 1 else Any(tuple(classed))


def _one_search(options: Iterable[Expr]) -> Iterator[Expr]:
    """Neighbours that look for words in one text look for all of them at once."""
    for searched, group in groupby(options, key=_searched):
        alike = list(group)
        if searched is None or len(alike) == 1:
            yield from alike
        else:
            words = (word for one in alike if isinstance(one, ContainsAny) for word in one.words)
            yield attrs.evolve(searched, words=tuple(dict.fromkeys(words)))


def _searched(option: Expr) -> ContainsAny | None:
    """The question without its words: those of another's phrases are others."""
    return attrs.evolve(option, words=()) if isinstance(option, ContainsAny) else None


def _by_class(options: Iterable[Expr]) -> list[Expr]:
    """Neighbours that ask for codes of one class (302...) behind one question for the class."""
    found: list[Expr] = []
    for question, group in groupby(options, key=_class_of):
        alike = list(group)
        if question is None or len(alike) < CLASS_LEAST:
            found += alike
        else:
            found.append(All((question, Any(tuple(alike)))))
    return found


def _class_of(expr: Expr) -> Under | None:
    first = conjuncts(expr)[0]
    if not isinstance(first, Under):
        return None
    classes = {prefix[:CLASS_CHARACTERS] for prefix in first.prefixes}
    (only, *more) = classes
    return None if more or len(only) < CLASS_CHARACTERS else Under(first.operand, (only,))


def _all(parts: Sequence[Expr]) -> Expr:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _branches(rows: Iterable[tuple[int, tuple[Expr, ...]]], depth: int) -> tuple[Branch, ...]:
    rooms: dict[Expr, list[tuple[int, tuple[Expr, ...]]]] = {}
    for position, parts in rows:
        rooms.setdefault(parts[0], []).append((position, parts[1:]))
    return tuple(_branch(guard, room, depth) for guard, room in rooms.items())


def _branch(guard: Expr, room: list[tuple[int, tuple[Expr, ...]]], depth: int) -> Branch:
    if len(room) == 1:
        ((position, rest),) = room
        return Branch(_all((guard, *rest)), (position,), ())
    done = tuple(n for n, rest in room if not rest)
    going_on = [(n, rest) for n, rest in room if rest]
    if depth > 1:
        return Branch(guard, done, _branches(going_on, depth - 1))
    return Branch(guard, done, tuple(Branch(_all(rest), (n,), ()) for n, rest in going_on))
