"""The tree of a clause after checking: every name resolved, every literal typed and folded."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

import attrs

from policies.language.types import BOOL, Fact, Type

Value: TypeAlias = int | str | bool | dt.date


@attrs.frozen
class Constant:
    value: Value
    type: Type


@attrs.frozen
class Read:
    """The value of a fact; by the checker's proof present whenever this is evaluated."""

    fact: Fact

    @property
    def type(self) -> Type:
        return self.fact.type


@attrs.frozen
class Window:
    """The value of a window over the days before this instruction; 0 while nothing is known."""

    id: str
    """Policy and name: `JL-044.cash`."""
    type: Type


@attrs.frozen
class Has:
    fact: Fact
    type: Type = BOOL


@attrs.frozen
class Not:
    operand: "Expr"
    type: Type = BOOL


@attrs.frozen
class All:
    operands: tuple["Expr", ...]
    type: Type = BOOL


@attrs.frozen
class Any:
    operands: tuple["Expr", ...]
    type: Type = BOOL


@attrs.frozen
class Compare:
    sign: str
    left: "Expr"
    right: "Expr"
    type: Type = BOOL


@attrs.frozen
class Negate:
    operand: "Expr"
    type: Type


@attrs.frozen
class Arithmetic:
    sign: str
    left: "Expr"
    right: "Expr"
    type: Type


@attrs.frozen
class OneOf:
    """`x in [..]`."""

    operand: "Expr"
    values: frozenset[Value]
    type: Type = BOOL


@attrs.frozen
class Under:
    """A code at or below one of the prefixes, each of a length the code list itself uses."""

    operand: "Expr"
    prefixes: tuple[str, ...]
    type: Type = BOOL


@attrs.frozen
class ContainsAny:
    """Words as `bare` has them, looked for in the bare text."""

    operand: "Expr"
    words: tuple[str, ...]
    apart: tuple[str, ...] = ()
    """Phrases in which a word is none: what stands wholly within one is not found."""
    type: Type = BOOL


@attrs.frozen
class Overlaps:
    """`any_of` (every=False) or `all_of` (every=True) of a set fact; also `"x" in set`."""

    fact: Fact
    values: frozenset[str]
    every: bool
    type: Type = BOOL


@attrs.frozen
class Empty:
    """`set == []`."""

    fact: Fact
    type: Type = BOOL


Expr: TypeAlias = (
    Constant
    | Read
    | Window
    | Has
    | Not
    | All
    | Any
    | Compare
    | Negate
    | Arithmetic
    | OneOf
    | Under
    | ContainsAny
    | Overlaps
    | Empty
)


def around_words(
    words: Collection[str], phrases: Iterable[str]
) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """By phrase: each word that stands in it, with what stands before and after. Costs what the
    phrases are long, however many words there are: thousands of each are an ordinary list."""
    known = frozenset(words)
    lengths = sorted(set(map(len, known)))
    for phrase in phrases:
        spans = ((at, at + length) for at in range(len(phrase)) for length in lengths)
        yield (
            phrase,
            [
                (phrase[at:end], phrase[:at], phrase[end:])
                for at, end in spans
                if end <= len(phrase) and phrase[at:end] in known
            ],
        )


def parts_of(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly below this one, in order."""
    match expr:
        case All(operands) | Any(operands):
            return operands
        case Compare(_, left, right) | Arithmetic(_, left, right):
            return (left, right)
        case Not(operand) | Negate(operand):
            return (operand,)
        case OneOf(operand) | Under(operand) | ContainsAny(operand):
            return (operand,)
        case _:
            return ()


def nodes_of(expr: Expr) -> Iterator[Expr]:
    """The expression and everything below it."""
    yield expr
    for part in parts_of(expr):
        yield from nodes_of(part)


def facts_of(expr: Expr) -> Iterator[Fact]:
    """Every fact that the expression may consult, as often as it stands there."""
    for node in nodes_of(expr):
        if isinstance(node, Read | Has | Overlaps | Empty):
            yield node.fact


def windows_of(expr: Expr) -> frozenset[str]:
    """The ids of the windows that the expression rests on."""
    return frozenset(node.id for node in nodes_of(expr) if isinstance(node, Window))
