"""Tells whether conditions can hold together at all: what never can is a mistake of its author.

A tableau: conditions are broken into what they say of each fact until two sayings contradict each
other. It answers no only when that is proven; what it does not understand it takes as possible.
"""

from collections.abc import Iterable
from typing import TypeAlias

import attrs

from policies.language.interpret import folded
from policies.language.knowledge import OfNumber, OfSet, Sayings
from policies.language.typed import (
    All,
    Any,
    Compare,
    Constant,
    ContainsAny,
    Empty,
    Expr,
    Has,
    Not,
    OneOf,
    Overlaps,
    Read,
    Under,
    Window,
)

STEPS_MAX = 4_000
"""Beyond this many steps nothing is claimed."""

_Claim: TypeAlias = tuple[Expr, bool]
_World: TypeAlias = dict[object, Sayings]

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_RELATIONS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@attrs.define
class Patience:
    """Of all questions about one policy together, where others wait meanwhile. The longest of the
    library takes 200 steps, all of one policy 3,000."""

    steps: int = 10_000
    of_one: int = 1_000


def possible(
    true: Iterable[Expr], false: Iterable[Expr] = (), patience: Patience | None = None
) -> bool:
    """Whether all of `true` can hold while none of `false` does; False is a proof."""
    claims = [(expr, True) for expr in true] + [(expr, False) for expr in false]
    if patience is None:
        return _Search(STEPS_MAX).open(claims, {})
    search = _Search(min(patience.of_one, patience.steps))
    found = search.open(claims, {})
    patience.steps = max(0, patience.steps - search.steps)
    return found


class _Search:
    def __init__(self, steps_max: int) -> None:
        self.steps = 0
        self._steps_max = steps_max

    def open(self, claims: list[_Claim], world: _World) -> bool:
        """Whether one way of making every claim true contradicts nothing said before."""
        claims = claims[::-1]
        while claims:
            self.steps += 1
            if self.steps > self._steps_max:
                return True
            expr, wanted = claims.pop()
            match expr:
                case Not(operand):
                    claims.append((operand, not wanted))
                case All(operands) | Any(operands) if isinstance(expr, All) is wanted:
                    claims.extend((one, wanted) for one in reversed(operands))
                case All(operands) | Any(operands):
                    rest = claims[::-1]
                    return any(self.open([(o, wanted), *rest], dict(world)) for o in operands)
                case _:
                    if not _said(expr, wanted, world):
                        return False
        return True


def _said(expr: Expr, wanted: bool, world: _World) -> bool:
    """Add what an indivisible condition says; False if it contradicts what was said."""
    known = folded(expr)
    if known is not None:
        return known is wanted
    match expr:
        case Has(fact):
            return _number(world, ("has", fact.name), OfNumber(allowed=_only(wanted)))
        case Read():
            return _number(world, expr, OfNumber(allowed=_only(wanted)))
        case OneOf(operand, values):
            said = OfNumber(allowed=values) if wanted else OfNumber(barred=values)
            return _number(world, operand, said)
        case Under(operand, prefixes):
            said = OfNumber(under=(prefixes,)) if wanted else OfNumber(not_under=prefixes)
            return _number(world, operand, said)
        case ContainsAny(operand, words, apart):
            if apart and not wanted:
                return True  # it may hold any of them, within a phrase
            said = OfNumber(words=(words,)) if wanted else OfNumber(no_words=words)
            return _number(world, operand, said)
        case Compare(sign, left, right):
            return _compared(sign if wanted else _OPPOSITE[sign], left, right, world)
        case Empty() | Overlaps():
            return _set(expr, wanted, world)
        case _:
            return True


def _compared(sign: str, left: Expr, right: Expr, world: _World) -> bool:
    if isinstance(left, Constant):
        left, right, sign = right, left, _TURNED[sign]
    if isinstance(right, Constant):
        return _number(world, left, _bounds(sign, right.value))
    if repr(left) > repr(right):
        left, right, sign = right, left, _TURNED[sign]
    said = OfNumber(allowed=frozenset(_RELATIONS[sign]))
    if sign in ("<=", ">="):
        said = OfNumber(allowed=frozenset((sign[0], "=")))
    return _number(world, ("relation", left, right), said)


def _bounds(sign: str, value: object) -> OfNumber:
    if sign == "==":
        return OfNumber(allowed=frozenset((value,)))
    if sign == "!=":
        return OfNumber(barred=frozenset((value,)))
    if not isinstance(value, int):
        return OfNumber()
    if sign in ("<", "<="):
        return OfNumber(high=value - (sign == "<"))
    return OfNumber(low=value + (sign == ">"))


def _number(world: _World, subject: object, said: OfNumber) -> bool:
    before = world.get(subject) or _start(subject)
    assert isinstance(before, OfNumber)
    world[subject] = after = before.and_(said)
    return after.possible


def _start(subject: object) -> OfNumber:
    """What a subject's type says of it: an option is one of its list, a window is never below 0."""
    if isinstance(subject, Read) and subject.type.options:
        return OfNumber(allowed=frozenset(subject.type.options))
    return OfNumber(low=0) if isinstance(subject, Window) else OfNumber()


def _set(expr: Empty | Overlaps, wanted: bool, world: _World) -> bool:
    before = world.get(expr.fact) or OfSet(options=frozenset(expr.fact.type.options))
    assert isinstance(before, OfSet)
    world[expr.fact] = after = _of_set(expr, wanted, before)
    return after.possible


def _of_set(expr: Empty | Overlaps, wanted: bool, before: OfSet) -> OfSet:
    if isinstance(expr, Empty):
        if wanted:
            return attrs.evolve(before, without=before.options)
        return attrs.evolve(before, overlaps=(*before.overlaps, before.options))
    if expr.every and wanted:
        return attrs.evolve(before, holds=before.holds | expr.values)
    if expr.every and len(expr.values) > 1:
        return attrs.evolve(before, lacks=(*before.lacks, expr.values))
    if wanted:
        return attrs.evolve(before, overlaps=(*before.overlaps, expr.values))
    return attrs.evolve(before, without=before.without | expr.values)


def _only(value: bool) -> frozenset[object]:
    return frozenset((value,))
