"""JSON in which every name stands once: of a name that stands twice one reader takes the first
value and another the last, so that it says both."""

import json
from collections import Counter
from typing import Any, TypeVar

import msgspec

NAME_CHARS_MAX = 40

T = TypeVar("T")


def read_once(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """Raises ValueError (msgspec.DecodeError and UnicodeDecodeError are some), RecursionError."""
    read = decoder.decode(raw)
    json.loads(raw, object_pairs_hook=once)
    return read


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What `json.loads` makes of an object, as its `object_pairs_hook`. Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r:.{NAME_CHARS_MAX}} stands more than once")
    return found
