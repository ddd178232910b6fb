"""A clause as rows that a person picks: a fact, how it is compared, a value; and back as CEL.

A clause fits a form if all of its parts hold together (`&&`) or one suffices (`||`), each part
compares one fact with constants or one named value, and nothing is calculated. Any other clause is
edited as text. Rows and text say the same: the tree of the written rows is the clause's own.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

import attrs

from policies.language.types import Kind, Type

Kinds = Mapping[str, Type]
"""The type of every name that a row may begin with: facts, windows, a table's columns."""


class Manner(StrEnum):
    """How a row asks: of an optional fact also whether it is there."""

    PLAIN = "plain"
    NOT = "not"
    FILLED = "filled"
    FILLED_NOT = "filled_not"
    NOT_FILLED = "not_filled"


@attrs.frozen(kw_only=True)
class Row:
    """One part of a clause."""

    fact: str
    sign: str
    """One of `SIGNS`."""
    manner: Manner = Manner.PLAIN
    source: str = ""
    """A named value (`params.per_person`); empty: `values`."""
    values: tuple[str, ...] = ()
    """Constants as a person types them: yuan with two decimals, whole numbers, codes, options."""
    apart: str = ""
    """Of `contains_any`: the named list of phrases in which a word is none; empty: without."""


@attrs.frozen(kw_only=True)
class Rows:
    join: str = "&&"
    rows: tuple[Row, ...] = ()
    """None: always."""


@attrs.frozen
class Sign:
    zh: str
    en: str
    kinds: tuple[Kind, ...]
    many: bool = False
    """Whether it takes a list of values."""
    bare: bool = False
    """Whether it takes none."""


_ORDERED = (Kind.MONEY, Kind.COUNT, Kind.DATE)
_SINGLE = (Kind.TEXT, Kind.CODE, Kind.ENUM)
SIGNS: Mapping[str, Sign] = {
    "present": Sign("已填写", "is given", tuple(Kind), bare=True),
    "yes": Sign("为是", "holds", (Kind.BOOL,), bare=True),
    "==": Sign("等于", "is", (*_ORDERED, *_SINGLE)),
    "!=": Sign("不等于", "is not", (*_ORDERED, *_SINGLE)),
    "<": Sign("小于", "less than", _ORDERED),
    "<=": Sign("不超过", "at most", _ORDERED),
    ">": Sign("超过", "more than", _ORDERED),
    ">=": Sign("达到或超过", "at least", _ORDERED),
    "in": Sign("属于其中之一", "is one of", _SINGLE, many=True),
    "under": Sign("属于类别", "at or below", (Kind.CODE,), many=True),
    "contains_any": Sign("含有任一字词", "contains any of", (Kind.TEXT,), many=True),
    "holds": Sign("包含", "contains", (Kind.SET,)),
    "any_of": Sign("包含任一", "contains any of", (Kind.SET,), many=True),
    "all_of": Sign("全部包含", "contains all of", (Kind.SET,), many=True),
    "empty": Sign("为空", "is empty", (Kind.SET,), bare=True),
    "nonempty": Sign("不为空", "is not empty", (Kind.SET,), bare=True),
}
CALLS = ("under", "contains_any", "any_of", "all_of")
APART = "contains_any"
"""The sign that takes phrases set apart."""
_NAMED = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")


def clause_of(rows: Rows, kinds: Kinds) -> str:
    """The clause that says so. What does not fit its fact is written as it is: the checker says."""
    parts = [_written(row, kinds, alone=rows.join == "&&") for row in rows.rows]
    return f" {rows.join} ".join(parts) or "true"


def alike(one: Rows | None, other: Rows | None, kinds: Kinds) -> bool:
    """Whether two say the same, in whatever order options are ticked."""
    return one is not None and other is not None and _sorted(one, kinds) == _sorted(other, kinds)


def signs_for(type: Type | None) -> tuple[str, ...]:
    """The signs that fit a type; all of them while nothing is picked."""
    return tuple(name for name, sign in SIGNS.items() if type is None or type.kind in sign.kinds)


def _sorted(rows: Rows, kinds: Kinds) -> Rows:
    def ordered(row: Row) -> Row:
        type = kinds.get(row.fact)
        if type is None or type.kind not in (Kind.ENUM, Kind.SET):
            return row
        return attrs.evolve(row, values=tuple(sorted(row.values)))

    join = rows.join if len(rows.rows) > 1 else "&&"
    return Rows(join=join, rows=tuple(map(ordered, rows.rows)))


def _written(row: Row, kinds: Kinds, *, alone: bool) -> str:
    """`alone`: among parts that all must hold, a guard needs no brackets."""
    test = _tested(row, kinds)
    negated = f"!{test}" if _ATOM.fullmatch(test) else f"!({test})"
    guard = f"has({row.fact})"
    both = f"{guard} && {negated if row.manner is Manner.FILLED_NOT else test}"
    return {
        Manner.PLAIN: test,
        Manner.NOT: negated,
        Manner.FILLED: both if alone else f"({both})",
        Manner.FILLED_NOT: both if alone else f"({both})",
        Manner.NOT_FILLED: f"!({both})",
    }[row.manner]


_ATOM = re.compile(r'[a-z_.0-9]+(?:\((?:[^()"]|"(?:[^"\\]|\\.)*")*\))?')


def _tested(row: Row, kinds: Kinds) -> str:
    fact, type = row.fact, kinds.get(row.fact)
    bare: Mapping[str, Callable[[], str]] = {
        "present": lambda: f"has({fact})", "yes": lambda: fact,
        "empty": lambda: f"{fact} == []", "nonempty": lambda: f"{fact} != []",
    }  # fmt: skip
    if row.sign in bare:
        return bare[row.sign]()
    value = row.source or _constants(row, type)
    if row.sign == "holds":
        return f"{value} in {fact}"
    if row.sign in CALLS:
        return f"{row.sign}({fact}, {value}{f', {row.apart}' if row.apart else ''})"
    return f"{fact} {row.sign} {value}"


def _constants(row: Row, type: Type | None) -> str:
    found = [_spelt(one, type) for one in row.values]
    if row.sign in SIGNS and SIGNS[row.sign].many:
        return f"[{', '.join(found)}]"
    return found[0] if found else '""'


def _spelt(value: str, type: Type | None) -> str:
    if type and type.kind is Kind.MONEY:
        return f'yuan("{_yuan(value)}")'
    if type and type.kind is Kind.COUNT and re.fullmatch(r"-?\d{1,18}", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _yuan(value: str) -> str:
    """`12,800` and `12800.5` with two decimals; anything else as it was typed."""
    text = value.replace(",", "").replace("，", "").strip()
    match = re.fullmatch(r"(-?\d+)(?:\.(\d{1,2}))?", text)
    if match is None:
        return value.replace("\\", "").replace('"', "")
    return f"{match[1]}.{(match[2] or '').ljust(2, '0')}"


def named(paths: Iterable[str]) -> list[str]:
    """Those that are names of values, as a form may post them."""
    return [path for path in paths if _NAMED.fullmatch(path)]
