"""Many conditions as one function that asks only those which the instruction's own codes allow.

Each condition is filed under one question that it must answer yes and that a single code, option
or bool decides (`settlement == "cash"`, `under(dept_economic_code, "302")`). An instruction then
finds its conditions by looking up its own values, however many others there are. What has no such
question is always asked; a long condition on codes and options alone is asked once for each of
their combinations, as the same few come again and again.
"""

import ast
from collections.abc import Callable, Generator, Iterable, Sequence
from operator import attrgetter
from typing import Any as Untyped
from typing import TypeAlias

import attrs

from gateway.domain.facts import Facts
from policies.language.generate import Group, group
from policies.language.typed import (
    All,
    Compare,
    Constant,
    Expr,
    Not,
    OneOf,
    Read,
    Under,
    Window,
    facts_of,
    nodes_of,
)
from policies.language.types import Fact, Kind

VALUES_MAX = 4_096
"""Values remembered for one fact; those beyond are worked out again each time."""
FILED_MAX = 100
GROUP_MAX = 20
"""Conditions filed, and compiled, in one step: a few milliseconds."""

COMMON_SHARE = 0.4
LONG_NODES = 60
"""A condition of fewer is asked sooner than its facts are looked up together."""
_FEW_VALUES = frozenset({Kind.CODE, Kind.ENUM, Kind.BOOL, Kind.COUNT})

_CODES_OF_A_LIST = 100
"""About as many as an economic classification has in use; only the order of choice rests on it."""
_CLASSES_OF_A_LIST = 10

Filed: TypeAlias = tuple[Group, tuple[int, ...]]
"""Conditions as one function, and the position of each among all."""


@attrs.frozen
class Question:
    """What a condition is filed under: `expr` rests on `fact` alone."""

    fact: Fact
    expr: Expr
    share: float
    """Of all values that it might say yes to, by a rough guess: rare answers file best."""

    def admits(self, value: Untyped) -> bool:
        """Whether a condition filed here can hold. In doubt it is asked, and decides itself."""
        try:
            return _admits(self.expr, value)
        except (AttributeError, TypeError):  # of a wrong type: the condition raises, and fires
            return True


class Shelf(dict[Untyped, tuple[Filed, ...]]):
    """What is to be asked for each value of one fact, remembered as values come."""

    def __init__(self, filed: Sequence[tuple[Question, Filed]]) -> None:
        self._filed = tuple(filed)

    def __missing__(self, value: Untyped) -> tuple[Filed, ...]:
        found = tuple(filed for question, filed in self._filed if question.admits(value))
        if len(self) < VALUES_MAX:
            self[value] = found
        return found


class Remembered:
    """A group that rests on codes, options and counts alone: what it said of each combination."""

    def __init__(self, ask: Group, attributes: Sequence[str]) -> None:
        self._ask = ask
        self._read: Callable[[Facts], Untyped] = attrgetter(*attributes)
        self._said: dict[Untyped, list[int]] = {}

    def __call__(self, facts: Facts) -> list[int]:
        key = self._read(facts)
        try:
            found = self._said.get(key)
        except TypeError:  # a value of a wrong type: the condition itself says so
            return self._ask(facts)
        if found is None:
            found = self._ask(facts)
            if len(self._said) < VALUES_MAX:
                self._said[key] = found
        return found


def indexed(conditions: Sequence[Expr]) -> Generator[None, None, Group]:
    """`group` for many: the positions of those that hold, or that raised, in no certain order.

    A generator that pauses every few milliseconds; what it returns is the function.
    """
    rooms: dict[Question | None, list[int]] = {}
    always: list[Filed] = []
    for position, condition in enumerate(conditions):
        question = question_of(condition)
        if question is None and (attributes := _remembered_by(condition)):
            always.append((Remembered(group([condition]), attributes), (position,)))
        else:
            rooms.setdefault(question, []).append(position)
        if position % FILED_MAX == 0:
            yield
    shelves: dict[str, list[tuple[Question, Filed]]] = {}
    for question, positions in rooms.items():
        for start in range(0, len(positions), GROUP_MAX):
            part = tuple(positions[start : start + GROUP_MAX])
            filed = (group([conditions[p] for p in part]), part)
            if question is None:
                always.append(filed)
            else:
                shelves.setdefault(question.fact.attribute, []).append((question, filed))
            yield
    return _dispatch({name: Shelf(filed) for name, filed in shelves.items()}, tuple(always))


