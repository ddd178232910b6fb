"""The legal day: payments are judged by the date in Asia/Shanghai, UTC+8 since 1991."""

import datetime as dt

SHANGHAI = dt.timezone(dt.timedelta(hours=8), "Asia/Shanghai")


def minute_of_day(moment: dt.datetime) -> int:
    """0 to 1439 in Asia/Shanghai: what working hours are asked by."""
    local = moment.astimezone(SHANGHAI)
    return local.hour * 60 + local.minute


def legal_day(moment: dt.datetime) -> dt.date:
    return moment.astimezone(SHANGHAI).date()


def dawn(day: dt.date) -> dt.datetime:
    """The moment at which a legal day begins."""
    return dt.datetime.combine(day, dt.time(), SHANGHAI)
