"""The operators' port: is the program alive, does it acknowledge, what are its numbers.

It tells no payment, agency or person.
"""

from collections.abc import Iterator

import attrs
import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from bureau.desk.wellbeing import Watch, Wellbeing
from doors.borrowed_names import no_borrowed_name

CERTIFICATES_MEASURED_MAX = 500
_LOG = ("division", "bank")


def ops_application(watch: Watch) -> web.Application:
    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(_request: web.Request) -> web.Response:
        found = await watch.look()
        body = {
            "ready": not found.reasons, "reasons": found.reasons, "warnings": found.warnings,
        }  # fmt: skip
        return web.Response(
            body=orjson.dumps(body), status=503 if found.reasons else 200,
            content_type="application/json",
        )  # fmt: skip

    async def numbers(_request: web.Request) -> web.Response:
        body = generate_latest(figures_of(await watch.look()))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(middlewares=[no_borrowed_name])
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", numbers)
    return app


def figures_of(found: Wellbeing) -> CollectorRegistry:
    """One look, and the process itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Figures(found))
    return registry


@attrs.frozen(eq=False)
class _Figures(Collector):
    """One look as Prometheus reads it; made anew each time, so that nothing stays that is over."""

    _found: Wellbeing

    def collect(self) -> Iterator[Metric]:
        found = self._found
        ready = "1 while what gateways report is acknowledged"
        yield GaugeMetricFamily("bureau_ready", ready, value=not found.reasons)
        unready = GaugeMetricFamily(
            "bureau_unready", "1 for each reason of /readyz why it is not", labels=("what",)
        )
        warning = GaugeMetricFamily(
            "bureau_warning", "1 for each warning of /readyz: a person must look", labels=("what",)
        )
        for family, words in ((unready, found.reasons), (warning, found.warnings)):
            for what in words:
                family.add_metric((what,), 1)
            yield family
        yield from self._logs()
        yield from self._certificates()

    def _logs(self) -> Iterator[Metric]:
        size = GaugeMetricFamily("bureau_log_size", "Records held of a bank's log", labels=_LOG)
        age = GaugeMetricFamily(
            "bureau_cosigned_age_seconds", "Since a bank's log was last cosigned", labels=_LOG
        )
        refused = CounterMetricFamily(
            "bureau_deliveries_refused", "Deliveries of a bank that were not what they claimed",
            labels=_LOG,
        )  # fmt: skip
        for log in self._found.logs:
            labels = log["division"], log["bank"]
            size.add_metric(labels, log["size"])
            refused.add_metric(labels, log["misbehaviours"])
            if log["cosigned_at"]:
                age.add_metric(labels, (self._found.at - log["cosigned_at"]).total_seconds())
        return iter((size, age, refused))

    def _certificates(self) -> Iterator[Metric]:
        """The soonest to end. Two files may hold one and the same."""
        days = GaugeMetricFamily(
            "bureau_certificate_days_left", "Days until a certificate ends, below 0 once it has",
            labels=("use", "holder", "serial"),
        )  # fmt: skip
        seconds = GaugeMetricFamily(
            "bureau_revocation_list_seconds_left", "Seconds until a list ends, and refuses all",
            labels=("use", "holder", "number"),
        )  # fmt: skip
        at = self._found.at
        known = {
            (held.use, held.holder, held.serial): held
            for held in self._found.certificates[:CERTIFICATES_MEASURED_MAX]
        }
        for labels, held in known.items():
            if held.listed:
                seconds.add_metric(labels, (held.not_after - at).total_seconds())
            else:
                days.add_metric(labels, held.days_left(at))
        return iter((days, seconds))
