"""The operators' port, on loopback: is it alive, may it take instructions, what are its numbers."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import attrs
import orjson
from aiohttp import web
from prometheus_client import Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from doors.borrowed_names import no_borrowed_name
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import Backlog
from gateway.web.metrics import Metrics

DEGRADED_AFTER_S = 60.0
"""A bureau hears within a second; a minute is no longer a hiccup."""

Troubles = Callable[[], dict[str, str]]
"""By what is in trouble (`bank`, `bureau.<division>`), words for a person; empty if nothing is."""


class Ops:
    def __init__(
        self, metrics: Metrics, reasons: Troubles, warnings: Troubles,
        backlog: Callable[[], Awaitable[Backlog]], openapi: bytes,
        more: Sequence[web.RouteDef] = (),
    ) -> None:  # fmt: skip
        """`reasons`: why this gateway may not take instructions now. `warnings`: no payment stops,
        but somebody must look. `more`: pages of other rooms that operators see here too."""
        self._more = more
        self._metrics = metrics
        self._reasons = reasons
        self._warnings = warnings
        self._backlog = backlog
        self._openapi = openapi

    def application(self) -> web.Application:
        app = web.Application(middlewares=[no_borrowed_name])
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
        """`state`: unready; degraded, while a bureau has not heard for DEGRADED_AFTER_S what was
        decided, with the age; else ready. Degraded is 200: payments go on.
        """
        reasons, warnings, degraded = self._reasons(), self._warnings(), await self._degraded()
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
        metrics, reasons = self._metrics, self._reasons()
        metrics.ready.set(not reasons)
        _set_only(metrics.unready, reasons)
        _set_only(metrics.warning, self._warnings())
        _set_only(metrics.policy_book, [metrics.book_in_force()])
        for (division, register), age_s in metrics.register_ages().items():
            metrics.register_age.labels(division, register).set(age_s)
        metrics.measure_certificates()
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


def _set_only(gauge: Gauge, labels: Iterable[str]) -> None:
    """What is over must not stay."""
    gauge.clear()
    for label in labels:
        gauge.labels(label).set(1)
