"""Fairness measured: one party floods the line, and how long another one's answers take meanwhile.

The other party, a second channel of the division, sends a few instructions a second at fixed times,
alone and then beside the flood, in turn. The flood heeds nothing: whatever it is answered, it sends
the next at once.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from bench.arena import Arena, arena
from bench.load import Report
from bench.results import percentile, show, spread_of
from bench.workload import Workload, to_gateway
from certs.tls import Credentials
from deploy.demo.day import DIVISION
from deploy.demo.identities import uri
from gateway.domain.legal_day import legal_day

FLOOD_CONNECTIONS = 128
QUIET_CONNECTIONS = 4
QUIET_PER_S = 5.0


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    rounds, seconds, flooding = (1, 1, 500) if quick else (3, 12, 6000)
    each = int(seconds * QUIET_PER_S)
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    flood, few = workload.spread(flooding * rounds), workload.spread(2 * each * rounds)
    alone: list[Report] = []
    beside: list[Report] = []
    with arena(workload, [*flood, *few]) as staged:
        other = staged.stage.identities.connection("quiet", uri("channel", DIVISION, "quiet"))
        calm = list(to_gateway(few, staged.host, staged.sign))
        wild = list(to_gateway(flood, staged.host, staged.sign))
        for number in range(rounds):
            mine, calm = calm[:each], calm[each:]
            alone.append(_paced(staged, mine, other))
            mine, calm = calm[:each], calm[each:]
            some = wild[number * flooding : (number + 1) * flooding]
            with staged.generator(some, FLOOD_CONNECTIONS, endless=True) as flooded:
                flooded.go()
                beside.append(_paced(staged, mine, other))
            staged.drain()
    figures = _figures(alone, beside)
    _show(figures)
    return figures


def _paced(staged: Arena, requests: Sequence[bytes], who: Credentials) -> Report:
    with staged.generator(requests, QUIET_CONNECTIONS, who=who, per_second=QUIET_PER_S) as paced:
        paced.go()
        return paced.report()


def _figures(alone: Sequence[Report], beside: Sequence[Report]) -> dict[str, Any]:
    return {
        f"{name}_{how}_ms": spread_of([percentile(one.milliseconds, share) for one in reports], 1)
        for how, reports in (("alone", alone), ("beside_flood", beside))
        for name, share in (("p50", 0.5), ("p99", 0.99))
    } | {"answers_beside_flood": _answers(beside)}


def _answers(reports: Sequence[Report]) -> dict[str, int]:
    words = sorted({word for report in reports for word in report.answers})
    return {word: sum(report.answers.get(word, 0) for report in reports) for word in words}


def _show(figures: dict[str, Any]) -> None:
    rows = [
        (
            f"{share} of {QUIET_PER_S:g}/s, ms",
            figures[f"{share}_alone_ms"]["median"], figures[f"{share}_beside_flood_ms"]["median"],
        )
        for share in ("p50", "p99")
    ]  # fmt: skip
    show(f"fairness ({FLOOD_CONNECTIONS} connections flood)", ("", "alone", "beside"), rows)
    show("answers beside the flood", ("", ""), list(figures["answers_beside_flood"].items()))
