"""The desk: read-only pages for the bureau's people, on loopback, behind a session."""

import datetime as dt
from pathlib import Path
from urllib.parse import urlencode

import attrs
from aiohttp import web

from bureau.desk.interceptions import PAGE_ROWS, Line, newest, why_refused
from bureau.desk.proof import Prover
from bureau.desk.strip import strip_of
from bureau.ports import Clock, DeskStore, LogStore
from bureau.web.guard import COOKIE, add_headers, guarding, set_session
from bureau.web.live import Live
from bureau.web.pages import Pages
from bureau.web.signing_in import TOKEN_CHARS_MAX, SigningIn

MISBEHAVIOURS_SHOWN = 100
FORM_BYTES_MAX = 4096
YEAR_DIGITS = 4


@attrs.frozen(kw_only=True)
class Rooms:
    """What the desk's pages are made from."""

    desk: DeskStore
    store: LogStore
    prover: Prover
    signing_in: SigningIn
    pages: Pages
    live: Live
    clock: Clock
    divisions: tuple[str, ...]


def desk_application(rooms: Rooms) -> web.Application:
    application = web.Application(
        middlewares=[guarding(rooms.signing_in, rooms.pages)], client_max_size=FORM_BYTES_MAX
    )
    application.on_response_prepare.append(add_headers)
    application.on_shutdown.append(rooms.live.stop)
    views = _Views(rooms)
    application.add_routes(
        [
            web.get("/", views.home),
            web.get("/healthz", views.health),
            web.get("/sign-in/{token}", views.sign_in_page),
            web.post("/sign-in", views.sign_in),
            web.post("/sign-out", views.sign_out),
            web.get("/desk/{division}", views.interceptions),
            web.get("/desk/{division}/rows", views.rows),
            web.get("/desk/{division}/events", views.events),
            web.get("/desk/{division}/log", views.log),
            web.get("/desk/{division}/{year}/{type}/{no}", views.card),
            web.static("/static", Path(__file__).parent / "static"),
        ]
    )
    return application


class _Views:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def home(self, request: web.Request) -> web.Response:
        raise web.HTTPSeeOther(f"/desk/{self._rooms.divisions[0]}")

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def sign_in_page(self, request: web.Request) -> web.Response:
        """A button, so that a program that only looks at links uses none up."""
        token = request.match_info["token"][:TOKEN_CHARS_MAX]
        return self._rooms.pages("sign_in", token=token)

    async def sign_in(self, request: web.Request) -> web.Response:
        token = (await request.post()).get("token")
        session = await self._rooms.signing_in.open(token) if isinstance(token, str) else None
        if session is None:
            return self._rooms.pages("signed_out", status=401)
        response = web.HTTPSeeOther("/")
        set_session(response, session)
        raise response

    async def sign_out(self, request: web.Request) -> web.Response:
        await self._rooms.signing_in.close(request.cookies[COOKIE])
        response = self._rooms.pages("signed_out")
        response.del_cookie(COOKIE, path="/")
        return response

    async def interceptions(self, request: web.Request) -> web.Response:
        division = self._division(request)
        before = _before(request)
        lines = await newest(self._rooms.desk, division, before)
        return self._rooms.pages(
            "list",
            division=division,
            lines=lines,
            strip=await self._strip(division),
            fresh=before is None,
            older=_older(division, lines),
        )

    async def rows(self, request: web.Request) -> web.Response:
        """The changing part of the list alone, for the page's script."""
        division = self._division(request)
        lines = await newest(self._rooms.desk, division)
        strip = await self._strip(division)
        return self._rooms.pages("rows", division=division, lines=lines, strip=strip)

    async def events(self, request: web.Request) -> web.StreamResponse:
        self._division(request)
        return await self._rooms.live.stream(request)

    async def card(self, request: web.Request) -> web.Response:
        division = self._division(request)
        year = request.match_info["year"]
        if not (year.isascii() and year.isdigit() and len(year) == YEAR_DIGITS):
            raise web.HTTPNotFound()
        voucher_type, voucher_no = request.match_info["type"], request.match_info["no"]
        if "\x00" in voucher_type + voucher_no:
            raise web.HTTPNotFound()
        card = await why_refused(self._rooms.desk, division, int(year), voucher_type, voucher_no)
        if card is None:
            raise web.HTTPNotFound()
        proof = await self._rooms.prover.steps(card.line)
        return self._rooms.pages("card", division=division, card=card, line=card.line, proof=proof)

    async def log(self, request: web.Request) -> web.Response:
        division = self._division(request)
        desk = self._rooms.desk
        return self._rooms.pages(
            "log",
            division=division,
            logs=await desk.logs(division),
            misbehaviours=await desk.misbehaviours(division, MISBEHAVIOURS_SHOWN),
        )

    def _division(self, request: web.Request) -> str:
        division = request.match_info["division"]
        if division not in self._rooms.divisions:
            raise web.HTTPNotFound()
        return division

    async def _strip(self, division: str) -> object:
        rooms = self._rooms
        return await strip_of(rooms.desk, rooms.store, division, rooms.clock())


def _before(request: web.Request) -> tuple[dt.datetime, str] | None:
    """`?before=<ISO time with offset>&no=<voucher number>`: where the last page ended."""
    text = request.query.get("before")
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise web.HTTPBadRequest(reason="before: not a time") from None
    number = request.query.get("no", "")
    if moment.tzinfo is None or "\x00" in number:
        raise web.HTTPBadRequest(reason="before: not a place in the list")
    return moment, number


def _older(division: str, lines: list[Line]) -> str | None:
    if len(lines) < PAGE_ROWS:
        return None
    last = lines[-1]
    place = urlencode({"before": last.decided_at.isoformat(), "no": last.voucher_no})
    return f"/desk/{division}?{place}"
