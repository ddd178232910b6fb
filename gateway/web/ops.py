"""The operators' port, on loopback: is it alive, may it take instructions, what are its numbers."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import attrs
import orjson
from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import Backlog
from gateway.web.metrics import Metrics

DEGRADED_AFTER_S = 60.0
"""A bureau hears within a second; a minute is no longer a hiccup."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Readiness = Callable[[], dict[str, str]]
"""Reasons why this gateway may not take instructions now, by what is missing; empty if ready."""


@web.middleware
async def _no_borrowed_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """On loopback nobody but this machine asks, and it does so by number or as `localhost`. A page
    in an operator's browser whose own name has been made to mean 127.0.0.1 asks under that name."""
    here = request.transport.get_extra_info("sockname") if request.transport else None
    asked = request.headers.get("Host")  # every browser says it
    if here and asked is not None and _is_loopback(here[0]) and not _is_our_own(asked):
        raise web.HTTPMisdirectedRequest(text="ask by number, or for localhost")
    return await handler(request)


def _is_our_own(asked: str) -> bool:
    try:
        name = urlsplit(f"//{asked}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


class Ops:
    def __init__(
        self, metrics: Metrics, reasons: Readiness, backlog: Callable[[], Awaitable[Backlog]],
        openapi: bytes, more: Sequence[web.RouteDef] = (),
    ) -> None:  # fmt: skip
        """`more`: pages of other rooms that operators see here too."""
        self._more = more
        self._metrics = metrics
        self._reasons = reasons
        self._backlog = backlog
        self._openapi = openapi

    def application(self) -> web.Application:
        app = web.Application(middlewares=[_no_borrowed_name])
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._numbers)
        app.router.add_get("/backlog", self._under_way)
        app.router.add_get("/openapi.json", self._describe)
        app.add_routes(self._more)
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        """A bureau or policy in trouble is a warning: no payment stops, but somebody must look.

        `state`: unready; degraded, while a bureau has not heard for DEGRADED_AFTER_S what was
        decided, with the age; else ready. Degraded is 200: payments go on.
        """
        reasons, degraded = self._reasons(), await self._degraded()
        warnings = {f"bureau.{name}": words for name, words in self._metrics.troubles().items()}
        for name, words in self._metrics.register_troubles().items():
            warnings[f"registers.{name}"] = words
        for name, words in self._metrics.policy_troubles().items():
            warnings[f"policies.{name}"] = words
        for name, words in self._metrics.conduct_troubles().items():
            warnings[f"conduct.{name}"] = words
        metrics = self._metrics
        warnings |= {**metrics.key_troubles(), **metrics.mark_troubles(), **metrics.log_troubles()}
        body = {
            "ready": not reasons,
            "state": "unready" if reasons else "degraded" if degraded else "ready",
            "reasons": reasons, "warnings": warnings, "degraded": degraded,
        }  # fmt: skip
        return web.Response(
            body=orjson.dumps(body),
            status=503 if reasons else 200,
            content_type="application/json",
        )

    async def _degraded(self) -> dict[str, str]:
        """By `bureau.<division>`: what waits for it how long, and why it cannot be told."""
        try:
            ages = await self._metrics.untold()
        except LedgerUnavailable:
            return {}  # the database is among the reasons, and all else follows from it
        late: dict[str, list[str]] = {}
        for (division, what), age_s in sorted(ages.items()):
            if age_s >= DEGRADED_AFTER_S:
                late.setdefault(division, []).append(f"{what} wait {age_s:.0f} s")
        why = self._metrics.postponed()
        return {
            f"bureau.{division}": ", ".join(words)
            + (f": {why[division]}" if division in why else "")
            for division, words in late.items()
        }

    async def _under_way(self, _request: web.Request) -> web.Response:
        """Open payments, waiting records and notices, and how far the bureau has acknowledged."""
        try:
            backlog = await self._backlog()
        except LedgerUnavailable as lost:
            return web.json_response({"reason": str(lost)}, status=503)
        body = {**attrs.asdict(backlog), "done": backlog.done}
        return web.Response(body=orjson.dumps(body), content_type="application/json")

    async def _numbers(self, _request: web.Request) -> web.Response:
        await self._measure_backlog()
        await self._measure_untold()
        self._metrics.bureau_trouble.clear()
        for division in self._metrics.troubles():
            self._metrics.bureau_trouble.labels(division).set(1)
        for (division, register), age_s in self._metrics.register_ages().items():
            self._metrics.register_age.labels(division, register).set(age_s)
        self._metrics.register_trouble.clear()
        for division in self._metrics.register_troubles():
            self._metrics.register_trouble.labels(division).set(1)
        self._metrics.mark_trouble.clear()
        for what in self._metrics.mark_troubles():
            self._metrics.mark_trouble.labels(what).set(1)
        self._metrics.policy_trouble.clear()
        self._metrics.measure_certificates()
        for what in self._metrics.policy_troubles():
            self._metrics.policy_trouble.labels(what).set(1)
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    async def _measure_backlog(self) -> None:
        """While the database is down its figures are absent: old ones would look like new ones."""
        try:
            backlog = await self._backlog()
        except LedgerUnavailable:
            self._metrics.backlog.clear()
            self._metrics.log_size.clear()
            return
        for name, value in attrs.asdict(backlog, recurse=False).items():
            if name != "logs":
                self._metrics.backlog.labels(name).set(value)
        for log in backlog.logs:
            self._metrics.log_size.labels(log.division, "sealed").set(log.size)
            self._metrics.log_size.labels(log.division, "acknowledged").set(log.acknowledged_size)

    async def _measure_untold(self) -> None:
        self._metrics.untold_age.clear()
        try:
            ages = await self._metrics.untold()
        except LedgerUnavailable:
            return
        for (division, what), age_s in ages.items():
            self._metrics.untold_age.labels(division, what).set(age_s)

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type="application/json")
