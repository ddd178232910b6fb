"""Overload measured: five parties each send what fills the line alone, and heed nothing.

Goodput is what passed in a second, beside the same of one party alone, in turn; then whoever sends
a few a second just after the flood.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any

from bench.arena import Arena, Generator, arena
from bench.load import Report
from bench.results import median, percentile, show_plain, spread_of
from bench.workload import Workload, to_gateway
from certs.tls import Credentials
from deploy.demo.day import DIVISION
from deploy.demo.identities import uri
from gateway.domain.legal_day import legal_day

PARTIES = 5
CONNECTIONS = 128
"""Of each: with so many, one party alone reaches the line's best rate."""
WARMING = 4 * CONNECTIONS
AFTER_PER_S, AFTER_S = 20.0, 3.0
PASSED = "200 passed"


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    rounds, each = (1, 200) if quick else (3, 4_000)
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    after = int(AFTER_PER_S * AFTER_S)
    drawn = workload.spread(rounds * ((PARTIES + 1) * (each + WARMING) + after))
    peaks, floods, afters = [], [], []
    with arena(workload, drawn) as staged:
        who = _parties(staged)
        requests = iter(list(to_gateway(drawn, staged.host, staged.sign)))
        for _ in range(rounds):
            peaks.append(_together(staged, requests, who[:1], each))
            floods.append(_together(staged, requests, who, each))
            with staged.generator(
                list(islice(requests, after)), 4, who=who[0], per_second=AFTER_PER_S
            ) as few:
                few.go()
                afters.append(few.report())
            staged.drain()
    figures = _figures(peaks, floods, afters)
    show_plain(f"overload 过载: {PARTIES} parties at once", figures)
    return figures


def _parties(staged: Arena) -> list[Credentials]:
    connection = staged.stage.identities.connection
    return [
        connection(f"channel-{n}", uri("channel", DIVISION, f"channel-{n}")) for n in range(PARTIES)
    ]


def _together(
    staged: Arena, requests: Iterator[bytes], who: Sequence[Credentials], each: int
) -> list[Report]:
    """All of them from one moment on, until each has had an answer to all that it sends."""
    with ExitStack() as stack:
        generators: list[Generator] = [
            stack.enter_context(
                staged.generator(
                    list(islice(requests, each + WARMING)), CONNECTIONS, who=one, warming=WARMING
                )
            )
            for one in who
        ]
        staged.drain()
        for generator in generators:
            generator.go()
        return [generator.report() for generator in generators]


def _figures(
    peaks: Sequence[Sequence[Report]], floods: Sequence[Sequence[Report]],
    afters: Sequence[Report],
) -> dict[str, Any]:  # fmt: skip
    answers: Counter[str] = sum((Counter(r.answers) for run in floods for r in run), Counter())
    good = [_goodput(run) for run in floods]
    best = [_goodput(run) for run in peaks]
    return {
        "peak_per_s": median(best, 0),
        "goodput_per_s": median(good, 0),
        "ratio_goodput_to_peak": median([a / b for a, b in zip(good, best, strict=True)], 2),
        "turned_away_share": round(1 - answers[PASSED] / answers.total(), 3),
        "p50_ms_after": median([percentile(one.milliseconds, 0.5) for one in afters], 1),
        "most_ms_after": median([max(one.milliseconds) for one in afters], 1),
        "answers": dict(answers),
        "ratios": spread_of([a / b for a, b in zip(good, best, strict=True)], 2),
    }


def _goodput(together: Sequence[Report]) -> float:
    """Passed a second while all of them sent: until the first of them had no more to send."""
    shortest = min(each.seconds for each in together)
    return (
        sum(each.answers.get(PASSED, 0) * shortest / each.seconds for each in together) / shortest
    )
