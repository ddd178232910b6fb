"""The operators' port, on loopback: is it alive, may it take instructions, what are its numbers."""

from collections.abc import Callable

import orjson
from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.web.metrics import Metrics

Readiness = Callable[[], dict[str, str]]
"""Reasons why this gateway may not take instructions now, by what is missing; empty if ready."""


class Ops:
    def __init__(self, metrics: Metrics, reasons: Readiness, openapi: bytes) -> None:
        self._metrics = metrics
        self._reasons = reasons
        self._openapi = openapi

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._numbers)
        app.router.add_get("/openapi.json", self._describe)
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons = self._reasons()
        return web.Response(
            body=orjson.dumps({"ready": not reasons, "reasons": reasons}),
            status=503 if reasons else 200,
            content_type="application/json",
        )

    async def _numbers(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type="application/json")
