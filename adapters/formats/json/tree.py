"""The slow, exact reading of a JSON document: a plain tree that remembers duplicate names.

Used only when the fast decoder has refused a document or cannot vouch for it.
"""

import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from gateway.domain.faults import FaultCode, Unreadable


class Members(dict[str, Any]):
    """A JSON object; `duplicates` are the names that stood in it more than once."""

    duplicates: tuple[str, ...] = ()


@attrs.frozen
class Fraction:
    """A JSON number with a point or an exponent: never an amount, never a count."""

    text: str


def tree_of(raw: bytes) -> Any:
    """Read strictly: UTF-8, RFC 8259, bounded depth. Raises Unreadable (`not_json`)."""
    if raw.startswith(BOM_UTF8):
        words = "it begins with a byte order mark (开头有 BOM，请去掉)"
        raise Unreadable(FaultCode.NOT_JSON, f"the body is not JSON: {words}")
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_members,
            parse_float=Fraction,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as cause:
        detail = f"not UTF-8 at byte {cause.start} (不是 UTF-8 编码)"
    except RecursionError:
        detail = "nested too deeply (嵌套层数过多)"
    except json.JSONDecodeError as cause:
        detail = f"{cause.msg} at line {cause.lineno}, column {cause.colno} (不是合法的 JSON)"
    except ValueError as cause:
        detail = f"{cause} (不是合法的 JSON)"
    raise Unreadable(FaultCode.NOT_JSON, f"the body is not JSON: {detail}")


def _members(pairs: Sequence[tuple[str, Any]]) -> Members:
    members = Members(pairs)
    if len(members) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        members.duplicates = tuple(name for name, count in counts.items() if count > 1)
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
