"""Turns checked clauses into Python: built as `ast` nodes, never as pasted text.

The generated function takes one `Facts` and is two-valued: it is used only when no register that
its clauses rest on is unavailable. It agrees with `interpret` there (tests/policies).
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any as Untyped
from typing import TypeAlias

from gateway.domain.facts import Facts
from gateway.domain.folding import bare
from policies.language.factor import Branch, branches, factored
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
    around_words,
    facts_of,
)
from policies.language.types import Fact

TEXTS_KNOWN_MAX = 4096
"""Of each list of words."""

Predicate: TypeAlias = Callable[[Facts], bool]
Group: TypeAlias = Callable[[Facts], list[int]]

_SIGNS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
_OPERATORS: dict[str, type[ast.operator]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "%": ast.Mod,
}


def predicate(expr: Expr) -> Predicate:
    """One condition as a function of Facts."""
    writer = _Writer(frozenset())
    body: list[ast.stmt] = [ast.Return(writer.expr(factored(expr)))]
    found: Predicate = _compiled("predicate", body, writer)
    return found


def group(conditions: Sequence[Expr]) -> Group:
    """Several conditions as one function: the positions of those that hold, or that raised.

    A fact read more than once is loaded once. A condition that raises counts as fired, so that the
    interpreter looks at it and the book holds the instruction if that fails too.
    """
    tree = branches(conditions)
    writer = _Writer(_shared(tree))
    body: list[ast.stmt] = [_assign("fired", ast.List([], ast.Load()))]
    body += writer.loads()
    body += [_asked(branch, writer) for branch in tree]
    body.append(ast.Return(_name("fired")))
    found: Group = _compiled("group", body, writer)
    return found


def _asked(branch: Branch, writer: "_Writer") -> ast.stmt:
    """`if guard:` with what follows. If the guard itself raises, all that hangs on it has fired;
    what hangs on it catches its own."""
    holds = [_fire(position) for position in branch.positions]
    holds += [_asked(below, writer) for below in branch.below]
    test = ast.If(writer.expr(branch.guard), holds, [])
    fire = [_fire(position) for position in branch.all_positions]
    return ast.Try([test], [ast.ExceptHandler(_name("Exception"), None, fire)], [], [])


def _fire(position: int) -> ast.stmt:
    return ast.Expr(_call(_attribute("fired", "append"), ast.Constant(position)))


def _shared(tree: Sequence[Branch]) -> frozenset[str]:
    counts = Counter(f.attribute for guard in _guards(tree) for f in facts_of(guard))
    return frozenset(name for name, count in counts.items() if count > 1)


def _guards(tree: Sequence[Branch]) -> Iterator[Expr]:
    for branch in tree:
        yield branch.guard
        yield from _guards(branch.below)


def _compiled(name: str, body: list[ast.stmt], writer: "_Writer") -> Untyped:
    arguments = ast.arguments([], [ast.arg("facts")], None, [], [], None, [])
    module = ast.Module([ast.FunctionDef(name, arguments, body, [])], [])
    ast.fix_missing_locations(module)
    rooms: dict[str, Untyped] = {"__builtins__": {"Exception": Exception}, **writer.constants}
    exec(compile(module, "<policies>", "exec"), rooms)  # noqa: S102  our own ast, no text
    # Not left among its own globals: a circle would keep a replaced book in memory.
    return rooms.pop(name)


class _Writer:
    """Writes expressions; keeps the constants that have no literal form."""

    def __init__(self, shared: frozenset[str]) -> None:
        self._shared = shared
        self.constants: dict[str, Untyped] = {}

    def loads(self) -> list[ast.stmt]:
        return [_assign(f"f_{a}", _attribute("facts", a)) for a in sorted(self._shared)]

    def expr(self, expr: Expr) -> ast.expr:
        match expr:
            case Constant(value):
                return self._constant(value)
            case Read(fact):
                return self._fact(fact)
            case Window(id):
                look_up = ast.Attribute(_attribute("facts", "windows"), "get", ast.Load())
                return _call(look_up, ast.Constant(id), ast.Constant(0))
            case Has(fact):
                return ast.Compare(self._fact(fact), [ast.IsNot()], [ast.Constant(None)])
            case Empty(fact):
                return ast.UnaryOp(ast.Not(), self._fact(fact))
            case Not(operand):
                return ast.UnaryOp(ast.Not(), self.expr(operand))
            case Negate(operand):
                return ast.UnaryOp(ast.USub(), self.expr(operand))
            case All(operands):
                return ast.BoolOp(ast.And(), [self.expr(o) for o in operands])
            case Any(operands):
                return ast.BoolOp(ast.Or(), [self.expr(o) for o in operands])
            case Compare(sign, left, right):
                return ast.Compare(self.expr(left), [_SIGNS[sign]()], [self.expr(right)])
            case Arithmetic(sign, left, right):
                return ast.BinOp(self.expr(left), _OPERATORS[sign](), self.expr(right))
            case OneOf() | Under() | ContainsAny() | Overlaps():
                return self._membership(expr)

    def _membership(self, expr: OneOf | Under | ContainsAny | Overlaps) -> ast.expr:
        match expr:
            case OneOf(operand, values):
                return ast.Compare(self.expr(operand), [ast.In()], [self._constant(values)])
            case Under(operand, prefixes):
                starts = ast.Attribute(self.expr(operand), "startswith", ast.Load())
                return _call(starts, self._constant(prefixes))
            case ContainsAny(operand, words, apart):
                return _call(self._constant(_finder(words, apart)), self.expr(operand))
            case Overlaps(fact, values, True):
                return ast.Compare(self._constant(values), [ast.LtE()], [self._fact(fact)])
            case Overlaps(fact, values, _):
                disjoint = ast.Attribute(self._constant(values), "isdisjoint", ast.Load())
                return ast.UnaryOp(ast.Not(), _call(disjoint, self._fact(fact)))

    def _fact(self, fact: Fact) -> ast.expr:
        if fact.attribute in self._shared:
            return _name(f"f_{fact.attribute}")
        return _attribute("facts", fact.attribute)

    def _constant(self, value: Untyped) -> ast.expr:
        if isinstance(value, bool | int | str):
            return ast.Constant(value)
        name = f"k_{len(self.constants)}"
        self.constants[name] = value
        return _name(name)


def _finder(words: tuple[str, ...], apart: tuple[str, ...]) -> Callable[[str], bool]:
    """Purposes and names come again and again: what was found in one is known."""
    around: dict[str, list[tuple[str, str]]] = {}
    for _, found_in in around_words(words, apart):
        for word, before, after in found_in:
            around.setdefault(word, []).append((before, after))
    search = re.compile("|".join(_loose(word, around.get(word, ())) for word in words)).search

    @lru_cache(maxsize=TEXTS_KNOWN_MAX)
    def found(text: str) -> bool:
        return search(bare(text)) is not None

    return found


def _loose(word: str, around: Sequence[tuple[str, str]]) -> str:
    """The word where none of the phrases stands around it. It comes first, so that it is looked for
    by its first letter; what stands around it is asked where it is found."""
    barred = "|".join(
        f"(?<={re.escape(before + word)}){re.escape(after)}" for before, after in around
    )
    return f"{re.escape(word)}(?!{barred})" if barred else re.escape(word)


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _attribute(owner: str, name: str) -> ast.expr:
    return ast.Attribute(_name(owner), name, ast.Load())


def _call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(function, list(arguments), [])


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)
