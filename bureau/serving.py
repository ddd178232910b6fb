"""Starts and stops sites: the desk's, and the operators' port."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import ERROR, RequestHandler

STOP_S = 5.0
GC_THRESHOLD = 20_000
Refusing = Callable[[int], web.Response]
REFUSING: web.AppKey[Refusing] = web.AppKey("REFUSING")
"""An application's own answer to what aiohttp's parser refuses to read; without it aiohttp's."""
_log = structlog.get_logger("bureau.serving")


@asynccontextmanager
async def site(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None,
    *, setting: str = "desk.port",
) -> AsyncIterator[int]:  # fmt: skip
    """Listens until the block ends; yields the port. Requests under way get STOP_S to finish.

    Raises OSError, with the setting that asks for an address that cannot be had.
    """
    runner = web.AppRunner(
        application,
        access_log=None,
        handler_cancellation=False,
        auto_decompress=False,
        shutdown_timeout=STOP_S,
    )
    await runner.setup()
    assert runner.server
    answers_whatever_comes(runner.server)
    refusing = application.get(REFUSING)
    try:
        listening = await asyncio.get_running_loop().create_server(
            lambda: Connection(runner.server, refusing),
            host, port, ssl=tls, backlog=128, reuse_address=True,
        )  # fmt: skip
    except OSError as failed:
        await runner.cleanup()
        raise OSError(failed.errno, f"{setting}: {failed.strerror}") from failed
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        await runner.cleanup()
        _log.info("site.stopped", host=host)


class Connection(RequestHandler):
    """One connection of `server`, as it would make it itself but for the words of a refusal."""

    def __init__(self, server: web.Server | None, refusing: Refusing | None) -> None:
        assert server
        # The server keeps what its runner was given to itself, and hands it to its own class only.
        super().__init__(server, loop=server._loop, **server._kwargs)
        self._refusing = refusing

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:  # fmt: skip
        """aiohttp's own answer (logged by it, the connection closed), in the desk's words."""
        plain = super().handle_error(request, status, exc, message)
        if self._refusing is None:
            return plain
        answer = self._refusing(status)
        answer.force_close()
        return answer


def answers_whatever_comes(server: web.Server) -> None:
    """aiohttp passes `CONNECT ` without a target on as a request without a URL, and then breaks on
    it: nobody would be answered, and the connection stay open for ever. It becomes the request by
    which aiohttp stands for what it could not read, which ends the connection."""
    make = server.request_factory

    def made(message: Any, *rest: Any) -> web.BaseRequest:
        return make(ERROR if message.url is None else message, *rest)

    server.request_factory = made


def spare_the_collector() -> None:
    """What stays for ever is not looked through again, and a workbook or a long list is no reason
    to look through everything: that stops every page, 180 ms with a province's registers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
