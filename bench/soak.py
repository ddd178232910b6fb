"""A long run measured: what the memory of gateway and bureau does while instructions keep coming.

Ordinary purchases, one of a hundred refused, at a fixed rate below the peak. Told is how much more
each program holds in the last quarter than in the second, which is after all has been warmed.
"""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bench.arena import arena
from bench.machine import resident_mib
from bench.results import median, show
from bench.workload import Workload, to_gateway
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day

PER_S = 250.0
SECONDS, QUICK_SECONDS = 600, 8
CONNECTIONS = 64
REFUSED_EACH = 100
"""One of so many is refused; some breaches want a year of their own for each, and years end."""
LOOKS = 240
"""At the memory, in all."""


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    seconds = QUICK_SECONDS if quick else SECONDS
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    drawn = _mixed(workload, int(seconds * PER_S))
    with arena(workload, drawn) as staged:
        requests = list(to_gateway(drawn, staged.host, staged.sign))
        pids = {"gateway": staged.gateways()[0], "bureau": staged.stage.crew.pid("bureau")}
        with staged.generator(requests, CONNECTIONS, per_second=PER_S) as generator:
            seen: list[dict[str, float]] = []
            generator.go()
            report = _while_looking(
                generator.report,
                lambda: seen.append({name: resident_mib(pid) for name, pid in pids.items()}),
                seconds / LOOKS,
            )
    figures: dict[str, Any] = {"seconds": round(report.seconds), "answers": report.answers}
    for name in pids:
        figures |= _figures(name, [each[name] for each in seen])
    plain = [(name, value) for name, value in figures.items()]
    show(f"soak 长跑: {PER_S:g} instructions a second", ("figure", "value"), plain)
    return figures


def _mixed(workload: Workload, count: int) -> list[Instruction]:
    refused = iter(workload.refused(count // REFUSED_EACH + 1))
    passed = iter(workload.spread(count))
    return [next(passed if n % REFUSED_EACH else refused) for n in range(count)]


def _while_looking(work: Callable[[], Any], look: Callable[[], None], every_s: float) -> Any:
    ended = threading.Event()

    def keep_looking() -> None:
        while not ended.wait(every_s):
            look()

    looking = threading.Thread(target=keep_looking)
    looking.start()
    try:
        return work()
    finally:
        ended.set()
        looking.join()


def _figures(name: str, mib: Sequence[float]) -> dict[str, Any]:
    quarter = len(mib) // 4
    warm, last = median(mib[quarter : 2 * quarter], 1), median(mib[-quarter:], 1)
    return {
        f"{name}_mib_warm": warm,
        f"{name}_mib_last": last,
        f"{name}_mib_most": max(mib),
        f"{name}_drift": round(last / warm - 1, 3),
        f"{name}_mib_by_tenths": [
            median(mib[n * len(mib) // 10 : (n + 1) * len(mib) // 10], 1) for n in range(10)
        ],
    }
