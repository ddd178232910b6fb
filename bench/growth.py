"""Growth measured: a province's registers in memory, and years of instructions in the ledger.

Registers: two stages beside each other, one with the ordinary division, one with a million accounts
and a hundred thousand indicators more; the same load in turn. Instructions: admission alone on two
databases of one server, one empty, one that holds ten million.
"""

import asyncio
import datetime as dt
import json
import os
import time
from collections.abc import Sequence
from typing import Any

import attrs

from adapters.postgres.session import Pool
from bench.admission import admissions, admit_all
from bench.arena import Arena, arena, load_registers
from bench.line import WARMING_EACH
from bench.machine import cpu_seconds, resident_mib
from bench.results import median, show, spread_of
from bench.workload import Workload, to_gateway
from deploy.demo.day import DIVISION
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day

CLIENTS = 64
WAITERS = 64
STORED_STEP = 500_000


@attrs.frozen(kw_only=True)
class Programme:
    accounts: int
    indicators: int
    rounds: int
    burst: int
    stored: int
    admitted: int


FULL = Programme(
    accounts=1_000_000, indicators=100_000, rounds=10, burst=800, stored=10_000_000, admitted=3000
)
QUICK = Programme(accounts=5_000, indicators=500, rounds=2, burst=60, stored=5_000, admitted=300)
SIZES = "BENCH_GROWTH"
"""Environment: `accounts,indicators,stored`, to measure another size than the full one."""


def run(*, quick: bool = False) -> dict[str, Any]:
    programme = _programme(quick)
    figures = {
        "accounts": programme.accounts,
        "indicators": programme.indicators,
        "instructions_stored": programme.stored,
        **_registers(programme),
    }
    _show(figures)
    return figures


def _programme(quick: bool) -> Programme:
    chosen = QUICK if quick else FULL
    if sizes := os.environ.get(SIZES):
        accounts, indicators, stored = map(int, sizes.split(","))
        return attrs.evolve(chosen, accounts=accounts, indicators=indicators, stored=stored)
    return chosen


class _Crowded(Workload):
    """The same division with so many more accounts and indicators."""

    def __init__(self, programme: Programme, on: dt.date) -> None:
        super().__init__(1, on)
        self._programme = programme

    def registers(self) -> bytes:
        document = json.loads(super().registers())
        account, indicator = document["accounts"][0], document["indicators"][0]
        document["accounts"] += [
            {**account, "account": f"0799{number:018}", "name": f"吉林省示例单位第{number}办公室"}
            for number in range(self._programme.accounts)
        ]
        document["indicators"] += [
            {**indicator, "id": f"G{number:021}"} for number in range(self._programme.indicators)
        ]
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _registers(programme: Programme) -> dict[str, Any]:
    on = legal_day(dt.datetime.now(dt.UTC))
    each = (programme.burst + WARMING_EACH * CLIENTS) * programme.rounds
    few, many = Workload(1, on), _Crowded(programme, on)
    waiting = {"few": few.spread(each), "many": many.spread(each)}
    wanted = few.spread(2 * programme.admitted * programme.rounds)
    with arena(few, [*waiting["few"], *wanted]) as small:
        began = time.monotonic()
        with arena(many, waiting["many"]) as large:
            loaded_s = time.monotonic() - began
            figures = _start_up(large)
            rates = _rates(programme, {"few": small, "many": large}, waiting)
            memory = max(map(resident_mib, large.gateways()))
        stored = _instructions(programme, small, wanted, few.registers())
    ratios = [many / few for few, many in zip(rates["few"], rates["many"], strict=True)]
    return {
        "stage_with_load_s": round(loaded_s, 1),
        **figures,
        "memory_mib": round(max(memory, figures["memory_started_mib"]), 1),
        "rate_few": spread_of(rates["few"]),
        "rate_many": spread_of(rates["many"]),
        "ratio_many_to_few": median(ratios),
        "cpu_ms_few": spread_of(rates["cpu_few"], 3),
        "cpu_ms_many": spread_of(rates["cpu_many"], 3),
        "ratio_cpu_many_to_few": median(
            [many / few for few, many in zip(rates["cpu_few"], rates["cpu_many"], strict=True)]
        ),
        **stored,
    }


def _start_up(staged: Arena) -> dict[str, Any]:
    """From the command to `gateway.ready`, registers in memory; and the CPU that it took."""
    name = staged.stage.gateway_names[0]
    crew, seconds, cpu = staged.stage.crew, [], []
    for _ in range(3):
        crew.stop(name)
        began = time.monotonic()
        pid = crew.restart(name)
        seconds.append(time.monotonic() - began)
        cpu.append(cpu_seconds([pid]))
    return {
        "start_up_s": spread_of(seconds, 2),
        "start_up_cpu_s": spread_of(cpu, 2),
        "memory_started_mib": round(resident_mib(staged.gateways()[0]), 1),
    }


