"""What every answer of the desk carries, and who may have it: headers, host, session."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bureau.web.signing_in import SESSION_LIFE, SigningIn
from gateway.domain.faults import StoreUnavailable

COOKIE = "desk_session"
OPEN_PATHS = ("/sign-in", "/static/", "/healthz")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Page = Callable[..., web.Response]

_log = structlog.get_logger("bureau.desk")


def guarding(signing_in: SigningIn, page: Page) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The desk's one middleware: errors as pages, and nothing without a session."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if not _is_ours(request):
                return page(
                    "trouble", status=421, zh="地址不符。", en="This host is not served here."
                )
            if not request.path.startswith(OPEN_PATHS) and not await signing_in.living(
                request.cookies.get(COOKIE)
            ):
                return page("signed_out", status=401)
            return await handler(request)
        except web.HTTPException as refused:
            if refused.status < 400:
                raise
            return page("trouble", status=refused.status, zh="没有这一页。", en=refused.reason)
        except StoreUnavailable:
            return page(
                "trouble", status=503, zh="数据库暂不可用，请稍后再试。",
                en="The database cannot be reached; try again shortly.",
            )  # fmt: skip
        except Exception:  # noqa: BLE001 (the desk's door: the fault is told, the page stays up)
            _log.exception(
                "desk.failed", route=str(request.match_info.route.name or request.method)
            )
            return page("trouble", status=500, zh="出错了，已记录。", en="Something failed; noted.")

    return guard


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal handler, so that redirects and streams carry them too."""
    response.headers.update(HEADERS)


def set_session(response: web.StreamResponse, session: str) -> None:
    """HttpOnly, SameSite=Strict; not Secure, because the desk is plain HTTP on loopback."""
    response.set_cookie(
        COOKIE,
        session,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="Strict",
        path="/",
    )


def _is_ours(request: web.Request) -> bool:
    """A foreign name that resolves to loopback (DNS rebinding) is refused."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    return host in ("127.0.0.1", "localhost", "[::1]")
