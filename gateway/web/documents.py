"""Signed JSON documents beside instructions: read strictly, and no name twice.

Whoever reads a document that names something twice may take the other one; so nobody takes it.
"""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def decoded(raw: bytes, type: type[T]) -> T:
    """Raises ValueError (msgspec.DecodeError and UnicodeDecodeError are some)."""
    read = msgspec.json.decode(raw, type=type)
    json.loads(raw, object_pairs_hook=_once)
    return read


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"{name[:40]} stands more than once")
        seen.add(name)