def _rates(
    programme: Programme, stages: dict[str, Arena], waiting: dict[str, list[Instruction]]
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {
        name: [] for name in [*stages, *(f"cpu_{name}" for name in stages)]
    }
    size = programme.burst + WARMING_EACH * CLIENTS
    for number in range(programme.rounds):
        order = list(stages) if number % 2 else list(reversed(stages))
        for name in order:
            taken, waiting[name] = waiting[name][:size], waiting[name][size:]
            requests = list(to_gateway(taken, stages[name].host, stages[name].sign))
            burst = stages[name].burst(requests, CLIENTS, warming=WARMING_EACH * CLIENTS)
            if set(burst.report.answers) != {"200 passed"}:
                raise RuntimeError(f"{name} was answered {burst.report.answers}")
            rates[name].append(burst.rate)
            rates[f"cpu_{name}"].append(burst.cpu_ms)
    return rates


def _instructions(
    programme: Programme, staged: Arena, wanted: Sequence[Instruction], registers: bytes
) -> dict[str, Any]:
    """Admission alone, on an empty ledger and on one with years of instructions, in turn."""
    stage = staged.stage
    databases = {name: stage.postgres.create_database(name) for name in ("empty", "stored")}
    for database in databases.values():
        load_registers(stage, registers, database)
    began = time.monotonic()
    size = asyncio.run(_store(databases["stored"], programme.stored))
    stored_s = time.monotonic() - began
    prepared = admissions(wanted, registers)
    rates: dict[str, list[float]] = {name: [] for name in databases}
    cpu: dict[str, list[float]] = {name: [] for name in databases}
    for number in range(programme.rounds):
        part = prepared[2 * number * programme.admitted : 2 * (number + 1) * programme.admitted]
        halves = dict(zip(databases, (part[::2], part[1::2]), strict=True))
        for name in list(databases) if number % 2 else list(reversed(databases)):
            before = staged.costs().postgres
            run = admit_all(databases[name], halves[name], WAITERS)
            if number == 0:
                continue  # caches are cold, and pages are logged whole after the checkpoint
            rates[name].append(run.rate)
            spent = (staged.costs().postgres - before) * 1e6 / len(halves[name])
            cpu[name].append(spent + run.cpu_us)
    ratios = [stored / empty for empty, stored in zip(rates["empty"], rates["stored"], strict=True)]
    return {
        "stored_fill_s": round(stored_s, 1),
        "stored_gib": round(size / 2**30, 2),
        "admission_rate_empty": spread_of(rates["empty"]),
        "admission_rate_stored": spread_of(rates["stored"]),
        "ratio_stored_to_empty": median(ratios),
        "admission_cpu_us_empty": spread_of(cpu["empty"]),
        "admission_cpu_us_stored": spread_of(cpu["stored"]),
        "ratio_cpu_stored_to_empty": median(
            [stored / empty for empty, stored in zip(cpu["empty"], cpu["stored"], strict=True)]
        ),
    }


_FILL = """
INSERT INTO instruction (
    division, fiscal_year, voucher_type, voucher_no, amount_fen, decided_at, attempt, slot, outcome,
    agency_code, party, format, instance, signature, digest, raw, decision, limit_kinds, limit_ids,
    demand_fen)
SELECT $1, extract(year FROM now())::integer, '8202', 'S' || lpad(n::text, 12, '0'), n % 1000000,
       now() - n * interval '10 seconds', md5(n::text)::uuid, 1, 'passed', '101001', 'bench',
       'json', 'bench', 'signature', decode(md5(n::text) || md5((n + 1)::text), 'hex'),
       convert_to(repeat(md5(n::text), 8), 'UTF8'), '{}', ARRAY['indicator'], ARRAY['G'],
       ARRAY[1::bigint]
FROM generate_series($2::bigint, $3::bigint) AS n
"""


async def _store(database: str, count: int) -> int:
    """So many instructions, by SQL; the bytes that the database then takes."""
    pool = Pool(database, size=1)
    try:
        async with pool.session() as session:
            connection = session.connection
            await connection.execute("SET synchronous_commit = off")
            for start in range(0, count, STORED_STEP):
                end = min(start + STORED_STEP, count) - 1
                await connection.execute(_FILL, DIVISION, start, end)
            await connection.execute("VACUUM ANALYZE instruction")
            await connection.execute("CHECKPOINT")
            size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
        return size
    finally:
        await pool.close()


def _show(figures: dict[str, Any]) -> None:
    rows = [
        ("start-up with all registers, s", figures["start_up_s"]["median"], "< 20"),
        ("memory of a process, MiB", figures["memory_mib"], "< 600"),
        ("rate, few registers, /s", figures["rate_few"]["median"], ""),
        ("rate, many registers, /s", figures["rate_many"]["median"], ""),
        ("CPU, few registers, ms", figures["cpu_ms_few"]["median"], ""),
        ("CPU, many registers, ms", figures["cpu_ms_many"]["median"], ""),
        ("ratio many to few", figures["ratio_many_to_few"], ">= 0.9"),
        ("admission, empty ledger, /s", figures["admission_rate_empty"]["median"], ""),
        ("admission, stored instructions, /s", figures["admission_rate_stored"]["median"], ""),
        ("ratio stored to empty", figures["ratio_stored_to_empty"], ">= 0.9"),
    ]
    show("growth", ("figure", "measured", "goal"), rows)
