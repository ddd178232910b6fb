"""What every answer of the desk carries, and who may have it: headers, host, session, office."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

from bureau.desk.entry import SESSION_LIFE, Entry, Seat, Shows
from bureau.desk.refusals import ActRefused
from bureau.web.done import forget_done, note_done
from bureau.web.form_reading import Forms
from bureau.web.route import FORM_BYTES_MAX, UPLOAD_BYTES_MAX, Route, Undone, Visit, see
from certs.tls import party_of
from gateway.domain.faults import LedgerUnavailable, StoreUnavailable

COOKIE = "desk_session"
COOKIE_TLS = "__Host-" + COOKIE
"""Under TLS: a browser takes it from this very host over TLS only; nobody plants one."""
BARE = frozenset({"/me", "/me/equip", "/sign-out"})
"""What a session of a one-time link opens before password and authenticator are set."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Page = Callable[..., web.Response]

_log = structlog.get_logger("bureau.desk")


class Guard:
    """Admits visitors to routes. `hosts`: names under which the desk is served beside loopback."""

    def __init__(
        self, entry: Entry, page: Page, divisions: Sequence[str], hosts: Sequence[str] = (),
        follow: Callable[[str], Awaitable[None]] | None = None,
        counts: Callable[[object], bool] = lambda tls: True,
    ) -> None:  # fmt: skip
        """`counts`: whether a connection's certificate has neither ended nor been revoked by now.
        `follow`: makes the names of a division's agencies those of its newest registers."""
        self._follow = follow
        self._counts = counts
        self._entry = entry
        self._forms = Forms()
        self._page = page
        self._divisions = frozenset(divisions)
        self._hosts = frozenset((*LOOPBACK, *hosts))

    def admitting(self, route: Route) -> Handler:
        """The handler of a route: nothing of the page runs before all of this holds."""

        async def handler(request: web.Request) -> web.StreamResponse:
            visited = request.headers.get("Sec-Fetch-Dest") != "empty"
            shows = shown_by(request, self._counts)
            seat = await self._entry.seat(session_of(request), visited=visited, shows=shows)
            if seat is None:
                return self._sign_in(request)
            if seat.bare and route.path not in BARE:
                if route.method == "GET":
                    raise see("/me")
                return self._trouble(403, "请先设置密码和动态口令。", "Set your password first.")
            if seat.person.office not in route.offices:
                return self._trouble(
                    403, "您的岗位不能使用这一页。", "Not for your office.",
                    visit=Visit(request=request, seat=seat, division=seat.person.division, form={}),
                )  # fmt: skip
            division = request.match_info.get("division", seat.person.division)
            if division not in self._divisions or not seat.person.may_look_into(division):
                raise web.HTTPNotFound()
            if any("\x00" in value for value in request.match_info.values()):
                raise web.HTTPNotFound()
            if self._follow is not None:
                await self._follow(division)
            form: Mapping[str, Any] = {}
            if route.method == "POST":
                form = await self._form(request, route, seat)
                # It may take minutes to come: who was closed meanwhile does nothing any more.
                if await self._entry.seat(session_of(request), visited=False, shows=shows) is None:
                    return self._sign_in(request)
            visit = Visit(request=request, seat=seat, division=division, form=form)
            try:
                return await route.page(visit)
            except ActRefused as refused:
                if route.again is None:
                    raise
                return await route.again(visit, Undone(visit=visit, refused=refused))
            except web.HTTPSeeOther as leads:
                if route.method == "POST":
                    note_done(request, leads)
                raise

        return handler

    def _sign_in(self, request: web.Request) -> web.Response:
        return self._page(
            "sign_in", status=401, oops="", back=_back(request), ended=_ended(request)
        )

    async def _form(self, request: web.Request, route: Route, seat: Seat) -> Mapping[str, Any]:
        bytes_max = UPLOAD_BYTES_MAX if route.upload else FORM_BYTES_MAX
        form = await self._forms.read(request, bytes_max, seat.person.login, route.fields_max)
        token = form.get("csrf")
        if not isinstance(token, str) or not hmac.compare_digest(
            token.encode("utf-8", "surrogatepass"), seat.csrf.encode()
        ):
            raise web.HTTPForbidden(reason="the form is not of this session")
        return form

    @property
    def middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        """Errors as pages, and no foreign host name."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                if not self._is_ours(request):
                    return self._trouble(421, "地址不符。", "This host is not served here.")
                try:
                    return await handler(request)
                except ActRefused as refused:
                    return self._trouble(
                        409, refused.zh, refused.en, _page_of(request), await self._visit(request)
                    )
                except web.HTTPException as refused:
                    if refused.status < 400:
                        raise
                    return self._refused(refused, await self._visit(request))
            except web.HTTPException:
                raise  # a page that leads on to another
            except StoreUnavailable:
                return self._trouble(
                    503, "数据库暂不可用，请稍后再试。",
                    "The database cannot be reached; try again shortly.",
                )  # fmt: skip
            except LedgerUnavailable as unsigned:  # what is signed at the desk, is with its act
                _log.error("witness.silent", reason=str(unsigned))
                return self._trouble(
                    503, "签名密钥暂不可用，未作任何改动，请稍后再试。",
                    "The key that signs cannot be reached; nothing was changed; try again shortly.",
                )  # fmt: skip
            except Exception as failed:  # noqa: BLE001 (the desk's door: told, and the page stays up)
                if isinstance(failed, ConnectionError) and is_gone(request):
                    # A download that its reader broke off is nobody's failure and wakes nobody.
                    _log.info("visitor.gone", route=_name_of(request))
                    return web.Response(status=499)
                _log.exception("desk.failed", route=_name_of(request))
                return self._trouble(500, "出错了，已记录。", "Something failed; noted.")

        return guard

    def unreadable(self, status: int) -> web.Response:
        """To what was no request at all: nothing of it was read, nobody is known."""
        response = self._trouble(status, *_words_of(status))
        response.headers.update(HEADERS)
        return response

    async def reworded(self, request: web.Request, response: web.StreamResponse) -> None:
        """A signal handler: what aiohttp refuses before any page is asked has our words too."""
        if isinstance(response, web.HTTPException) and response.status >= 400:
            words = self._trouble(response.status, *_words_of(response.status)).text or ""
            response.content_type, response.charset = "text/html", "utf-8"
            response.text = words

    def _refused(self, refused: web.HTTPException, visit: Visit | None) -> web.Response:
        own = type(refused)
        detail = refused.reason if refused.reason != HTTPStatus(own.status_code).phrase else ""
        zh, en = _words_of(refused.status)
        answer = self._page(
            "trouble", status=refused.status, zh=zh, en=en, back="", detail=detail, visit=visit
        )
        if isinstance(refused, web.HTTPMethodNotAllowed):
            answer.headers["Allow"] = refused.headers["Allow"]
        return answer

    async def _visit(self, request: web.Request) -> Visit | None:
        """Whose page was refused, so that the menu stays; a session of a link has none yet."""
        shows = shown_by(request, self._counts)
        seat = await self._entry.seat(session_of(request), visited=False, shows=shows)
        if seat is None or seat.bare:
            return None
        return Visit(request=request, seat=seat, division=seat.person.division, form={})

    def _trouble(
        self, status: int, zh: str, en: str, back: str = "", visit: Visit | None = None
    ) -> web.Response:
        return self._page("trouble", status=status, zh=zh, en=en, back=back, detail="", visit=visit)

    def _is_ours(self, request: web.Request) -> bool:
        """A foreign name that resolves to us (DNS rebinding) is refused."""
        host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
        return host in self._hosts


def _page_of(request: web.Request) -> str:
    """The page whose form was refused; empty if there is none to go back to."""
    parts = request.path.split("/")
    if parts[1:2] != ["desk"] or len(parts) < 5:
        return ""
    if parts[3] == "releases":  # a decision has no page of its own: it is made on the list of holds
        page = "/".join([*parts[:3], "holds"])
    elif parts[3] == "numbers":  # nor has a void
        page = "/".join(parts[:4])
    elif parts[3] == "complaints":  # whatever is done about one is done on its own page
        page = "/".join(parts[:6] if len(parts) > 6 else parts[:-1])
    else:
        page = "/".join(parts[:-1])
    return f"{page}?{request.query_string}" if request.query_string else page


_WORDS = {
    400: ("填写的内容不符合要求。", "What was sent is not understood."),
    403: ("请求未通过核验，请返回后重新提交。", "Not accepted; go back and send it anew."),
    404: ("没有这一页，或者不属于您的岗位和区划。", "There is no such page, or it is not yours."),
    405: ("这个地址不接受这样的请求。", "This address takes no such request."),
    408: ("没有及时收到全部内容，请再试一次。", "It did not come in time; try again."),
    413: ("上传的内容太大。", "What was sent is too large."),
    415: ("填写的内容不符合要求。", "What was sent is no form in UTF-8."),
    503: ("繁忙，请稍后再试。", "Busy; try again shortly."),
}  # fmt: skip


def _words_of(status: int) -> tuple[str, str]:
    return _WORDS.get(status, ("请求未能处理。", "The request could not be served."))


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal handler, so that redirects and streams carry them too."""
    response.headers.update(HEADERS)
    if request.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


