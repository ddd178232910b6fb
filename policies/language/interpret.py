"""Says what a clause means, in three values: true, false, or unavailable.

Unavailable is not absent: a fact whose register could not be consulted makes the answer unavailable
unless the rest decides it alone (Kleene's logic: false && unavailable is false, both ways round).
"""

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any as Untyped
from typing import TypeAlias

from gateway.domain.facts import Facts
from gateway.domain.folding import bare
from policies.language.typed import (
    All,
    Any,
    Arithmetic,
    Compare,
    Constant,
    ContainsAny,
    Empty,
    Expr,
    Has,
    Negate,
    Not,
    OneOf,
    Overlaps,
    Read,
    Under,
    Window,
    nodes_of,
)
from policies.language.types import Fact


class Missing(Enum):
    """The third value."""

    UNAVAILABLE = "unavailable"


UNAVAILABLE = Missing.UNAVAILABLE

Truth: TypeAlias = bool | Missing
Meaning: TypeAlias = int | str | bool | dt.date | Missing


class AbsentRead(Exception):
    """An absent fact was read: the checker should have asked for has(). The policy then holds."""


_SIGNS: dict[str, Callable[[Untyped, Untyped], Untyped]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
}


def truth(expr: Expr, facts: Facts) -> Truth:
    """What a condition comes to on these facts."""
    found = _MEANINGS[expr.__class__](expr, facts)
    assert found is True or found is False or found is UNAVAILABLE
    return found


def number(expr: Expr, facts: Facts) -> int | None:
    """What an amount or count comes to; None if it is unavailable or rests on an absent fact."""
    try:
        found = _meaning(expr, facts)
    except AbsentRead:
        return None
    return found if isinstance(found, int) else None


def folded(expr: Expr) -> bool | None:
    """What a condition without facts or windows always is; None for any other."""
    constant = (Constant, Not, All, Any, Compare, Negate, Arithmetic, OneOf, Under, ContainsAny)
    if not all(isinstance(node, constant) for node in nodes_of(expr)):
        return None
    found = truth(expr, _NO_FACTS)
    assert not isinstance(found, Missing)
    return found


def conjunction(found: Iterable[Truth]) -> Truth:
    """False if any is false; else unavailable if any is; stops at the first false."""
    result: Truth = True
    for one in found:
        if one is False:
            return False
        if one is UNAVAILABLE:
            result = UNAVAILABLE
    return result


def disjunction(found: Iterable[Truth]) -> Truth:
    """True if any is true; else unavailable if any is; stops at the first true."""
    result: Truth = False
    for one in found:
        if one is True:
            return True
        if one is UNAVAILABLE:
            result = UNAVAILABLE
    return result


def negation(found: Truth) -> Truth:
    return found if isinstance(found, Missing) else not found


def _meaning(expr: Expr, facts: Facts) -> Meaning:
    return _MEANINGS[expr.__class__](expr, facts)


def _all(expr: All, facts: Facts) -> Truth:
    return conjunction(truth(one, facts) for one in expr.operands)


def _any(expr: Any, facts: Facts) -> Truth:
    return disjunction(truth(one, facts) for one in expr.operands)


def _signed(expr: Compare | Arithmetic, facts: Facts) -> Meaning:
    return _both(expr.sign, _meaning(expr.left, facts), _meaning(expr.right, facts))


def _asks_fact(expr: Has | Empty | Overlaps, facts: Facts) -> Truth:
    return _of_fact(expr, _value(expr.fact, facts))


def _asks_value(expr: Negate | OneOf | Under | ContainsAny, facts: Facts) -> Meaning:
    return _of_value(expr, _meaning(expr.operand, facts))


def _value(fact: Fact, facts: Facts) -> Untyped:
    if fact.register is not None and fact.register in facts.unavailable:
        return UNAVAILABLE
    value: Untyped = getattr(facts, fact.attribute)
    return value


def _present(fact: Fact, facts: Facts) -> Meaning:
    found: Meaning | None = _value(fact, facts)
    if found is None:
        raise AbsentRead(fact.name)
    return found


def _both(sign: str, left: Meaning, right: Meaning) -> Meaning:
    if isinstance(left, Missing) or isinstance(right, Missing):
        return UNAVAILABLE
    found: Meaning = _SIGNS[sign](left, right)
    return found


def _of_fact(expr: Has | Empty | Overlaps, value: Untyped) -> Truth:
    if isinstance(value, Missing):
        return Missing.UNAVAILABLE
    match expr:
        case Has():
            return value is not None
        case Empty():
            return not value
        case Overlaps(_, values, every):
            return bool(values <= value if every else not values.isdisjoint(value))


def _of_value(expr: Negate | OneOf | Under | ContainsAny, value: Untyped) -> Meaning:
    if isinstance(value, Missing):
        return Missing.UNAVAILABLE
    match expr:
        case Negate():
            return -int(value)
        case OneOf(_, values):
            return bool(value in values)
        case Under(_, prefixes):
            return bool(value.startswith(prefixes))
        case ContainsAny():
            return next(words_found(expr, value), None) is not None


def words_found(asked: ContainsAny, text: str) -> Iterator[str]:
    """Which of its words stand in the text, each once, as `bare` has them."""
    read = bare(text)
    phrases = [span for phrase in asked.apart for span in _places(phrase, read)]
    for word in asked.words:
        if any(
            not any(start <= first and last <= end for start, end in phrases)
            for first, last in _places(word, read)
        ):
            yield word


def _places(word: str, text: str) -> Iterator[tuple[int, int]]:
    """Where it begins and ends, also where one overlaps the one before it."""
    start = text.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = text.find(word, start + 1)


_NO_FACTS: Untyped = None
"""For expressions that read none."""

_MEANINGS: dict[type, Callable[[Untyped, Facts], Meaning]] = {
    Constant: lambda expr, _: expr.value,
    Read: lambda expr, facts: _present(expr.fact, facts),
    Window: lambda expr, facts: facts.windows.get(expr.id, 0),
    Not: lambda expr, facts: negation(truth(expr.operand, facts)),
    All: _all,
    Any: _any,
    Compare: _signed,
    Arithmetic: _signed,
    **dict.fromkeys((Has, Empty, Overlaps), _asks_fact),
    **dict.fromkeys((Negate, OneOf, Under, ContainsAny), _asks_value),
}
"""By kind of node: found by one look-up, not by trying kinds one after another."""
