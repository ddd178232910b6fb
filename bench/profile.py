"""Where the gateway's CPU goes, by part: `python -m bench.profile` samples a real one under load.

The parts are told by the innermost function that is in one of our rooms or in a library that a
room uses; work inside the event loop and OpenSSL that no Python function asked for is the loop's.
"""

import argparse
import datetime as dt
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.arena import Arena, arena
from bench.results import show
from bench.workload import Workload, to_gateway
from gateway.domain.legal_day import legal_day

CLIENTS = 32
COUNT = 6_000
FUNCTIONS_SHOWN = 30
GATEWAY = "gateway-0"

PARTS: Mapping[str, tuple[str, ...]] = {
    "proving and signing": ("/certs/trust", "/certs/signing", "/cryptography/"),
    "sealing": ("/certs/log", "/gateway/workers/seal"),
    "delivering": ("/gateway/workers/deliver", "/adapters/bureau", "/aiohttp/client"),
    "parsing and wording": ("/adapters/formats",),
    "facts, record, receipt": ("/gateway/pipeline", "/gateway/domain", "/certs/commitments"),
    "policies": ("/policies/",),
    "ledger and log": ("/adapters/postgres", "/asyncpg/"),
    "bank": ("/adapters/bank",),
    "operators' log": ("/structlog/",),
    "metrics": ("/prometheus_client/",),
    "door": ("/gateway/web",),
    "HTTP server": ("/aiohttp/",),
    "TLS reads and writes": ("/ssl.py",),
}
LOOP = "event loop"

Row = tuple[list[tuple[str, str]], int]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--kind", choices=["spread", "hot", "refused"], default="spread")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--count", type=int, default=COUNT)
    options = parser.parse_args()
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    instructions = getattr(workload, options.kind)(options.count)
    with arena(workload, instructions) as staged:
        out = staged.stage.folder / "samples.json"
        _sample_the_gateway(staged, out)
        requests = list(to_gateway(instructions, staged.host, staged.sign))
        os.kill(staged.stage.crew.pid(GATEWAY), signal.SIGUSR1)
        burst = staged.burst(requests, options.clients)
        staged.stage.crew.stop(GATEWAY)
        rows: list[Row] = json.loads(out.read_text("utf-8"))
    each_us = burst.costs.gateway * 1e6 / burst.answered
    print(f"{burst.answered} {options.kind} at {burst.rate:.0f}/s, {each_us:.0f} CPU us each")
    _show("parts", _by_part(rows), each_us)
    _show("functions", _by_function(rows), each_us)
    return 0


def _sample_the_gateway(staged: Arena, out: Path) -> None:
    """Put a gateway that samples itself in the place of the one that runs."""
    stage = staged.stage
    stage.crew.stop(GATEWAY)
    settings = stage.folder / f"{GATEWAY}.toml"
    stage.crew.start(
        GATEWAY,
        [sys.executable, "-m", "bench.sampled", str(out), "serve", "--settings", str(settings)],
        stage.environment(stage.gateway_environment),
        stage.folder / f"{GATEWAY}.log",
        ready="gateway.ready",
    )


def part_of(stack: Iterable[tuple[str, str]]) -> str:
    """The part that the innermost function of any part belongs to."""
    for file, _ in stack:
        for part, places in PARTS.items():
            if any(place in file for place in places):
                return part
    return LOOP


def _by_part(rows: Iterable[Row]) -> Counter[str]:
    parts: Counter[str] = Counter()
    for stack, count in rows:
        parts[part_of(stack)] += count
    return parts


def _by_function(rows: Iterable[Row]) -> Counter[str]:
    functions: Counter[str] = Counter()
    for stack, count in rows:
        file, name = stack[0]
        functions[f"{'/'.join(Path(file).parts[-2:])} {name}"] += count
    return functions


def _show(title: str, counts: Counter[str], each_us: float) -> None:
    total = counts.total() or 1
    rows = [
        (name, f"{100 * count / total:.1f} %", f"{each_us * count / total:.0f}")
        for name, count in counts.most_common(FUNCTIONS_SHOWN)
    ]
    show(title, (title, "share", "us each"), rows)


if __name__ == "__main__":
    sys.exit(main())
