"""Pages of signing in and out, and of one's own account (登录, 我的账号)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import segno
from aiohttp import web

from bureau.desk.entry import TOKEN_CHARS_MAX, EntryRefused
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from bureau.web.form_reading import Forms
from bureau.web.guard import end_session, is_gone, set_session
from bureau.web.rooms import Rooms
from bureau.web.route import FORM_BYTES_MAX, Route, Visit, get, post, see
from certs.one_time import base32, enrolment_uri
from certs.tls import party_of

Open = tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]
EVERYBODY = frozenset(Office)
KEPT = "desk_oidc"
SIGN_INS_OF_ONE_MAX = 4
"""Of one address at a time, over TLS: passwords are derived one by one, and others wait behind."""
KEPT_TLS = "__Host-" + KEPT
"""As the session's: whoever planted one could sign a visitor in as himself."""


@cache
def _static() -> Mapping[str, Path]:
    folder = Path(__file__).parent.parent / "static"
    return {file.name: file for file in folder.iterdir()}


def open_pages(rooms: Rooms) -> list[Open]:
    """Those for people who are not signed in: method, path, handler."""
    pages = _Entry(rooms)
    return [
        ("GET", "/sign-in", pages.sign_in_page),
        ("POST", "/sign-in", pages.sign_in),
        ("GET", "/sign-in/certificate", pages.by_certificate),
        ("GET", "/sign-in/link/{token}", pages.link_page),
        ("POST", "/sign-in/link", pages.by_link),
        ("GET", "/sign-in/oidc", pages.to_provider),
        ("GET", "/sign-in/oidc/back", pages.from_provider),
        ("GET", "/healthz", pages.health),
        ("GET", "/static/{name}", pages.static),
    ]


def routes(rooms: Rooms) -> list[Route]:
    pages = _Own(rooms)
    return [
        get("/me", pages.me, EVERYBODY),
        post("/me/equip", pages.equip, EVERYBODY),
        post("/me/views", pages.keep_view, EVERYBODY),
        post("/me/views/drop", pages.drop_view, EVERYBODY),
        post("/sign-out", pages.sign_out, EVERYBODY),
    ]


class _Entry:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._forms = Forms()
        self._signing_in: Counter[str] = Counter()

    async def static(self, request: web.Request) -> web.StreamResponse:
        """One of the files that are there, by its name; what is not there has the desk's page."""
        file = _static().get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound()
        return web.FileResponse(file)

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def sign_in_page(self, request: web.Request) -> web.Response:
        return self._rooms.pages("sign_in", oops="", back="")

    async def sign_in(self, request: web.Request) -> web.Response:
        form = await self._forms.read(request, FORM_BYTES_MAX)
        login, password, code, back = (
            str(form.get(field, "")) for field in ("login", "password", "code", "back")
        )
        try:
            with self._turn(request):
                session = await self._rooms.entry.by_password(
                    login.strip().lower(), password, code, lambda: not is_gone(request)
                )
        except EntryRefused as refused:
            return self._rooms.pages("sign_in", status=401, oops=str(refused), back=back)
        raise _welcome(request, session, back)

    @contextmanager
    def _turn(self, request: web.Request) -> Iterator[None]:
        """Raises HTTPServiceUnavailable. On loopback all come from one address."""
        address = str(request.remote) if request.secure else ""
        if address and self._signing_in[address] >= SIGN_INS_OF_ONE_MAX:
            raise web.HTTPServiceUnavailable(reason="too many sign-ins at once")
        self._signing_in[address] += 1
        try:
            yield
        finally:
            self._signing_in[address] -= 1
            if not self._signing_in[address]:
                del self._signing_in[address]

    async def by_certificate(self, request: web.Request) -> web.Response:
        """The client certificate that this connection was opened with, if it is bound."""
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport else None
        party = party_of(tls)
        try:
            if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
                raise EntryRefused("请在本页登录 / sign in from this page")
            if party is None:
                raise EntryRefused("浏览器没有出示证书 / no certificate was shown")
            if not await asyncio.to_thread(self._rooms.certificate_counts, tls):
                raise EntryRefused("证书已到期或已吊销 / the certificate has ended or is revoked")
            session = await self._rooms.entry.by_binding("party", party)
        except EntryRefused as refused:
            return self._rooms.pages("sign_in", status=401, oops=str(refused), back="")
        raise _welcome(request, session)

    async def to_provider(self, request: web.Request) -> web.StreamResponse:
        if self._rooms.identity is None:
            raise web.HTTPNotFound()
        where, kept = self._rooms.identity.begin()
        response = web.HTTPSeeOther(where)
        # Lax, not Strict: the provider's redirect back comes from another site.
        response.set_cookie(
            _kept(request), kept, max_age=600, httponly=True, samesite="Lax",
            secure=request.secure, path="/",
        )  # fmt: skip
        raise response

    async def from_provider(self, request: web.Request) -> web.Response:
        """A page that leads on by itself: the new session's Strict cookie would not be sent by a
        redirect that began at the provider."""
        identity = self._rooms.identity
        if identity is None:
            raise web.HTTPNotFound()
        state, code = (request.query.get(name, "")[:2000] for name in ("state", "code"))
        try:
            subject = await identity.subject(request.cookies.get(_kept(request), ""), state, code)
            session = await self._rooms.entry.by_binding("subject", subject)
        except EntryRefused as refused:
            response = self._rooms.pages("sign_in", status=401, oops=str(refused), back="")
        else:
            response = self._rooms.pages("signed_in")
            set_session(request, response, session)
        response.del_cookie(_kept(request), path="/", secure=request.secure)
        return response

    async def link_page(self, request: web.Request) -> web.Response:
        """A button, so that a program that only looks at links uses none up."""
        token = request.match_info["token"][:TOKEN_CHARS_MAX]
        wants_code = await self._rooms.entry.wants_code(token)
        return self._rooms.pages("sign_in_link", token=token, wants_code=wants_code)

    async def by_link(self, request: web.Request) -> web.Response:
        form = await self._forms.read(request, FORM_BYTES_MAX)
        token, code = str(form.get("token", "")), str(form.get("code", ""))[:TOKEN_CHARS_MAX]
        try:
            session = await self._rooms.entry.by_link(token, code)
        except EntryRefused as refused:
            return self._rooms.pages("sign_in", status=401, oops=str(refused), back="")
        raise _welcome(request, session)


