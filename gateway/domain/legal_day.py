"""The legal day: payments are judged by the date in Asia/Shanghai, UTC+8 since 1991."""

import datetime as dt

SHANGHAI = dt.timezone(dt.timedelta(hours=8), "Asia/Shanghai")


def legal_day(moment: dt.datetime) -> dt.date:
    return moment.astimezone(SHANGHAI).date()
