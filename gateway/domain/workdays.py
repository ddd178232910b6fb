"""Working days: the bureau's calendar over the State Council's; beyond both, Monday to Friday but
for the public holidays that are the same days every year."""

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

import chinese_calendar

COUNTED_MAX = 60
"""Counting stops here: no limit of the regulation is longer, and the hot path is bounded."""

FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
"""元旦、劳动节、国庆节 (全国年节及纪念日放假办法): month and day, whatever an arrangement moves.
The festivals of the lunar calendar and 清明节 come with the arrangement."""
_DAY = dt.timedelta(days=1)


def is_workday(day: dt.date, calendar: Mapping[dt.date, bool]) -> bool:
    """`calendar` is the bureau's register; what it does not say, the built-in one does."""
    said = calendar.get(day)
    return _built_in(day) if said is None else said


def workday_from(day: dt.date, calendar: Mapping[dt.date, bool]) -> dt.date:
    """`day` itself, or the first working day after it; `day` again if none comes for long."""
    ahead = (day + _DAY * n for n in range(COUNTED_MAX))
    return next((each for each in ahead if is_workday(each, calendar)), day)


def workdays_since(start: dt.date, end: dt.date, calendar: Mapping[dt.date, bool]) -> int:
    """Working days after `start` up to and with `end`, at most COUNTED_MAX; 0 if none is past."""
    count, day = 0, start
    while day < end and count < COUNTED_MAX:
        day += _DAY
        count += is_workday(day, calendar)
    return count


@lru_cache(maxsize=4096)
def _built_in(day: dt.date) -> bool:
    """The State Council's arrangement; of a year that it has not arranged yet Monday to Friday."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5 and (day.month, day.day) not in FIXED