def _remembered_by(condition: Expr) -> tuple[str, ...]:
    """The facts by whose values it is remembered; none if it is short or rests on anything else."""
    facts = list(facts_of(condition))
    nodes = list(nodes_of(condition))
    if len(nodes) < LONG_NODES or any(isinstance(node, Window) for node in nodes):
        return ()
    if any(fact.type.kind not in _FEW_VALUES for fact in facts):
        return ()
    return tuple(sorted({fact.attribute for fact in facts}))


def question_of(condition: Expr) -> Question | None:
    """The rarest answer among those that must all be yes; the first of equals. None if even that
    is common: to look it up would take longer than to ask."""
    asked = map(_question, _conjuncts(condition))
    questions = [q for q in asked if q is not None and q.share < COMMON_SHARE]
    return min(questions, key=lambda q: q.share, default=None)


def _conjuncts(expr: Expr) -> Iterable[Expr]:
    if isinstance(expr, All):
        for operand in expr.operands:
            yield from _conjuncts(operand)
    else:
        yield expr


def _question(expr: Expr) -> Question | None:
    match expr:
        case Compare("==", Read(fact), Constant()) if fact.type.kind is Kind.ENUM:
            return Question(fact, expr, 1 / len(fact.type.options))
        case Compare("==", Read(fact), Constant()) if fact.type.kind is Kind.CODE:
            return Question(fact, expr, 1 / _CODES_OF_A_LIST)
        case OneOf(Read(fact), values) if fact.type.kind is Kind.ENUM:
            return Question(fact, expr, len(values) / len(fact.type.options))
        case OneOf(Read(fact), values) if fact.type.kind is Kind.CODE:
            return Question(fact, expr, len(values) / _CODES_OF_A_LIST)
        case Under(Read(fact), prefixes):
            return Question(fact, expr, len(prefixes) / _CLASSES_OF_A_LIST)
        case Read(fact) | Not(Read(fact)) if fact.type.kind is Kind.BOOL:
            return Question(fact, expr, 1 / 2)
    return None


def _admits(expr: Expr, value: Untyped) -> bool:
    match expr:
        case Compare("==", _, Constant(wanted)):
            return bool(value == wanted)
        case OneOf(_, values):
            return value in values
        case Under(_, prefixes):
            return value is not None and bool(value.startswith(prefixes))
        case Not():
            return not value
    return bool(value)


def _dispatch(shelves: dict[str, Shelf], always: tuple[Filed, ...]) -> Group:
    """Looks each fact up once; built as `ast` nodes, so that nothing but look-ups is left to run.

    def run(facts):
        fired = []
        filed = shelf_settlement[facts.settlement]   # for each fact
        if filed:
            for ask, positions in filed:
                found = ask(facts)
                if found:
                    fired.extend(map(positions.__getitem__, found))
        ...
        return fired
    """
    rooms: dict[str, Untyped] = {"__builtins__": {"map": map}, "always": always}
    body: list[ast.stmt] = [_assign("fired", ast.List([], ast.Load()))]
    for name, shelf in shelves.items():
        rooms[f"shelf_{name}"] = shelf
        fact = _attribute("facts", name)
        body.append(_assign("filed", ast.Subscript(_name(f"shelf_{name}"), fact, ast.Load())))
        body.append(ast.If(_name("filed"), [_asking("filed")], []))
    if always:
        body.append(_asking("always"))
    body.append(ast.Return(_name("fired")))
    arguments = ast.arguments([], [ast.arg("facts")], None, [], [], None, [])
    module = ast.Module([ast.FunctionDef("run", arguments, body, [])], [])
    exec(compile(ast.fix_missing_locations(module), "<policies>", "exec"), rooms)  # noqa: S102
    run: Group = rooms.pop("run")
    return run


def _asking(filed: str) -> ast.stmt:
    each = ast.Tuple([_stored("ask"), _stored("positions")], ast.Store())
    among_all = _call(_name("map"), _attribute("positions", "__getitem__"), _name("found"))
    note = ast.Expr(_call(_attribute("fired", "extend"), among_all))
    body: list[ast.stmt] = [
        _assign("found", _call(_name("ask"), _name("facts"))),
        ast.If(_name("found"), [note], []),
    ]
    return ast.For(each, _name(filed), body, [])


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([_stored(name)], value)


def _call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(function, list(arguments), [])


def _attribute(owner: str, name: str) -> ast.expr:
    return ast.Attribute(_name(owner), name, ast.Load())


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _stored(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())
