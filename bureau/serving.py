"""Starts and stops the two sites: the inbox's door (mutual TLS) and the desk (loopback)."""

import gc
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import ERROR

STOP_S = 5.0
GC_THRESHOLD = 20_000
_log = structlog.get_logger("bureau.serving")


@asynccontextmanager
async def site(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Listens until the block ends; yields the port. Requests under way get STOP_S to finish."""
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
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls, reuse_address=True).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
        _log.info("site.stopped", host=host)


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
