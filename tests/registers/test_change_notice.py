"""JL-008 by the calendar: five working days after the payer's account changed (Art. 13(1))."""

import datetime as dt

import attrs
import msgspec
import pytest

from gateway.domain.workdays import workdays_since
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify
from tests.pipeline.fakes import ZERO_BALANCE, instruction, registers
from tests.policies.shipped import BOOK

CHANGED = dt.date(2026, 9, 28)
"""A Monday before the National Day holiday of 1 to 7 October 2026."""


def fires(on: dt.date, calendar: dict[dt.date, bool]) -> bool:
    rows = registers()
    row = msgspec.structs.replace(rows.accounts[ZERO_BALANCE], change_notice_date=CHANGED)
    rows = attrs.evolve(rows, accounts={**rows.accounts, ZERO_BALANCE: row}, calendar=calendar)
    order = instruction()
    facts = facts_of(order, identify(order, rows), rows, on)
    return any(finding.policy == "JL-008" for finding in BOOK.decide(facts))


def first_day(calendar: dict[dt.date, bool]) -> dt.date:
    day = CHANGED
    while not fires(day, calendar):
        day += dt.timedelta(days=1)
        assert day < CHANGED + dt.timedelta(days=40)
    return day


HOLIDAY = {dt.date(2026, 10, day): False for day in range(1, 9)}
MAKE_UP = HOLIDAY | {dt.date(2026, 10, 10): True}
"""The Saturday after it is worked."""


@pytest.mark.parametrize(
    ("calendar", "day"),
    [
        # 29, 30 September, 9, 12, 13 October are five; the sixth is the 14th.
        (HOLIDAY | {dt.date(2026, 10, 10): False}, dt.date(2026, 10, 14)),
        # 29, 30 September, 9, 10 (made up), 12 October are five; the sixth is the 13th.
        (MAKE_UP, dt.date(2026, 10, 13)),
        # Every day off until the 20th: the bureau's own word over the built-in calendar.
        ({dt.date(2026, 9, 28) + dt.timedelta(days=n): False for n in range(1, 23)},
         dt.date(2026, 10, 28)),
    ],
)  # fmt: skip
def test_it_fires_on_the_sixth_working_day_of_the_bureau_s_calendar(
    calendar: dict[dt.date, bool], day: dt.date
) -> None:
    found = first_day(calendar)
    assert found == day
    assert workdays_since(CHANGED, found, calendar) == 6
    assert fires(found + dt.timedelta(days=1), calendar), "and it stays so until it is filed"
