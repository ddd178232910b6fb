"""What gateways' logs tell of and this bureau did not give (非本台签发): open, and all of it."""

import datetime as dt

from aiohttp import web

from bureau.desk.not_ours import KINDS
from bureau.desk.people import READERS, Office
from bureau.desk.refusals import ActRefused
from bureau.web.paging import line_before, place_query
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Undone, Visit, get, post, see

HOME = "/desk/{division}/not-ours"
PAGE_ROWS = 50
MARKERS = frozenset({Office.REVIEWER, Office.APPROVER})


def routes(rooms: Rooms) -> list[Route]:
    pages = _NotOurs(rooms)
    nav = Nav(group="work", zh="非本台签发", en="Not given out here")
    return [
        get(HOME, pages.listed, READERS, nav),
        post(HOME + "/seen", pages.mark, MARKERS, again=pages.again),
    ]


Place = tuple[dt.datetime, int, str, str]
"""In the list of all: found at, record, bank, kind."""


class _NotOurs:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def listed(self, visit: Visit) -> web.Response:
        return await self._page(visit, None)

    async def again(self, visit: Visit, undone: Undone) -> web.Response:
        return await self._page(visit, undone)

    async def _page(self, visit: Visit, undone: Undone | None) -> web.Response:
        found = self._rooms.not_ours
        rows = await found.all(visit.division, _before(visit), PAGE_ROWS)
        older = None
        if len(rows) == PAGE_ROWS:
            last = rows[-1]
            older = place_query((last["found_at"], str(last["seq"]), last["bank"], last["what"], 0))
        return self._rooms.pages(
            "not_ours", visit=visit, open=await found.open(visit.division), rows=rows, older=older,
            may_mark=visit.person.office in MARKERS, undone=undone,
        )  # fmt: skip

    async def mark(self, visit: Visit) -> web.StreamResponse:
        what = visit.text("what", 16)
        if what not in KINDS:
            raise ActRefused("warning", "请从列表中选择。", "Choose one of the list.")
        place = visit.division, visit.text("bank", 40), what, _number(visit.text("seq", 18))
        await self._rooms.not_ours.see(place, visit.person.login, visit.text("reason", 500))
        self._rooms.bell()
        raise see(HOME.replace("{division}", visit.division))


def _before(visit: Visit) -> Place | None:
    """Raises HTTPBadRequest."""
    if (place := line_before(visit)) is None:
        return None
    moment, number, bank, what, _ = place
    return moment, _number(number or "0"), bank, what


def _number(text: str) -> int:
    """Of a record. Raises HTTPBadRequest."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise web.HTTPBadRequest(reason="not the number of a record")
    return int(text)
