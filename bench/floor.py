"""The line beside the least (`bench.least`): how much of a figure is the machine's and Python's.

Both are given the same signed instructions in turn, by the same generator, with the same bank and
the same PostgreSQL. A goal that the least misses is out of this machine's reach in this language.
"""

import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import msgspec

from bench.arena import Arena, Burst, arena
from bench.interpreter import in_words, interpreter
from bench.least import TABLES, Orders
from bench.line import OPEN_LOOP_CONNECTIONS, TWO_CLIENTS, WARMING_EACH
from bench.line_report import STEADY_CLIENTS
from bench.machine import load_average
from bench.pgbench import Pgbench, said_by
from bench.results import median, percentile, show_plain, spread_of
from bench.workload import Workload, to_bank, to_gateway
from deploy.demo.free_ports import free_port
from deploy.demo.stage import HOST
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day

ONE, TWO = ("least-0",), ("least-0", "least-1")


@attrs.frozen(kw_only=True)
class Programme:
    rounds: int
    count: int
    """Instructions in a burst."""
    windows: int
    window_s: float
    log_mib: int
    pgbench_s: int


FULL = Programme(rounds=3, count=4_000, windows=5, window_s=3, log_mib=512, pgbench_s=2)
QUICK = Programme(rounds=1, count=200, windows=1, window_s=1, log_mib=64, pgbench_s=1)


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    programme = QUICK if quick else FULL
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    window = WARMING_EACH * OPEN_LOOP_CONNECTIONS + int(3_000 * programme.window_s)
    bursts = programme.rounds * 6 * (programme.count + WARMING_EACH * max(TWO_CLIENTS))
    drawn = workload.spread(bursts + programme.windows * window)
    with arena(workload, drawn) as staged:
        figures = _Floor(staged, iter(drawn), programme).figures()
    show_plain("least 最少: the line beside the least, medians", figures)
    print(in_words(figures["interpreter"]))
    return figures


