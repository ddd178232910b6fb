"""The bench's own arithmetic, and a short run of every part: figures exist, none is asserted."""

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.bank.exchange import Reply
from bench.admission import admissions
from bench.interpreter import in_words, says_optimised
from bench.load import Tally, _open_loop, read_requests, write_requests
from bench.machine import cpu_seconds, descendants
from bench.profile import LOOP, part_of
from bench.results import keep, percentile, spread_of
from bench.workload import Workload
from gateway.domain.decision import Outcome

LINE = {
    "cpu_ms_per_instruction", "rate_spread", "rate_hot", "ratio_hot_to_spread",
    "ratio_admission_to_pgbench", "ratio_line_to_pgbench", "p50_ms", "p99_ms", "p99_added_ms",
}  # fmt: skip
LEAST = {
    "ratio_line_to_least_32",
    "ratio_line_to_least_128",
    "ratio_least_to_pgbench",
    "least_p99_ms",
}
RECORDS = {"cpu_us_per_record_256", "sign_each_us", "audit_million_s"}
POLICIES = {"policies", "decision_lawful_us", "decision_blocked_us"}
TODAY = dt.date(2026, 6, 1)


def test_percentile_is_the_smallest_value_that_the_share_does_not_exceed() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 3.0
    assert percentile(list(range(1, 101)), 0.99) == 100
    assert percentile([7.0], 0.99) == 7.0


def test_a_figure_is_told_with_its_range_and_its_runs() -> None:
    assert spread_of([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0, "runs": 3}


def test_measuring_one_part_again_leaves_the_other_parts_alone(tmp_path: Path) -> None:
    file = tmp_path / "results" / "latest.json"
    keep("records", {"sign_each_us": 1}, file)
    keep("line", {"rate_hot": 2}, file)
    keep("line", {"rate_hot": 3}, file)
    kept = json.loads(file.read_text("utf-8"))
    assert kept["records"]["sign_each_us"] == 1
    assert kept["line"]["rate_hot"] == 3
    assert kept["machine"]["cores"] >= 1


def test_how_an_interpreter_was_built_is_told_by_its_own_word_or_not_at_all() -> None:
    assert says_optimised({"CONFIG_ARGS": "'--prefix=/usr' '--enable-optimizations'"})
    assert says_optimised({"PY_CORE_CFLAGS": "-O2 -fprofile-use -fprofile-correction"})
    assert not says_optimised({"CONFIG_ARGS": "'--enable-shared'", "PY_CORE_CFLAGS": "-O3"})
    assert "not said to be optimised, in one piece; a small loop takes 90 ns" in in_words(
        {
            "version": "3.11.7", "compiler": "GCC", "says_optimised": False,
            "shared_library": False, "small_loop_ns": 90,
        }
    )  # fmt: skip


def test_requests_come_back_from_the_file_as_they_were_written(tmp_path: Path) -> None:
    requests = [b"one", b"", b"\x00" * 70_000]
    write_requests(tmp_path / "requests", requests)
    assert read_requests(tmp_path / "requests") == requests


@pytest.mark.slow
def test_cpu_of_a_child_that_has_ended_still_counts() -> None:
    before = cpu_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", "sum(i * i for i in range(3_000_000))"], check=True)
    assert cpu_seconds([os.getpid()]) - before > 0.05


def test_descendants_of_a_process_include_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in descendants(os.getpid())
        child.communicate(b"\n")


def test_every_instruction_of_a_measurement_is_another_one() -> None:
    workload = Workload(1, TODAY)
    drawn = workload.spread(60) + workload.hot(20) + workload.refused(40)
    assert len({each.key for each in drawn}) == len(drawn)
    assert len({each.indicator_id for each in drawn[:60]}) > 20
    assert len({each.indicator_id for each in drawn[60:80]}) == 1


@pytest.mark.slow
def test_what_is_meant_to_pass_passes_and_what_is_meant_to_be_refused_is_not_passed() -> None:
    workload = Workload(1, dt.datetime.now(dt.UTC).date())
    lawful = workload.spread(40) + workload.hot(10)
    forbidden = workload.refused(26)
    registers = workload.registers()
    assert {a.outcome for a in admissions(lawful, registers)} == {Outcome.PASS}
    # JL-011 is found only when the ledger says that the money does not suffice.
    passed = [a for a in admissions(forbidden, registers) if a.outcome is Outcome.PASS]
    assert len(passed) == 2


def test_a_sample_belongs_to_the_innermost_part() -> None:
    stack = [("/x/ssl.py", "write"), ("/x/aiohttp/http_writer.py", "write")]
    assert part_of([("/x/json/__init__.py", "dumps"), *stack]) == "TLS reads and writes"
    assert part_of(stack[1:]) == "HTTP server"
    assert part_of([("/usr/lib/asyncio/runners.py", "run")]) == LOOP


class _SlowExchange:
    """Answers after a while; the clock of the open loop must not wait for it."""

    async def ask(self, request: bytes, deadline: float) -> Reply:
        await asyncio.sleep(0.05)
        return Reply(200, b"{}")


async def test_the_open_loop_counts_the_wait_for_a_connection_as_the_servers() -> None:
    tally, began = Tally(), time.perf_counter()
    await _open_loop([_SlowExchange()], [b"x"] * 4, 1000.0, tally)  # type: ignore[list-item]
    assert time.perf_counter() - began > 0.15
    assert len(tally.milliseconds) == 4
    assert max(tally.milliseconds) - min(tally.milliseconds) > 100


@pytest.mark.slow
def test_a_short_run_of_every_part_keeps_the_promised_figures(tmp_path: Path) -> None:
    out = tmp_path / "latest.json"
    command = [sys.executable, "-m", "bench", "all", "--quick", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    kept = json.loads(out.read_text("utf-8"))
    assert kept["line"].keys() >= LINE
    assert kept["line"]["interpreter"]["small_loop_ns"] > 0
    assert kept["least"].keys() >= LEAST
    assert kept["soak"].keys() >= {"gateway_drift", "bureau_drift"}
    assert kept["overload"]["ratio_goodput_to_peak"] > 0
    assert kept["records"].keys() >= RECORDS
    assert kept["policies"].keys() >= POLICIES
