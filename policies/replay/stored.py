"""An instruction as it is replayed: its facts, written to one line of JSON and read back."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import attrs

from gateway.domain.codes import Register
from gateway.domain.facts import Facts
from policies.language.types import SCHEMA, Fact, Kind


@attrs.frozen(kw_only=True)
class Stored:
    """One instruction of the past; rows are replayed in the order in which they were decided."""

    id: str
    """The instruction's identity, for people who look it up."""
    facts: Facts
    """Of the instruction as a whole."""
    details: tuple[Facts, ...] = ()
    """Of each detail, in order: judged one by one beside the whole."""
    taken: bool = True
    """Whether it counts in windows if it passes: the bank neither refused nor missed it."""


def stored_fields(row: Stored) -> dict[str, Any]:
    """By the facts' names in the policy language; absent facts are left out, windows too: they are
    replayed."""
    found: dict[str, Any] = {"id": row.id, **_fields(row.facts)}
    if row.details:
        found["details"] = [_fields(facts) for facts in row.details]
    if not row.taken:
        found["taken"] = False
    return found


def _fields(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {"on": facts.on.isoformat()}
    if facts.unavailable:
        found["unavailable"] = sorted(facts.unavailable)
    for fact in SCHEMA.values():
        value = getattr(facts, fact.attribute)
        if isinstance(value, frozenset):
            found[fact.name] = sorted(value)
        elif isinstance(value, dt.date):
            found[fact.name] = value.isoformat()
        elif value is not None:
            found[fact.name] = value
    return found


def read_stored(fields: Mapping[str, Any]) -> Stored:
    """The inverse. Raises ValueError naming the first fact that is unknown, missing or wrong."""
    try:
        details = tuple(_facts(each) for each in fields.get("details", ()))
        own = {name: value for name, value in fields.items() if name not in _OF_ROW}
        return Stored(
            id=str(fields["id"]), facts=_facts(own), details=details,
            taken=bool(fields.get("taken", True)),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a stored instruction: {error}") from None


_OF_ROW = frozenset({"id", "details", "taken"})


def _facts(fields: Mapping[str, Any]) -> Facts:
    values: dict[str, Any] = {}
    for name, raw in fields.items():
        if name not in ("on", "unavailable"):
            if name not in SCHEMA:
                raise ValueError(f"no fact {name}")
            values[SCHEMA[name].attribute] = _value(SCHEMA[name], raw)
    for fact in SCHEMA.values():
        if fact.optional:
            values.setdefault(fact.attribute, None)
    lost = frozenset(Register(one) for one in fields.get("unavailable", ()))
    return Facts(**values, on=dt.date.fromisoformat(fields["on"]), unavailable=lost)


_PLAIN: Mapping[Kind, type] = {
    Kind.TEXT: str, Kind.CODE: str, Kind.MONEY: int, Kind.COUNT: int, Kind.BOOL: bool,
}  # fmt: skip


def _value(fact: Fact, raw: Any) -> Any:
    kind, enum = fact.type.kind, fact.type.enum
    if kind is Kind.SET and enum and isinstance(raw, list):
        return frozenset(enum(one) for one in raw)
    if kind is Kind.ENUM and enum:
        return enum(raw)
    if kind is Kind.DATE and isinstance(raw, str):
        return dt.date.fromisoformat(raw)
    if type(raw) is not _PLAIN.get(kind):
        raise ValueError(f"{fact.name} is of another type")
    return raw
