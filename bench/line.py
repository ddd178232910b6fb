"""The line measured: CPU and rate of the whole product, beside pgbench and the bank alone.

One run, one machine: what is compared is interleaved (spread, hot, spread, hot ...), and every
figure is the median of several bursts with the smallest and the largest beside it.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import attrs
from msgspec.structs import replace

from bench.admission import admissions, admit_all
from bench.arena import Arena, Burst, arena, load_registers
from bench.interpreter import interpreter
from bench.line_report import figures_of, show_line
from bench.machine import resident_mib
from bench.measured import Measured
from bench.pgbench import Pgbench
from bench.workload import Workload, to_bank, to_gateway
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day

OPEN_LOOP_CONNECTIONS = 64
TWO_CLIENTS = (128, 256)
"""For two processes: their best counts, as pgbench's over its own numbers of clients does."""
WARMING_EACH = 4
"""Instructions sent on each connection before anything is counted."""
_WARMING_OPEN = WARMING_EACH * OPEN_LOOP_CONNECTIONS


@attrs.frozen(kw_only=True)
class Programme:
    """How much is measured."""

    rounds: int
    sizes: dict[int, int]
    """Instructions in a burst, by the number of clients."""
    refused: int
    admitted: int
    windows: int
    """Of the open loop, through the gateway and to the bank directly in turn."""
    window_s: float
    log_mib: int
    """Of the server's write-ahead log, made before the windows."""
    pgbench_s: int


FULL = Programme(
    rounds=3, sizes={1: 300, 32: 3000, 128: 4000}, refused=500, admitted=8_000, windows=7,
    window_s=3, log_mib=512, pgbench_s=2,
)  # fmt: skip
QUICK = Programme(
    rounds=1, sizes={1: 40, 32: 300, 128: 300}, refused=100, admitted=500, windows=1, window_s=1,
    log_mib=64, pgbench_s=1,
)  # fmt: skip


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    programme = QUICK if quick else FULL
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    drawn = _Drawn(workload, programme)
    with arena(workload, drawn.all, gateways=2) as staged:
        measured = Measured(rest_mib=resident_mib(staged.gateways()[0]))
        staged.stage.crew.stop("gateway-1")
        for _ in range(programme.rounds):
            _one_process(staged, drawn, programme, measured)
        _latency(staged, drawn, programme, measured)
        _beside_pgbench(staged, drawn, programme, measured)
    figures = {**figures_of(measured), "interpreter": interpreter()}
    show_line(figures)
    return figures


class _Drawn:
    """Hands out instructions that were drawn before the registers were written."""

    def __init__(self, workload: Workload, programme: Programme) -> None:
        rounds, sizes = programme.rounds, programme.sizes
        warming = WARMING_EACH * sum(sizes)
        latency = programme.windows * (int(3000 * programme.window_s) + _WARMING_OPEN)
        most = (sum(sizes.values()) + warming) * rounds
        two = sum(sizes[128] + WARMING_EACH * clients for clients in TWO_CLIENTS) * rounds
        self.registers = workload.registers
        self._left = {
            "spread": workload.spread(most + two + latency + 2 * programme.admitted * rounds),
            "hot": workload.hot(most),
            "refused": workload.refused((programme.refused + WARMING_EACH * 32) * rounds),
        }
        self.all = [each for kind in self._left.values() for each in kind]

    def take(self, kind: str, count: int) -> list[Instruction]:
        taken, self._left[kind] = self._left[kind][:count], self._left[kind][count:]
        assert len(taken) == count, "more was drawn than foreseen"
        return taken


def _one_process(staged: Arena, drawn: _Drawn, programme: Programme, measured: Measured) -> None:
    for clients, count in programme.sizes.items():
        for kind in ("spread", "hot"):
            measured.note(kind, _burst(staged, drawn, kind, clients, count))
    measured.note("refused", _burst(staged, drawn, "refused", 32, programme.refused))


def _burst(staged: Arena, drawn: _Drawn, kind: str, clients: int, count: int) -> Burst:
    warming = WARMING_EACH * clients
    instructions = drawn.take(kind, count + warming)
    requests = list(to_gateway(instructions, staged.host, staged.sign))
    burst = staged.burst(requests, clients, warming=warming)
    wrong = {word: n for word, n in burst.report.answers.items() if not _foreseen(kind, word)}
    if wrong:
        raise RuntimeError(f"{kind} with {clients} clients was answered {wrong}")
    return burst


def _foreseen(kind: str, word: str) -> bool:
    return word in (("200 held", "200 blocked") if kind == "refused" else ("200 passed",))


def _latency(staged: Arena, drawn: _Drawn, programme: Programme, measured: Measured) -> None:
    """Open loop at half the best rate so far, through the gateway and to the bank directly, on a
    server that has served for a while."""
    rate = measured.open_loop_rate = measured.best_rate("spread") / 2
    staged.season(programme.log_mib)
    for _ in range(programme.windows):
        instructions = drawn.take("spread", _WARMING_OPEN + int(rate * programme.window_s))
        direct = list(to_bank(_renamed(instructions), staged.bank_host))
        measured.bank_ms.append(_window(staged, direct, rate, staged.stage.ports.bank))
        through = list(to_gateway(instructions, staged.host, staged.sign))
        measured.gateway_ms.append(_window(staged, through, rate))


def _window(
    staged: Arena, requests: Sequence[bytes], rate: float, port: int | None = None
) -> list[float]:
    burst = staged.burst(
        requests, OPEN_LOOP_CONNECTIONS, port=port, per_second=rate, warming=_WARMING_OPEN
    )
    return burst.report.milliseconds


def _renamed(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Under other numbers, so that the bank does not know them yet."""
    return [
        replace(each, key=replace(each.key, voucher_no=f"B{each.key.voucher_no[1:]}"))
        for each in instructions
    ]


def _beside_pgbench(staged: Arena, drawn: _Drawn, programme: Programme, measured: Measured) -> None:
    """Two gateway processes, admission alone and pgbench, in turn."""
    stage = staged.stage
    database = stage.postgres.create_database("admission")
    load_registers(stage, drawn.registers(), database)
    wanted = admissions(
        drawn.take("spread", 2 * programme.admitted * programme.rounds), drawn.registers(),
        stage.library,
    )  # fmt: skip
    one = wanted[0]
    pgbench = Pgbench(
        stage.postgres, stage.folder, raw=one.raw, decision=one.decision,
        body=one.record.body,
    )  # fmt: skip
    stage.crew.restart("gateway-1")
    for _ in range(programme.rounds):
        for kind in ("spread", "hot"):
            measured.pgbench.setdefault(kind, []).append(pgbench.best(kind, programme.pgbench_s))
        for waiters in (32, 128):
            now, wanted = wanted[: programme.admitted], wanted[programme.admitted :]
            measured.admission.setdefault(waiters, []).append(admit_all(database, now, waiters))
        for clients in TWO_CLIENTS:
            burst = _burst(staged, drawn, "spread", clients, programme.sizes[128])
            measured.note("two processes", burst)
