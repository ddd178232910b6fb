"""Whatever comes is answered, and no answer names the program that gave it."""

from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.web_protocol import ERROR

CONTINUE = "100-continue"


class Nameless(web.Request):
    """Which program of which version answers is not said, to no request and not to what is none: of
    that no application hears, so that no signal of one could take the name away."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        await super()._prepare_hook(response)
        response.headers.popall("Server", None)


def answers_whatever_comes(server: web.Server) -> None:
    """What aiohttp breaks on, or answers as nobody should, becomes the request by which it stands
    for what it could not read, and which ends the connection: `CONNECT ` without a target (there
    was no answer, for ever), another version ("HTTP/2.0 200"), another expectation (417).
    """
    make: Any = server.request_factory

    def made(message: Any, *rest: Any) -> web.BaseRequest:
        doubtful = (
            message.url is None
            or message.version not in (HttpVersion10, HttpVersion11)
            or message.headers.get("Expect", CONTINUE).lower() != CONTINUE
        )
        asked = ERROR if doubtful else message
        request: web.BaseRequest = make(asked, *rest, _cls=Nameless)
        return request

    server.request_factory = made
