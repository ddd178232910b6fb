"""Reads the typed, dated parameters of a policy."""

import datetime as dt
from enum import StrEnum
from typing import Any

from policies.book.document import Param, Stricter
from policies.book.reader import Table
from policies.language.errors import ClauseError
from policies.language.literals import money
from policies.language.typed import Constant, Value
from policies.language.types import BOOL, COUNT, TEXT


class ParamType(StrEnum):
    MONEY = "money"
    COUNT = "count"
    TEXT = "text"
    BOOL = "bool"
    LIST = "list"


_PLAIN = {ParamType.COUNT: (int, COUNT), ParamType.TEXT: (str, TEXT), ParamType.BOOL: (bool, BOOL)}
_SPOKEN = {
    ParamType.MONEY: '金额文字，如 "1000.00" / a quoted amount, "1000.00"',
    ParamType.COUNT: "整数 / a whole number",
    ParamType.TEXT: "文字 / text",
    ParamType.BOOL: "true 或 false / true or false",
    ParamType.LIST: "文字或整数列表 / a list of texts or numbers",
}


def params_of(table: Table, first_day: dt.date) -> dict[str, Param]:
    """`[params.x]` tables: `type`, `value` or `[[dated]]` of {from, value}, `stricter`."""
    return {name: _param(name, table.table(name), first_day) for name, _ in table.entries()}


def _param(name: str, table: Table, first_day: dt.date) -> Param:
    kind = table.option("type", ParamType)
    stricter = None
    if "stricter" in table.values:
        stricter = table.option("stricter", Stricter)
    values = []
    if "value" in table.values:
        values.append((first_day, value_of(table, "value", kind)))
    for dated in table.tables("dated"):
        day = dated.day("from") or first_day
        values.append((day, value_of(dated, "value", kind)))
        dated.done()
    table.done()
    days = [day for day, _ in values]
    if not values or days[0] > first_day or days != sorted(set(days)):
        table.wrong(
            "dated",
            "要有 value，或按日期排列、自施行日起的 [[dated]]",
            "needs a value, or dated values in order from the first day in force",
        )
    return Param(name=name, stricter=stricter, values=tuple(values))


def value_of(table: Table, key: str, kind: ParamType) -> Constant | tuple[Value, ...]:
    """One typed value as a document writes it."""
    raw: Any = table.raw(key)
    if raw is None:
        table.wrong(key, "缺少这一项", "is missing")
        return Constant(0, COUNT)
    if kind is ParamType.MONEY:
        try:
            return money(raw, 0)
        except ClauseError as error:
            table.wrong(key, error.zh, error.en)
            return Constant(0, COUNT)
    if kind is ParamType.LIST:
        if isinstance(raw, list) and raw and all(type(one) in (str, int) for one in raw):
            return tuple(raw)
    elif isinstance(raw, str | int) and type(raw) is _PLAIN[kind][0]:
        return Constant(raw, _PLAIN[kind][1])
    zh, en = _SPOKEN[kind].split(" / ")
    table.wrong(key, f"应为{zh}", f"expected {en}")
    return Constant(0, COUNT)
