"""The legal day: payments are judged by the date in Asia/Shanghai, UTC+8 since 1991."""

import datetime as dt

YEARS = range(1970, 2200)
"""What a moment that others tell may lie in: at the ends of the calendar no day can be reckoned."""

SHANGHAI = dt.timezone(dt.timedelta(hours=8), "Asia/Shanghai")


def minute_of_day(moment: dt.datetime) -> int:
    """0 to 1439 in Asia/Shanghai: what working hours are asked by."""
    local = moment.astimezone(SHANGHAI)
    return local.hour * 60 + local.minute


def of_our_times(moment: dt.datetime) -> bool:
    return moment.year in YEARS


def legal_day(moment: dt.datetime) -> dt.date:
    return moment.astimezone(SHANGHAI).date()


def dawn(day: dt.date) -> dt.datetime:
    """The moment at which a legal day begins."""
    return dt.datetime.combine(day, dt.time(), SHANGHAI)