class _Floor:
    def __init__(self, staged: Arena, drawn: Iterator[Instruction], programme: Programme) -> None:
        self._staged = staged
        self._drawn = drawn
        self._programme = programme
        stage = staged.stage
        self._dsn = stage.postgres.create_database("least")
        said_by("psql", "-Xqv", "ON_ERROR_STOP=1", "-c", TABLES, self._dsn)
        self._port = free_port(HOST)
        file = stage.folder / "least.json"
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.encode(self._orders()))
        self._file = file
        raw = next(to_bank(self._take(1), staged.bank_host)).partition(b"\r\n\r\n")[2]
        self._pgbench = Pgbench(stage.postgres, stage.folder, raw=raw, decision=raw, body=raw)

    def figures(self) -> dict[str, Any]:
        programme = self._programme
        line: dict[int, list[Burst]] = {}
        least: dict[int, list[Burst]] = {}
        for _ in range(programme.rounds):
            for clients in STEADY_CLIENTS:
                line.setdefault(clients, []).append(self._line(clients))
                with self._running(ONE):
                    least.setdefault(clients, []).append(self._least(clients, ONE))
        figures: dict[str, Any] = {"load_average": load_average()}
        for clients in STEADY_CLIENTS:
            figures |= _compared(line[clients], least[clients], clients)
        rate = max(figures[f"line_rate_{clients}"] for clients in STEADY_CLIENTS) / 2
        return (
            figures | self._latency(rate) | self._beside_pgbench() | {"interpreter": interpreter()}
        )

    def _latency(self, rate: float) -> dict[str, Any]:
        """The least at half the peak of the *line*, as the line's own p99 is taken."""
        self._staged.season(self._programme.log_mib)
        windows = []
        with self._running(ONE):
            for _ in range(self._programme.windows):
                count = WARMING_EACH * OPEN_LOOP_CONNECTIONS + int(rate * self._programme.window_s)
                burst = self._staged.burst(
                    self._requests(count), OPEN_LOOP_CONNECTIONS, port=self._port, per_second=rate,
                    warming=WARMING_EACH * OPEN_LOOP_CONNECTIONS,
                )  # fmt: skip
                windows.append(_sound(burst).report.milliseconds)
        p99s = [percentile(window, 0.99) for window in windows]
        return {
            "open_loop_rate": round(rate),
            "least_p50_ms": median([percentile(window, 0.5) for window in windows], 2),
            "least_p99_ms": median(p99s, 2),
            "least_p99_ms_of_windows": spread_of(p99s, 2),
        }

    def _beside_pgbench(self) -> dict[str, Any]:
        rates: dict[int, list[float]] = {}
        pgbench = []
        with self._running(TWO):
            for _ in range(self._programme.rounds):
                pgbench.append(self._pgbench.best("spread", self._programme.pgbench_s)[0])
                for clients in TWO_CLIENTS:
                    rates.setdefault(clients, []).append(self._least(clients, TWO).rate)
        best = max(median(each, 0) for each in rates.values())
        return {
            "least_rate_two_processes": best,
            "rate_pgbench_spread": median(pgbench, 0),
            "ratio_least_to_pgbench": round(best / median(pgbench), 2),
        }

    def _line(self, clients: int) -> Burst:
        requests = self._requests(self._programme.count + WARMING_EACH * clients)
        return _sound(self._staged.burst(requests, clients, warming=WARMING_EACH * clients))

    def _least(self, clients: int, names: Sequence[str]) -> Burst:
        """The gateway's cost in it is that of the least."""
        requests = self._requests(self._programme.count + WARMING_EACH * clients)
        crew = self._staged.stage.crew
        burst = self._staged.burst(
            requests, clients, port=self._port, warming=WARMING_EACH * clients,
            gateways=[crew.pid(name) for name in names],
        )  # fmt: skip
        return _sound(attrs.evolve(burst, costs=attrs.evolve(burst.costs, postgres_bureau=0.0)))

    def _requests(self, count: int) -> list[bytes]:
        return list(to_gateway(self._take(count), self._staged.host, self._staged.sign))

    def _take(self, count: int) -> list[Instruction]:
        return [next(self._drawn) for _ in range(count)]

    @contextmanager
    def _running(self, names: Sequence[str]) -> Iterator[None]:
        stage = self._staged.stage
        for name in names:
            argv = [sys.executable, "-m", "bench.least", str(self._file)]
            stage.crew.start(name, argv, stage.environment({}), stage.log(name), "least.ready")
        try:
            yield
        finally:
            for name in names:
                stage.crew.stop(name)

    def _orders(self) -> Orders:
        stage = self._staged.stage
        tls, (certificate, key) = stage.gateway_tls, stage.record_key
        return Orders(
            host=HOST, port=self._port, bank_port=stage.ports.bank, dsn=self._dsn,
            certificate=str(tls.certificate), key=str(tls.key),
            passphrase=tls.passphrase.decode(), authorities=str(tls.authorities),
            record_certificate=str(certificate), record_key=str(key),
            parties=str(stage.identities.parties), bank_connections=stage.plot.bank_connections,
        )  # fmt: skip


def _compared(line: Sequence[Burst], least: Sequence[Burst], clients: int) -> dict[str, Any]:
    """By names that end in the number of clients."""
    figures: dict[str, Any] = {}
    for name, bursts in (("line", line), ("least", least)):
        own = [each.us_each(each.costs.gateway) for each in bursts]
        postgres = [each.us_each(each.costs.postgres) for each in bursts]
        figures |= {
            f"{name}_cpu_ms": median([each.cpu_ms for each in bursts]),
            f"{name}_gateway_us": median(own, 0),
            f"{name}_postgres_us": median(postgres, 0),
            f"{name}_rate": median([each.rate for each in bursts], 0),
        }
    pairs = zip(line, least, strict=True)
    figures["ratio_line_to_least"] = median([one.cpu_ms / other.cpu_ms for one, other in pairs], 2)
    return {f"{name}_{clients}": value for name, value in figures.items()}


def _sound(burst: Burst) -> Burst:
    """Raises RuntimeError unless everything passed."""
    if set(burst.report.answers) != {"200 passed"}:
        raise RuntimeError(f"answered {burst.report.answers}")
    return burst
