"""A clause read out in Chinese, for people who read no CEL; what is too free for rows is not."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from policies.book.names import NAMES
from policies.form.condition import SIGNS, Kinds, Manner, Row
from policies.form.recognise import rows_of
from policies.language.types import SCHEMA, Kind, Type

NameOf = Callable[[str, str], str]
"""(code list, code) -> the code's name; empty if the list does not know it."""

_SHAPES = {
    Manner.PLAIN: "{test}", Manner.NOT: "并非{test}", Manner.FILLED: "{fact}已填写，且{rest}",
    Manner.FILLED_NOT: "{fact}已填写，且并非{rest}",
    Manner.NOT_FILLED: "并非（{fact}已填写，且{rest}）",
}  # fmt: skip
_ROOMS = {"params": "参数", "lists": "名单", "row": "本行", "window": "窗口"}


def sentence(
    clause: str, kinds: Kinds, name_of: NameOf, values: Mapping[str, str] | None = None
) -> str:
    """`has(a) && a > yuan("1.00")` -> a已填写，且超过1.00元; empty if it is too free for rows.

    `values`: words of named values (`params.least` -> 1,000.00元); one without is called by name.
    """
    rows = rows_of(clause, kinds)
    if rows is None:
        return ""
    if not rows.rows:
        return "无条件"
    said = [_row(row, kinds, name_of, values or {}) for row in rows.rows]
    return ("；并且" if rows.join == "&&" else "；或者").join(said)


def money(value: str) -> str:
    """`1000000.00` -> 1,000,000.00元"""
    return f"{Decimal(value):,.2f}元"


def _row(row: Row, kinds: Kinds, name_of: NameOf, values: Mapping[str, str]) -> str:
    fact = _named(row.fact)
    value, type = values.get(row.source, ""), kinds[row.fact]
    if value and type.enum:
        value = _constant(value, type, name_of)
    value = value or _value(row, type, name_of)
    apart = f"（整个落在{_named(row.apart)}的字词中的不算）" if row.apart else ""
    rest = f"{SIGNS[row.sign].zh}{value}{apart}"
    return _SHAPES[row.manner].format(fact=fact, rest=rest, test=f"{fact}{rest}")


def _value(row: Row, type: Type, name_of: NameOf) -> str:
    if row.source:
        return _named(row.source)
    said = [_constant(one, type, name_of) for one in row.values]
    return f"（{'、'.join(said)}）" if SIGNS[row.sign].many else "".join(said)


def _constant(value: str, type: Type, name_of: NameOf) -> str:
    if type.kind is Kind.MONEY:
        return money(value)
    if type.enum:
        return f"“{NAMES.get((type.enum, value), value)}”"
    name = name_of(type.codes, value) if type.kind is Kind.CODE else ""
    return f"{value} {name}" if name else value if type.kind is Kind.COUNT else f"“{value}”"


def _named(path: str) -> str:
    if path in SCHEMA:
        return SCHEMA[path].zh
    room, _, name = path.partition(".")
    return f"{_ROOMS.get(room, room)}“{name}”"


def changed(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[tuple[str, str, str], ...]:
    """(place, before, after) of every clause that reads otherwise, in order of places."""
    return tuple(
        (place, before.get(place, ""), after.get(place, ""))
        for place in sorted(before.keys() | after.keys())
        if before.get(place) != after.get(place)
    )
