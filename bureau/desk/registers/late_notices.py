"""Which changes of accounts were told after their five working days (Art. 13(1)).

One that waits is judged by the bureau's calendar as it stands: a day off that was forgotten can
still be entered. With its decision the judgement is kept, and no later calendar changes it.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from bureau.desk.registers.duties import days_between, late_notice
from bureau.desk.registers.words import SHEETS, Sheet
from gateway.domain.legal_day import legal_day

Change = Mapping[str, Any]
RowsOf = Callable[[str, Sheet, Sequence[str]], Awaitable[Mapping[str, Mapping[str, Any]]]]


async def late_of(rows_of: RowsOf, division: str, changes: Iterable[Change]) -> set[int]:
    """Their numbers. `rows_of`: rows of a sheet by key; the calendar is asked once for them all."""
    late = {each["seq"] for each in changes if each["late"]}
    spans = {
        each["seq"]: (each["changed_on"], legal_day(each["proposed_at"]))
        for each in changes
        if each["late"] is None and each["register"] == "accounts" and each["changed_on"]
    }
    days = {day.isoformat() for span in spans.values() for day in days_between(*span)}
    if not days:
        return late
    rows = await rows_of(division, SHEETS["calendar"], sorted(days))
    calendar = {dt.date.fromisoformat(day): row["is_workday"] for day, row in rows.items()}
    return late | {seq for seq, span in spans.items() if late_notice(*span, calendar)}
