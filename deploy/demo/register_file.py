"""Writes registers in the shape of the bureau's feed: one division, whole."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.domain.money import yuan
from gateway.domain.registers import Registers, Row

_ROWS = (
    "agencies", "accounts", "indicators", "persons", "contracts", "approvals", "filings",
)  # fmt: skip
_LISTS = ("plans", "three_public_budgets")


def registers_of(registers: Registers, payee_names: Mapping[str, str]) -> bytes:
    """The JSON of `registers`; `payee_names` by account, for those of `payee_classes`."""
    document: dict[str, Any] = {
        "division": registers.division,
        "as_of": registers.as_of.isoformat(),
        "version": registers.version,
    }
    for name in _ROWS:
        document[name] = [_row(row) for row in getattr(registers, name).values()]
    for name in _LISTS:
        document[name] = [_row(row) for row in getattr(registers, name)]
    document["payee_classes"] = [
        {"account": account, "name": payee_names[account], "class": class_}
        for account, class_ in registers.payee_classes.items()
    ]
    document["lists"] = {
        "blacklist_accounts": sorted(registers.blacklist_accounts),
        "designated_vendors": sorted(registers.designated_vendors),
    }
    document["calendar"] = [
        {"date": day.isoformat(), "is_workday": works} for day, works in registers.calendar.items()
    ]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _row(row: Row) -> dict[str, Any]:
    """Field by field: `_fen` becomes yuan, `class_` becomes class, days become ISO dates."""
    written: dict[str, Any] = {}
    for field in msgspec.structs.fields(row):
        value = getattr(row, field.name)
        if isinstance(value, dt.date):
            value = value.isoformat()
        if field.name.endswith("_fen"):
            written[field.name.removesuffix("_fen")] = yuan(value)
        else:
            written[field.name.rstrip("_")] = value
    return written
