"""The figures of the line from what was measured, and the table that people read."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from bench.arena import Burst
from bench.interpreter import in_words
from bench.measured import Measured
from bench.results import median, percentile, show, show_plain, spread_of

STEADY_CLIENTS = (32, 128)
"""The goals are for so many."""
SATURATED = 0.85
"""Of a core: a program of one thread that is busier than this has no more to give."""


def figures_of(measured: Measured) -> dict[str, Any]:
    """One flat object with the names of the goals, and `bursts` with everything behind them."""
    steady = [b for clients in STEADY_CLIENTS for b in measured.bursts["spread", clients]]
    hot = [b for clients in STEADY_CLIENTS for b in measured.bursts["hot", clients]]
    rate_spread = measured.best_rate("spread")
    spread_32 = measured.bursts["spread", 32]
    refused = measured.bursts["refused", 32]
    rate_two = measured.best_rate("two processes")
    pgbench = {kind: median([best for best, _ in runs]) for kind, runs in measured.pgbench.items()}
    admission = max(median([r.rate for r in runs]) for runs in measured.admission.values())
    gateway_p99s = [percentile(window, 0.99) for window in measured.gateway_ms]
    bank_p99s = [percentile(window, 0.99) for window in measured.bank_ms]
    gateway_ms, bank_ms = (
        list(chain.from_iterable(of)) for of in (measured.gateway_ms, measured.bank_ms)
    )
    return {
        "cpu_ms_per_instruction": median([b.cpu_ms for b in steady]),
        "cpu_ms_without_bureau_database": median([_own_cpu_ms(b) for b in steady]),
        "cpu_ms_hot": median([b.cpu_ms for b in hot]),
        "generator_us_per_instruction": median([b.us_each(b.report.cpu_s) for b in steady]),
        "rate_spread": rate_spread,
        "rate_hot": measured.best_rate("hot"),
        "ratio_hot_to_spread": _paired(hot, steady),
        "rate_admission": admission,
        "rate_pgbench_spread": pgbench["spread"],
        "rate_pgbench_hot": pgbench["hot"],
        "ratio_admission_to_pgbench": round(admission / pgbench["spread"], 2),
        "rate_two_processes": rate_two,
        "ratio_line_to_pgbench": round(rate_two / pgbench["spread"], 2),
        "ratio_two_processes_to_one": round(rate_two / rate_spread, 2),
        "ratio_refused_to_passed": _paired(refused, spread_32),
        "open_loop_rate": round(measured.open_loop_rate),
        "p50_ms": median(gateway_ms, 2),
        "p99_ms": median(gateway_p99s, 2),
        "p99_ms_of_windows": spread_of(gateway_p99s, 2),
        "p99_ms_of_all": round(percentile(gateway_ms, 0.99), 2),
        "bank_p50_ms": median(bank_ms, 2),
        "bank_p99_ms": median(bank_p99s, 2),
        "p99_added_ms": round(median(gateway_p99s) - median(bank_p99s), 2),
        "rest_mib": measured.rest_mib,
        "load_average": spread_of(measured.loads, 2),
        "bursts": {
            f"{kind}, {clients} clients": _burst_figures(bursts)
            for (kind, clients), bursts in measured.bursts.items()
        },
        "admission": {
            f"{waiters} waiting": {
                "rate": spread_of([run.rate for run in runs]),
                "cpu_us": spread_of([run.cpu_us for run in runs]),
            }
            for waiters, runs in measured.admission.items()
        },
        "pgbench": {
            kind: {
                clients: spread_of([rates[clients] for _, rates in runs]) for clients in runs[0][1]
            }
            for kind, runs in measured.pgbench.items()
        },
    }


def show_line(figures: dict[str, Any]) -> None:
    columns = ("burst", "rate", "CPU", "gw", "pg", "bank", "gen", "p50", "p99")
    rows = [
        (name, *(f"{each[column]['median']:g}" for column in _COLUMNS))
        for name, each in figures["bursts"].items()
    ]
    show("line 支付指令: medians; CPU (gateway + PostgreSQL) and its parts, ms each", columns, rows)
    show_plain("figures", figures)
    print(bound_by(figures))
    print(in_words(figures["interpreter"]))


def bound_by(figures: dict[str, Any]) -> str:
    """What the rate of one process comes up against, from the shares of a core at 32 clients."""
    burst = figures["bursts"]["spread, 32 clients"]
    cores = {
        name: burst["rate"]["median"] * burst[f"{name}_ms"]["median"] / 1000
        for name in ("gateway", "postgres", "bank", "bureau", "generator")
    }
    most = max(cores, key=lambda name: cores[name])
    shares = ", ".join(f"{name} {share:.2f}" for name, share in cores.items())
    told = f"Cores busy at 32 clients: {shares} (load average {figures['load_average']['median']})."
    if cores[most] >= SATURATED:
        return f"{told} The {most} is the bound."
    return f"{told} The {most} takes most, but none fills a core: the rest waited for a CPU."


_COLUMNS = ("rate", "cpu_ms", "gateway_ms", "postgres_ms", "bank_ms", "generator_ms",
            "p50_ms", "p99_ms")  # fmt: skip


def _burst_figures(bursts: Sequence[Burst]) -> dict[str, Any]:
    def each(seconds: Callable[[Burst], float]) -> dict[str, float | int]:
        return spread_of([b.us_each(seconds(b)) / 1000 for b in bursts], 3)

    return {
        "rate": spread_of([b.rate for b in bursts]),
        "cpu_ms": spread_of([b.cpu_ms for b in bursts], 3),
        "gateway_ms": each(lambda b: b.costs.gateway),
        "postgres_ms": each(lambda b: b.costs.postgres + b.costs.postgres_bureau),
        "postgres_bureau_ms": each(lambda b: b.costs.postgres_bureau),
        "bank_ms": each(lambda b: b.costs.bank),
        "bureau_ms": each(lambda b: b.costs.bureau),
        "generator_ms": each(lambda b: b.report.cpu_s),
        "p50_ms": spread_of([percentile(b.report.milliseconds, 0.5) for b in bursts], 2),
        "p99_ms": spread_of([percentile(b.report.milliseconds, 0.99) for b in bursts], 2),
        "drained_s": spread_of([b.drained_s for b in bursts], 2),
    }


def _paired(some: Sequence[Burst], others: Sequence[Burst]) -> float:
    """Median of the ratios of rates, each of two bursts that stood side by side."""
    return median([a.rate / b.rate for a, b in zip(some, others, strict=True)], 2)


def _own_cpu_ms(burst: Burst) -> float:
    return (burst.costs.gateway + burst.costs.postgres) * 1000 / burst.answered
