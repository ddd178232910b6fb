"""Fairness measured: one party floods the line, and how long another one's answers take meanwhile.

The other, a second channel of the division, sends a few instructions a second at fixed times,
alone, beside a flood of instructions and beside one of questions after them, in turn. The flood
heeds nothing: whatever it is answered, it sends the next at once.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from bench.arena import Arena, arena
from bench.load import Report
from bench.results import percentile, show, spread_of
from bench.workload import Workload, to_gateway
from certs.tls import Credentials
from deploy.demo.day import DIVISION
from deploy.demo.identities import uri
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day

FLOOD_CONNECTIONS = 128
QUIET_CONNECTIONS = 4
QUIET_PER_S = 5.0


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    rounds, seconds, flooding = (1, 1, 500) if quick else (2, 12, 6000)
    each = int(seconds * QUIET_PER_S)
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    flood, few = workload.spread(flooding * rounds), workload.spread(3 * each * rounds)
    reports: dict[str, list[Report]] = {"alone": [], "instructions": [], "looks": []}
    with arena(workload, [*flood, *few]) as staged:
        other = staged.stage.identities.connection("quiet", uri("channel", DIVISION, "quiet"))
        calm = iter(list(to_gateway(few, staged.host, staged.sign)))
        wild = list(to_gateway(flood, staged.host, staged.sign))
        for number in range(rounds):
            some = slice(number * flooding, (number + 1) * flooding)
            floods = {"instructions": wild[some], "looks": _looks(flood[some], staged.host)}
            reports["alone"].append(_paced(staged, list(islice(calm, each)), other))
            for name, requests in floods.items():
                mine = list(islice(calm, each))
                with staged.generator(requests, FLOOD_CONNECTIONS, endless=True) as flooded:
                    flooded.go()
                    reports[name].append(_paced(staged, mine, other))
                staged.drain()
    figures = _figures(reports)
    _show(figures)
    return figures


def _looks(instructions: Sequence[Instruction], host: str) -> list[bytes]:
    """Questions after what was sent, each with its records and their proofs."""
    return [
        f"GET /v1/instructions/{each.key} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        for each in instructions
    ]


def _paced(staged: Arena, requests: Sequence[bytes], who: Credentials) -> Report:
    with staged.generator(requests, QUIET_CONNECTIONS, who=who, per_second=QUIET_PER_S) as paced:
        paced.go()
        return paced.report()


def _figures(reports: Mapping[str, Sequence[Report]]) -> dict[str, Any]:
    """Milliseconds of the five a second, and what they were answered, by what else went on."""
    return {
        name: {
            "p50_ms": spread_of([percentile(one.milliseconds, 0.5) for one in some], 1),
            "p99_ms": spread_of([percentile(one.milliseconds, 0.99) for one in some], 1),
            "answers": dict(sum((Counter(one.answers) for one in some), Counter())),
        }
        for name, some in reports.items()
    }


def _show(figures: dict[str, Any]) -> None:
    rows = [
        (name, told["p50_ms"]["median"], told["p99_ms"]["median"], told["answers"])
        for name, told in figures.items()
    ]
    show(
        f"{QUIET_PER_S:g} a second beside a flood over {FLOOD_CONNECTIONS} connections",
        ("flood of", "p50 ms", "p99 ms", "answers"), rows,
    )  # fmt: skip
