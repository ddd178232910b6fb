"""Where a list goes on: `?before=<ISO time with offset>&no=<number>`, as the page before ended.

Of payments also `&of=<bank>&type=<type>&year=<year>`: at one moment several banks may tell of one
number. A link of before these were there goes on after all of that number.
"""

import datetime as dt
from urllib.parse import urlencode

from aiohttp import web

from bureau.inbox.glance import YEARS
from bureau.ports import LinePlace
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


def digest_before(visit: Visit) -> tuple[dt.datetime, bytes] | None:
    """The same where what is listed has a digest. Raises HTTPBadRequest."""
    before = before_of(visit)
    if before is None:
        return None
    try:  # of a link without one: after all of that moment
        return before[0], bytes.fromhex(before[1]) or b"\xff" * 33
    except ValueError:
        raise web.HTTPBadRequest(reason="no: not a place in the list") from None


def line_before(visit: Visit) -> LinePlace | None:
    """The same in a list of payments. Raises HTTPBadRequest."""
    before = before_of(visit)
    if before is None:
        return None
    year = visit.query("year", 4) or "0"
    if not (year.isascii() and year.isdigit()):
        raise web.HTTPBadRequest(reason="year: not a place in the list")
    return (*before, visit.query("of", 40), visit.query("type", 8), int(year))


def place_query(place: LinePlace, **more: str) -> str:
    """The query of the page that goes on after this place."""
    moment, number, bank, kind, year = place
    asked = {"before": moment.isoformat(), "no": number, "of": bank, "type": kind, "year": year}
    return "?" + urlencode(more | asked)
