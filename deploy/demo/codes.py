"""The demo's facts of the field, read from `data/*.csv`: codes, departments, purposes and words."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import attrs


@attrs.frozen(kw_only=True)
class EconomicItem:
    """部门经济分类科目, with what 政府经济分类 it goes with ("" where none is settled)."""

    code: str
    name: str
    gov_code: str


@attrs.frozen(kw_only=True)
class Department:
    """预算主管部门; `bodies` are the institutions below it."""

    code: str
    name: str
    administrative_function: str
    institution_function: str
    bodies: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Purpose:
    """A thing that agencies pay for: from what item, to whom, and about how much, in yuan."""

    dept_code: str
    voucher_type: str
    payee: str
    """A trade, or one of the classes 专家, 工会, 税务, 社保, 医保, 公积金, 工资."""
    yuan_min: int
    yuan_max: int
    text: str


@cache
def economic_items() -> Mapping[str, EconomicItem]:
    return {
        row["dept_code"]: EconomicItem(
            code=row["dept_code"],
            name=row["name"],
            gov_code=row["gov_code"],
        )
        for row in _rows("economic")
    }


@cache
def functional_names() -> Mapping[str, str]:
    return {row["code"]: row["name"] for row in _rows("functional")}


@cache
def departments() -> tuple[Department, ...]:
    return tuple(
        Department(
            code=row["code"],
            name=row["name"],
            administrative_function=row["administrative_function"],
            institution_function=row["institution_function"],
            bodies=tuple(row["bodies"].split("|")),
        )
        for row in _rows("departments")
    )


@cache
def purposes() -> tuple[Purpose, ...]:
    return tuple(
        Purpose(
            dept_code=row["dept_code"],
            voucher_type=row["voucher_type"],
            payee=row["payee"],
            yuan_min=int(row["yuan_min"]),
            yuan_max=int(row["yuan_max"]),
            text=row["purpose"],
        )
        for row in _rows("purposes")
    )


@cache
def words(kind: str) -> tuple[str, ...]:
    """Characters of names, or whole words, to make people, companies and banks of."""
    [text] = [row["word"] for row in _rows("words") if row["kind"] == kind]
    return tuple(text.split("|")) if "|" in text else tuple(text)


def _rows(table: str) -> list[dict[str, str]]:
    text = (files(__package__) / "data" / f"{table}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))
