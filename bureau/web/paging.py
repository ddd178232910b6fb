"""Where a list goes on: `?before=<ISO time with offset>&no=<number>`, as the page before ended."""

import datetime as dt

from aiohttp import web

from bureau.inbox.glance import YEARS
from bureau.web.route import Visit

NUMBER_END = 2**31


def before_of(visit: Visit) -> tuple[dt.datetime, str] | None:
    """None: from the beginning. Raises HTTPBadRequest."""
    if "before" not in visit.request.query:
        return None
    try:
        moment = dt.datetime.fromisoformat(visit.query("before"))
    except ValueError:
        raise web.HTTPBadRequest(reason="before: not a time") from None
    if moment.tzinfo is None or moment.year not in YEARS:
        raise web.HTTPBadRequest(reason="before: not a place in the list")
    return moment, visit.query("no")


def numbered_before(visit: Visit) -> tuple[dt.datetime, int] | None:
    """The same where what is listed has numbers. Raises HTTPBadRequest."""
    before = before_of(visit)
    if before is None:
        return None
    text = before[1] or "0"
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else NUMBER_END
    if number >= NUMBER_END:
        raise web.HTTPBadRequest(reason="no: not a place in the list")
    return before[0], number
