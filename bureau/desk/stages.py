"""Cases counted by stage: those whose rectification was reported wait for us and stand apart."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bureau.desk.casework.phase import Phase
from bureau.desk.casework.words import Stage

Row = Mapping[str, Any]
Counts = dict[str, tuple[int, int]]
"""Key -> count, fen."""


class ReportedCases(Protocol):
    async def reported(
        self, division: str, moments: tuple[dt.datetime, dt.datetime], agency: str | None,
        bank: str | None,
    ) -> Row: ...  # fmt: skip


async def stages_of(
    store: ReportedCases, division: str, moments: tuple[dt.datetime, dt.datetime],
    rows: Sequence[Row], *, agency: str | None = None, bank: str | None = None,
) -> Counts:  # fmt: skip
    """`rows`: by stage, of cases opened within `moments`, about an agency, about a bank, or all.
    Raises StoreUnavailable."""
    stages = grouped(rows)
    count, fen = stages.get(Stage.RECTIFYING, (0, 0))
    if not count:
        return stages
    told = await store.reported(division, moments, agency, bank)
    n, amount = int(told["count"]), int(told["amount_fen"])
    stages |= {Stage.RECTIFYING.value: (count - n, fen - amount), Phase.REPORTED.value: (n, amount)}
    return {stage: part for stage, part in stages.items() if part[0]}


def grouped(rows: Sequence[Row]) -> Counts:
    found: Counts = {}
    for row in rows:
        count, amount = found.get(row["key"], (0, 0))
        found[row["key"]] = (count + int(row["count"]), amount + int(row["amount_fen"]))
    return found