class _Own:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def me(self, visit: Visit) -> web.Response:
        return await self._me(visit, "")

    async def equip(self, visit: Visit) -> web.Response:
        password = visit.text("password", 200)
        try:
            if password != visit.text("again", 200):
                raise EntryRefused("两次输入的密码不同 / the two passwords differ")
            session = await self._rooms.entry.equip(
                visit.seat, password, visit.text("offer"), visit.text("code", 20),
                present=visit.text("present", 200),
            )  # fmt: skip
        except EntryRefused as refused:
            return await self._me(visit, str(refused))
        raise _welcome(visit.request, session)

    async def keep_view(self, visit: Visit) -> web.Response:
        """A view of the same name is this search from now on."""
        login, name, query = visit.person.login, visit.text("name", 40), visit.text("query", 300)
        if not name or not query:
            raise ActRefused("view", "请填写视图名称和查询条件。", "Name the view, and search.")
        kept = await self._rooms.people.change(
            self._rooms.clock(), [],
            provided=[("free_view", (login, name)), ("keep_view", (login, name, query))],
        )  # fmt: skip
        if not kept:
            raise ActRefused("views", "已保存的视图太多，请先删除不用的。", "Drop a view first.")
        raise self._searched(visit, query)

    async def drop_view(self, visit: Visit) -> web.Response:
        values = (visit.person.login, visit.text("name", 40))
        await self._rooms.people.change(self._rooms.clock(), [], ("drop_view", values))
        raise self._searched(visit, visit.text("query", 300))

    def _searched(self, visit: Visit, query: str) -> web.HTTPSeeOther:
        """Back to the list from which the form was sent."""
        division = visit.text("division", 9)
        if division not in self._rooms.divisions or not visit.person.may_look_into(division):
            division = visit.person.division
        asked = f"?{urlencode({'q': query})}" if query else ""
        return see(f"/desk/{division}/interceptions{asked}")

    async def sign_out(self, visit: Visit) -> web.Response:
        await self._rooms.entry.leave(visit.seat)
        response = self._rooms.pages("sign_in", oops="", back="")
        end_session(visit.request, response)
        return response

    async def _me(self, visit: Visit, oops: str) -> web.Response:
        secret, offer = self._rooms.entry.offer(visit.seat, visit.text("offer"))
        uri = enrolment_uri(secret, visit.person.login, self._rooms.pages.name)
        # A fixed mask: trying all eight is most of the work, and any of them can be read.
        picture = segno.make(uri, error="l", boost_error=False, mask=3).svg_inline(
            scale=4, omitsize=True, svgclass="qr"
        )
        return self._rooms.pages(
            "me", status=400 if oops else 200, visit=visit, oops=oops, offer=offer,
            secret=base32(secret), picture=picture,
        )  # fmt: skip


def _kept(request: web.Request) -> str:
    return KEPT_TLS if request.secure else KEPT


def _welcome(request: web.Request, session: str, back: str = "") -> web.HTTPSeeOther:
    """To the page that was wanted, if it is one of ours, with a session that begins now."""
    ours = back.startswith("/desk/") and "//" not in back and "\\" not in back
    response = web.HTTPSeeOther(back if ours and back.isprintable() else "/")
    set_session(request, response, session)
    return response
