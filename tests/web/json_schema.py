"""JSON Schema as far as our OpenAPI document speaks it: what is not known here is an error."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "boolean": (bool,),
    "null": (type(None),),
}  # fmt: skip
_WORDS = frozenset({"title", "description", "default", "format", "type", "required"})


def wrong(value: Any, schema: Schema, names: Mapping[str, Schema], place: str = "$") -> list[str]:
    """Where and why `value` is not as `schema` says; empty if it is. `names`: what $ref means."""
    return list(_wrong(value, schema, names, place))


def _wrong(value: Any, schema: Schema, names: Mapping[str, Schema], at: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _wrong(value, names[schema["$ref"].rsplit("/", 1)[-1]], names, at)
        return
    if "anyOf" in schema:
        each = [wrong(value, one, names, at) for one in schema["anyOf"]]
        if all(each):
            yield from min(each, key=len)
        return
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{at}: {value!r} is no {schema['type']}"
        return
    for word, meant in schema.items():
        if word not in _WORDS and not _holds(word, meant, value):
            yield f"{at}: {value!r} against {word} {meant!r}"
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _wrong(item, schema.get("items", {}), names, f"{at}[{place}]")
    if isinstance(value, dict):
        yield from _fields(value, schema, names, at)


def _fields(
    value: dict[str, Any], schema: Schema, names: Mapping[str, Schema], at: str
) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (f"{at}.{name}: missing" for name in schema.get("required", ()) if name not in value)
    for name, item in value.items():
        if name in properties:
            yield from _wrong(item, properties[name], names, f"{at}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{at}.{name}: not known"


def _is(value: Any, type: str) -> bool:
    return isinstance(value, _TYPES[type]) and not (type == "integer" and isinstance(value, bool))


def _holds(word: str, meant: Any, value: Any) -> bool:
    match word:
        case "enum":
            return value in meant
        case "const":
            return bool(value == meant)
        case "pattern":
            return re.search(meant, value) is not None
        case "minLength":
            return len(value) >= meant
        case "maxLength":
            return len(value) <= meant
        case "minItems":
            return len(value) >= meant
        case "maxItems":
            return len(value) <= meant
        case "minimum":
            return bool(value >= meant)
        case "maximum":
            return bool(value <= meant)
        case "items" | "properties" | "additionalProperties":
            return True  # looked at where the value is walked through
    raise AssertionError(f"this reader does not know {word}")