def session_of(request: web.Request) -> str | None:
    return request.cookies.get(COOKIE_TLS if request.secure else COOKIE)


def shown_by(request: web.Request, counts: Callable[[object], bool]) -> Shows:
    """What the certificate of a request's connection shows: asked anew at each request, for TLS
    looks at a certificate once, and a kept connection may outlive it."""

    async def shows(party: str) -> bool:
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport else None
        return bool(party) and party_of(tls) == party and await asyncio.to_thread(counts, tls)

    return shows


def end_session(request: web.Request, response: web.StreamResponse) -> None:
    name = COOKIE_TLS if request.secure else COOKIE
    response.del_cookie(name, path="/", secure=request.secure)
    forget_done(request, response)  # not for whoever sits there next


def set_session(request: web.Request, response: web.StreamResponse, session: str) -> None:
    """HttpOnly, SameSite=Strict; Secure unless the desk is plain HTTP on loopback."""
    response.set_cookie(
        COOKIE_TLS if request.secure else COOKIE,
        session,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="Strict",
        secure=request.secure,
        path="/",
    )


def _back(request: web.Request) -> str:
    """Where to go after signing in: only a path of ours; of a form, the page it stands on."""
    if not request.path.startswith("/desk/"):
        return ""
    return request.path_qs if request.method == "GET" else _page_of(request)


def _ended(request: web.Request) -> str:
    """What a person loses who was signed in: a page, or a form that was filled in."""
    if session_of(request) is None:
        return ""
    return "form" if request.method == "POST" else "page"


def is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _name_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else request.method
