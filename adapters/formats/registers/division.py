"""Reads one division's registers (`contract/registers.json`), strictly and all errors at once."""

import datetime as dt
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import msgspec

from adapters.formats.json.tree import tree_of
from adapters.formats.json.walk import Findings, errors_of
from adapters.formats.registers.shape import RegistersFile, Row
from adapters.formats.sniff import sniff
from adapters.formats.text_safety import plain
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.legal_day import of_our_times
from gateway.domain.money import fen
from gateway.domain.registers import (
    Account,
    Agency,
    Approval,
    Code,
    Contract,
    FiledPerson,
    Filing,
    Indicator,
    Plan,
    Registers,
    ThreePublicBudget,
    code_key,
)

__all__ = ["read_registers", "sniff"]

KEYS: dict[str, tuple[str, ...]] = {
    "agencies": ("code",),
    "accounts": ("account",),
    "indicators": ("id",),
    "plans": ("indicator_id", "month", "payment_method"),
    "persons": ("id_number",),
    "payee_classes": ("account",),
    "contracts": ("contract_no",),
    "approvals": ("approval_no",),
    "filings": ("filing_no",),
    "three_public_budgets": ("agency", "fiscal_year", "category"),
    "projects": ("code",),
    "allowance_standards": ("agency", "dept_economic_code"),
    "calendar": ("date",),
    "codes": ("element", "code"),
}
"""What no two rows of a list may share."""
_MAY_BE_ABSENT = frozenset({"payment_method"})
"""Of keys: absent is a value of its own."""

OP = "op"
"""In a delta: what is done with the row, no part of it."""
_AMOUNTS = {"granted", "posted", "frozen", "amount", "paid", "used", "per_person"}
_BLANK_TEXTS = {
    "agency",
    "finance_approval",
    "central_bank_approval",
    "employer",
    "position",
    "title",
}
"""Where the domain knows no None: null is a blank text."""

_Value = TypeVar("_Value")
_decoder = msgspec.json.Decoder(RegistersFile)


def read_registers(raw: bytes) -> Registers:
    """The registers of one division at one version.

    Raises Unreadable (`not_json`, `field_duplicate`, `instruction_invalid`) with the place of
    every error, rows counted from 0 (`accounts[2].class`).
    """
    try:
        file = _decoder.decode(raw)
    except (ValueError, RecursionError) as cause:
        _refuse(raw)
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, str(cause)) from cause
    whole = plain(raw) and raw.count(b'"') == msgspec.json.encode(file).count(b'"')
    if not whole or _repeated(file) or not of_our_times(file.as_of):
        _refuse(raw)
    return _registers(file)


def _repeated(file: RegistersFile) -> bool:
    for name, keys in KEYS.items():
        rows = getattr(file, name) or ()
        if len({_key(row, keys) for row in rows}) < len(rows):
            return True
    return False


def _key(row: Row, keys: tuple[str, ...]) -> Hashable:
    return tuple(getattr(row, key) or None for key in keys)


def _refuse(raw: bytes) -> None:
    """Read slowly and exactly; return only if nothing at all is wrong."""
    tree = tree_of(raw)
    found = errors_of(tree, RegistersFile)
    duplicate = any(error.code == "duplicate" for error in found)
    if isinstance(tree, dict):
        _note_repeated(tree, found)
    if found:
        code = FaultCode.FIELD_DUPLICATE if duplicate else FaultCode.INSTRUCTION_INVALID
        detail = f"the registers have {len(found)} error(s) (备案信息有 {len(found)} 处错误)"
        raise Unreadable(code, detail, tuple(found))


def _note_repeated(tree: dict[str, Any], found: Findings) -> None:
    for name, keys in KEYS.items():
        rows = tree.get(name)
        seen: set[str] = set()
        for index, row in enumerate(rows if isinstance(rows, list) else ()):
            wanted = set(keys) - _MAY_BE_ABSENT
            if not isinstance(row, dict) or not wanted <= row.keys():
                continue
            key = repr([row.get(key) for key in keys])
            if key in seen:
                found.note(
                    f"{name}[{index}].{keys[0]}", "repeated", "与前面的行重复",
                    "is the key of an earlier row",
                )  # fmt: skip
            seen.add(key)


def _registers(file: RegistersFile) -> Registers:
    return Registers(
        division=file.division,
        version=file.version,
        as_of=file.as_of.astimezone(dt.UTC),
        agencies={row.code: typed(Agency, row) for row in file.agencies},
        accounts={row.account: typed(Account, row) for row in file.accounts},
        indicators={row.id: typed(Indicator, row) for row in file.indicators},
        plans=tuple(typed(Plan, row) for row in file.plans),
        persons={row.id_number: typed(FiledPerson, row) for row in file.persons},
        payee_classes={row.account: row.class_ for row in file.payee_classes},
        contracts={row.contract_no: typed(Contract, row) for row in file.contracts},
        approvals={row.approval_no: typed(Approval, row) for row in file.approvals},
        filings={row.filing_no: typed(Filing, row) for row in file.filings},
        three_public_budgets=tuple(
            typed(ThreePublicBudget, row) for row in file.three_public_budgets
        ),
        project_items={row.code: frozenset(row.dept_economic_codes) for row in file.projects or ()},
        allowance_standards={
            (row.agency or "", row.dept_economic_code): fen(row.per_person)
            for row in file.allowance_standards or ()
        },
        blacklist_accounts=frozenset(file.lists.blacklist_accounts),
        designated_vendors=frozenset(file.lists.designated_vendors),
        calendar={row.date: row.is_workday for row in file.calendar},
        codes={code_key(row.element, row.code): typed(Code, row) for row in file.codes or ()},
    )


def typed(build: Callable[..., _Value], row: Row) -> _Value:
    """The domain's value of a row: its fields by name, amounts in fen, lists as tuples."""
    fields: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if name == OP:
            continue
        if name in _AMOUNTS:
            fields[f"{name}_fen"] = fen(value)
        elif isinstance(value, list):
            fields[name] = tuple(value)
        elif value is None or value is msgspec.UNSET:
            fields[name] = "" if name in _BLANK_TEXTS else None
        else:
            fields[name] = value
    return build(**fields)
