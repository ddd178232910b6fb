"""Rows of a register by a name: they are sealed at rest, and are opened one by one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from bureau.desk.registers.words import Column, Sheet

SCANNED_MAX = 20_000
"""About a second of opening; a larger register is looked through so far at a time, and the page
says so and goes on from there."""
SLICE_ROWS = 500
NAMES = ("name", "supplier", "employer")
"""Columns that hold a name."""


class Rows(Protocol):
    """`bureau.desk.registers.changes.Registers` fits it."""

    async def rows(
        self, division: str, sheet: Sheet, after: str, agency: str | None, limit: int
    ) -> list[Mapping[str, Any]]: ...


@attrs.frozen
class Named:
    rows: Sequence[Mapping[str, Any]] = ()
    after: str = ""
    """The key behind which there may be more; empty: every row was looked at."""
    tired: bool = False
    """It ended there because so many rows were looked at, not because so many were found."""


def names_in(sheet: Sheet) -> list[Column]:
    return [column for column in sheet.columns if column.name in NAMES]


async def named(
    registers: Rows, division: str, sheet: Sheet, words: str, most: int, after: str = ""
) -> Named:
    """The first rows behind `after` that have these words in a name. Raises StoreUnavailable."""
    columns = [column.name for column in names_in(sheet)]
    found: list[Mapping[str, Any]] = []
    for _ in range(SCANNED_MAX // SLICE_ROWS if columns else 0):
        rows = await registers.rows(division, sheet, after, None, SLICE_ROWS)
        for each in rows:
            if any(words in str(each["row"].get(name)) for name in columns):
                found.append(each)
                if len(found) == most:
                    return Named(found, after=each["key"])
        if len(rows) < SLICE_ROWS:
            return Named(found)
        after = rows[-1]["key"]
    return Named(found, after=after if columns else "", tired=bool(columns))
