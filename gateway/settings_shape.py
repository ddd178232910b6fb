"""Everything in a settings file that is unknown, absent or of another kind, in a person's words.

msgspec names only the first error and speaks of types; here each has its key and what it must be.
"""

import difflib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import msgspec

PATTERNS = {
    "^[0-9]{9}$": "must be nine digits (行政区划)",
    "^https://[^/]+$": "must be https://host:port",
    "^https://[^/@]+(/.*)?$": "must be an https:// address",
}


def unlike_shape(kind: type, value: object, place: str, hook: Any) -> Iterator[str]:
    """`key: what is wrong`, for each error of a table; `place` ends with a dot, or is empty."""
    if not isinstance(value, dict):
        yield f"{place.rstrip('.')}: must be a table"
        return
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    yield from (_unknown(place, name, list(fields)) for name in value if name not in fields)
    for name, field in fields.items():
        if name in value:
            yield from _unlike(field.type, value[name], f"{place}{name}", hook)
        elif field.required:
            yield f"{place}{name}: missing"


def path_in(folder: Path, kind: type, value: object) -> object:
    """Paths in the file are relative to its folder."""
    if kind is Path and isinstance(value, str):
        return folder / value
    raise NotImplementedError(kind)


def _unlike(kind: Any, value: object, place: str, hook: Any) -> Iterator[str]:
    if struct := _struct_of(kind):
        yield from unlike_shape(struct, value, f"{place}.", hook)
    elif get_origin(kind) is dict and isinstance(value, dict):
        of_key, of_value = get_args(kind)
        for name, one in value.items():
            yield from _unconverted(of_key, name, f"{place}.{name}", hook)
            yield from _unlike(of_value, one, f"{place}.{name}", hook)
    else:
        yield from _unconverted(kind, value, place, hook)


def _unconverted(kind: Any, value: object, place: str, hook: Any) -> Iterator[str]:
    try:
        msgspec.convert(value, kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        said = str(error)
        allowed = _allowed(kind)
        patterns = (words for pattern, words in PATTERNS.items() if f"'{pattern}'" in said)
        words = f"must be one of {', '.join(allowed)}" if allowed else next(patterns, said)
        yield f"{place}: {words}"


def _allowed(kind: Any) -> list[str]:
    """What may stand there, where that is a short list."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    return [str(one) for one in get_args(kind)] if get_origin(kind) is Literal else []


def _unknown(place: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{place}{name}: not a key of these settings" + (f"; {place}{near[0]}?" if near else "")


def _struct_of(kind: Any) -> type | None:
    """A table's own type, also where the table may be absent."""
    for one in get_args(kind) if isinstance(kind, UnionType) else (kind,):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None
