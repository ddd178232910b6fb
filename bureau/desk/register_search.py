"""Rows of a register by a name: they are sealed at rest, and are opened one by one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from bureau.desk.register_words import Column, Sheet

SCANNED_MAX = 20_000
"""About a second of opening; a larger register is looked through so far, and the page says so."""
SLICE_ROWS = 500
NAMES = ("name", "supplier", "employer")
"""Columns that hold a name."""


class Rows(Protocol):
    """`bureau.desk.registers.Registers` fits it."""

    async def rows(
        self, division: str, sheet: Sheet, after: str, agency: str | None, limit: int
    ) -> list[Mapping[str, Any]]: ...


@attrs.frozen
class Named:
    rows: Sequence[Mapping[str, Any]] = ()
    whole: bool = True
    """Whether every row was looked at, or as many found as were asked for."""


def names_in(sheet: Sheet) -> list[Column]:
    return [column for column in sheet.columns if column.name in NAMES]


async def named(registers: Rows, division: str, sheet: Sheet, words: str, most: int) -> Named:
    """The first rows that have these words in a name. Raises StoreUnavailable."""
    columns = [column.name for column in names_in(sheet)]
    found: list[Mapping[str, Any]] = []
    after = ""
    for _ in range(SCANNED_MAX // SLICE_ROWS if columns else 0):
        rows = await registers.rows(division, sheet, after, None, SLICE_ROWS)
        found += [
            each for each in rows if any(words in str(each["row"].get(name)) for name in columns)
        ]
        if len(found) >= most or len(rows) < SLICE_ROWS:
            return Named(found[:most])
        after = rows[-1]["key"]
    return Named(found, whole=not columns)
