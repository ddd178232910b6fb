"""Single values between a form's texts and TOML: lists by lines, days, amounts, whole numbers."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any


def text_of(table: Any, name: str) -> str:
    """What a posted table says under a name; the last, where it says several."""
    value = table.get(name, "") if isinstance(table, Mapping) else ""
    return str(value[-1] if isinstance(value, tuple) and value else value or "").strip()


def listed(value: Any) -> list[Mapping[str, Any]]:
    """The tables of a posted list; none where it is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def lines_of(items: Sequence[Any]) -> str:
    """A list of texts, one a line. Raises ValueError where that would lose something."""
    texts = [str(one) for one in items]
    if any(type(one) is not str or one.strip() != one or "\n" in one or not one for one in items):
        raise ValueError("not a list of plain texts")
    return "\n".join(texts)


def value_text(value: Any, kind: str) -> str:
    if kind == "list":
        return lines_of(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def lines(text: str) -> list[str]:
    """What stands one a line."""
    return [one.strip() for one in text.split("\n") if one.strip()]


def whole(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text


def day(text: str) -> Any:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text


def value_of(text: str, kind: str) -> Any:
    """A typed value as TOML holds it; what does not fit stays text, which the checker refuses."""
    if kind == "list":
        return lines(text)
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind == "money":
        return money_text(text)
    return whole(text) if kind == "count" else text


def money_text(text: str) -> str:
    bare = text.replace(",", "").replace("，", "")
    match = re.fullmatch(r"(\d+)(?:\.(\d{1,2}))?", bare)
    return f"{match[1]}.{(match[2] or '').ljust(2, '0')}" if match else text


def remark(text: str) -> str:
    """Every line a remark."""
    rows = [one.strip() for one in text.split("\n") if one.strip()]
    return "\n".join(one if one.startswith("#") else f"# {one}" for one in rows)


def flattened(values: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """`payee.kind = ...` is a table in TOML and one name among the facts."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flattened(value, f"{head}{name}.")
        else:
            found[head + name] = value
    return found
