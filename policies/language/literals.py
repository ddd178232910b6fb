"""Gives literals their types: a quoted word is an option, a code or plain text by its place."""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from gateway.domain.money import FEN_MAX, fen
from policies.language.codelist import CodeList
from policies.language.errors import ClauseError, nearest
from policies.language.typed import Constant, Value, Window
from policies.language.types import MONEY, Fact, Kind, Type

Listed: TypeAlias = tuple[Value, ...]


@attrs.frozen(kw_only=True)
class Terms:
    """What a clause may speak of, and the years in which it must hold good."""

    facts: Mapping[str, Fact]
    params: Mapping[str, Constant | Listed]
    lists: Mapping[str, Listed]
    codes: Mapping[str, CodeList]
    first_year: int
    last_year: int
    windows: Mapping[str, Window] = attrs.field(factory=dict)
    row: Mapping[str, Constant | Listed] = attrs.field(factory=dict)
    """The columns of the table's row that the clause is read for."""

    def constant(self, path: str) -> Constant | Listed | None:
        """What `params.x`, `lists.x` or `row.x` stands for; None for any other name."""
        room, _, rest = path.partition(".")
        known = {"params": self.params, "lists": self.lists, "row": self.row}.get(room, {})
        return known.get(rest)


def money(text: object, column: int) -> Constant:
    """`yuan("1000.00")` as fen."""
    if not isinstance(text, str):
        raise ClauseError(
            column,
            'yuan() 里写引号中的金额，如 "1000.00"',
            'yuan() takes a quoted amount, "1000.00"',
        )
    try:
        amount = fen(text)
    except ValueError:
        raise ClauseError(
            column, f"金额“{text}”应有两位小数，如 1000.00", f"amount {text!r}: write 1000.00"
        ) from None
    assert amount <= FEN_MAX
    return Constant(int(amount), MONEY)


def fitted(value: Value, type: Type, terms: Terms, column: int, *, prefix: bool = False) -> Value:
    """The literal as a value of `type`; raises ClauseError naming what was expected."""
    if type.kind in (Kind.ENUM, Kind.SET):
        return _option(value, type, column)
    if type.kind is Kind.CODE:
        return _code(value, type, terms, column, prefix=prefix)
    wanted = {Kind.TEXT: str, Kind.COUNT: int, Kind.BOOL: bool}.get(type.kind)
    if wanted is None or value.__class__ is not wanted:
        raise mismatch(type, value, column)
    return value


def mismatch(type: Type, value: Value, column: int) -> ClauseError:
    zh, en = type.spoken()
    if type.kind is Kind.MONEY:
        zh, en = f'{zh}（写作 yuan("1000.00")）', f'{en} (written yuan("1000.00"))'
    return ClauseError(column, f"此处应为{zh}，却是 {value!r}", f"expected {en}, found {value!r}")


def _option(value: Value, type: Type, column: int) -> str:
    if isinstance(value, str) and value in type.options:
        return str(value)
    zh, en = type.spoken()
    tail_zh, tail_en = nearest(str(value), type.options)
    known = ", ".join(type.options)
    raise ClauseError(
        column,
        f"{zh} 没有 {value!r}{tail_zh}（可用：{known}）",
        f"{en} has no {value!r}{tail_en} (known: {known})",
    )


def _code(value: Value, type: Type, terms: Terms, column: int, *, prefix: bool) -> str:
    if not isinstance(value, str):
        raise ClauseError(column, f'代码要加引号："{value}"', f'a code is quoted text: "{value}"')
    listed = terms.codes.get(type.codes)
    if listed is None:
        raise ClauseError(column, f"没有代码表 {type.codes}", f"no code list {type.codes}")
    if not listed.valid(value, terms.first_year, terms.last_year):
        raise _dead_code(value, listed, column)
    if not prefix and listed.has_children(value, terms.first_year):
        raise ClauseError(
            column,
            f'{value} 是类级科目，请写 under(..., "{value}")',
            f'{value} is a class of codes, write under(..., "{value}")',
        )
    return value


def _dead_code(value: str, listed: CodeList, column: int) -> ClauseError:
    known = listed.codes.get(value)
    if known:
        spans = ", ".join(f"{c.year_from}-{c.year_to} {c.name}" for c in known)
        return ClauseError(
            column,
            f"{listed.title_zh}代码 {value} 并非在规则施行的每一年都有效（{spans}）",
            f"code {value} of {listed.name} is not valid in every year in force ({spans})",
        )
    zh, en = nearest(value, listed.codes)
    return ClauseError(
        column, f"{listed.title_zh}没有代码 {value}{zh}", f"{listed.name} has no code {value}{en}"
    )
