"""Walks a JSON tree beside a msgspec struct and lists everything that is wrong, with its place.

The rules are msgspec's own (read from the struct's type), so that this walk refuses what the
decoder refuses; to them it adds what a decoder cannot see: duplicate names and unseemly texts.
"""

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect as shapes

from adapters.formats.json.tree import Fraction, Members
from adapters.formats.text_safety import refused_in
from gateway.domain.faults import FieldError
from gateway.domain.legal_day import of_our_times

ERRORS_MAX = 1000
"""More than these are not listed; a last entry says so."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SHOWN_CHARACTERS_MAX = 40


class Findings(list[FieldError]):
    """Errors in the order of the document, bounded."""

    @property
    def full(self) -> bool:
        """Whatever else is wrong is not listed."""
        return len(self) > ERRORS_MAX

    def note(self, place: str, code: str, zh: str, en: str) -> None:
        if len(self) < ERRORS_MAX:
            self.append(FieldError(field=place, code=code, zh=zh, en=en))
        elif len(self) == ERRORS_MAX:
            self.append(
                FieldError(
                    field="",
                    code="more_errors",
                    zh="另有更多错误未列出",
                    en="there are more errors",
                )
            )


def errors_of(tree: Any, struct: type[msgspec.Struct]) -> Findings:
    """All the ways in which `tree` is not a `struct`, none if it is one."""
    found = Findings()
    _walk(tree, _shape_of(struct), "", found)
    return found


@lru_cache(maxsize=16)
def _shape_of(struct: type[msgspec.Struct]) -> shapes.Type:
    return shapes.type_info(struct)


def shown(name: str) -> str:
    """A name from the sender's document, made fit to stand in an error's place."""
    seemly = "".join("\N{REPLACEMENT CHARACTER}" if refused_in(c) else c for c in name)
    return seemly[:_SHOWN_CHARACTERS_MAX]


def _walk(value: Any, shape: shapes.Type, place: str, found: Findings) -> None:
    words: dict[str, str] = {}
    if isinstance(shape, shapes.UnionType):
        choices = [t for t in shape.types if not isinstance(t, shapes.NoneType)]
        if value is None and len(choices) < len(shape.types):
            return
        (shape,) = choices
    if isinstance(shape, shapes.Metadata):
        words = shape.extra or {}
        shape = shape.type
    _CHECKS[type(shape)](value, shape, place, found, words)


def _object(
    value: Any, shape: shapes.StructType, place: str, found: Findings, words: dict[str, str]
) -> None:
    if not isinstance(value, Members):
        found.note(place, "type", "应为对象", "must be an object")
        return
    fields = {field.encode_name: field for field in shape.fields}
    for name in value.duplicates:
        found.note(_below(place, name), "duplicate", "字段重复", "stands more than once")
    for name, member in value.items():
        if found.full:
            return
        if name not in fields:
            found.note(_below(place, name), "unknown", "不认识的字段", "is not a known field")
        else:
            _walk(member, fields[name].type, _below(place, name), found)
    for name, field in fields.items():
        if field.required and name not in value:
            found.note(_below(place, name), "required", "缺少必填字段", "is required")


def _below(place: str, name: str) -> str:
    return f"{place}.{shown(name)}" if place else shown(name)


def _list(
    value: Any, shape: shapes.ListType, place: str, found: Findings, words: dict[str, str]
) -> None:
    if not isinstance(value, list):
        found.note(place, "type", "应为数组", "must be an array")
        return
    if shape.max_length is not None and len(value) > shape.max_length:
        found.note(
            place, "too_many", f"不得超过 {shape.max_length} 项", f"at most {shape.max_length} rows"
        )
        return
    for index, row in enumerate(value):
        if found.full:
            return
        _walk(row, shape.item_type, f"{place}[{index}]", found)


def _text(
    value: Any, shape: shapes.StrType, place: str, found: Findings, words: dict[str, str]
) -> None:
    if not _is_text(value, place, found, words):
        return
    # refused_in has excluded newlines, so `$` in a pattern means the very end
    if shape.pattern and not re.fullmatch(shape.pattern, value):
        zh, en = words.get("zh", "格式不符"), words.get("en", "is not of the required form")
        found.note(place, "pattern", zh, en)
    elif shape.max_length is not None and len(value) > shape.max_length:
        found.note(
            place, "too_long", f"不得超过 {shape.max_length} 个字符",
            f"at most {shape.max_length} characters",
        )  # fmt: skip
    elif shape.min_length is not None and len(value) < shape.min_length:
        found.note(place, "required", "不得为空", "must not be empty")


def _is_text(value: Any, place: str, found: Findings, words: dict[str, str]) -> bool:
    """Text without refused characters that is not mere spaces; an amount as a number is coded."""
    if not isinstance(value, str):
        found.note(place, "type", words.get("zh", "应为文本"), words.get("en", "must be a text"))
    elif refused_in(value):
        found.note(
            place, "control_character", "含有控制字符或不可见字符",
            "holds a control character or an invisible one",
        )  # fmt: skip
    elif value and not value.strip():
        found.note(place, "blank", "不得只有空格", "must not be mere spaces")
    else:
        return True
    return False


def _whole(
    value: Any, shape: shapes.IntType, place: str, found: Findings, words: dict[str, str]
) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        kind = "decimal" if isinstance(value, Fraction) else "type"
        found.note(place, kind, "应为整数", "must be a whole number")
        return
    low, high = shape.ge, shape.le
    if (low is not None and value < low) or (high is not None and value > high):
        zh = f"应不小于 {low}" + (f"、不大于 {high}" if high is not None else "")
        en = f"must be at least {low}" + (f" and at most {high}" if high is not None else "")
        found.note(place, "range", zh, en)


def _one_of(value: Any, allowed: list[Any], place: str, found: Findings) -> None:
    if not isinstance(value, str) or value not in allowed:
        listed = " | ".join(str(choice) for choice in allowed if choice)
        found.note(place, "code", f"应为下列之一：{listed}", f"must be one of: {listed}")


def _literal(
    value: Any, shape: shapes.LiteralType, place: str, found: Findings, words: dict[str, str]
) -> None:
    _one_of(value, list(shape.values), place, found)


def _enum(
    value: Any, shape: shapes.EnumType, place: str, found: Findings, words: dict[str, str]
) -> None:
    _one_of(value, [member.value for member in shape.cls], place, found)


def _boolean(
    value: Any, shape: shapes.BoolType, place: str, found: Findings, words: dict[str, str]
) -> None:
    if not isinstance(value, bool):
        found.note(place, "type", "应为 true 或 false", "must be true or false")


def _date(
    value: Any, shape: shapes.DateType, place: str, found: Findings, words: dict[str, str]
) -> None:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            dt.date.fromisoformat(value)
            return
    except ValueError:
        pass
    found.note(
        place, "date", '应为真实的日期，如 "2026-03-02"',
        'must be a real date such as "2026-03-02"',
    )  # fmt: skip


def _moment(
    value: Any, shape: shapes.DateTimeType, place: str, found: Findings, words: dict[str, str]
) -> None:
    try:
        if isinstance(value, str):
            moment = msgspec.convert(value, dt.datetime)
            if moment.tzinfo is not None:
                if not of_our_times(moment):
                    found.note(place, "range", "应在1970年至2199年之间", "must lie in 1970 to 2199")
                return
    except msgspec.ValidationError:
        pass
    found.note(
        place, "date", "应为带时区的时间，如 \"2026-03-02T08:00:00+08:00\"",
        'must be a time with its zone such as "2026-03-02T08:00:00+08:00"',
    )  # fmt: skip


_Check = Callable[[Any, Any, str, Findings, dict[str, str]], None]
_CHECKS: dict[type[shapes.Type], _Check] = {
    shapes.StructType: _object,
    shapes.ListType: _list,
    shapes.StrType: _text,
    shapes.IntType: _whole,
    shapes.LiteralType: _literal,
    shapes.EnumType: _enum,
    shapes.BoolType: _boolean,
    shapes.DateType: _date,
    shapes.DateTimeType: _moment,
}
