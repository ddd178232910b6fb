"""Starts and stops the two sites: the inbox's door (mutual TLS) and the desk (loopback)."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from bureau.web.reception import answers_whatever_comes

STOP_S = 5.0
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
