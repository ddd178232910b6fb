"""Growth measured: a province's registers in memory, and years of instructions in the ledger.

Registers: two stages beside each other, one with the ordinary division, one with a million accounts
and a hundred thousand indicators more; the same load in turn. Instructions: admission alone on two
databases of one server, one empty, one that holds ten million. Beside them: 64 clients on one
indicator, and how soon a version of the registers is in every process.
"""

import asyncio
import datetime as dt
import json
import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

import attrs

from adapters.postgres.session import Pool
from bench.admission import admissions
from bench.arena import Arena, arena, load_registers
from bench.beside import admitted_in_turn
from bench.heard import heard
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
    """On each of two ledgers, in so many pieces."""
    pieces: int


FULL = Programme(
    accounts=1_000_000,
    indicators=100_000,
    rounds=10,
    burst=800,
    stored=10_000_000,
    admitted=30_000,
    pieces=100,
)
QUICK = Programme(
    accounts=5_000,
    indicators=500,
    rounds=2,
    burst=60,
    stored=5_000,
    admitted=600,
    pieces=4,
)
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
    wanted = few.spread(2 * programme.admitted)
    paired = {"spread": few.spread(each), "hot": few.hot(each)}
    everything = [*waiting["few"], *wanted, *paired["spread"], *paired["hot"]]
    with arena(few, everything, gateways=2) as small:
        hearing = heard(small, programme.rounds)
        small.stage.crew.stop("gateway-1")
        began = time.monotonic()
        with arena(many, waiting["many"]) as large:
            loaded_s = time.monotonic() - began
            figures = _start_up(large)
            rates = _rates(programme, {"few": small, "many": large}, waiting)
            memory = max(map(resident_mib, large.gateways()))
        hot = _hot_beside_spread(programme, small, paired)
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
        **hot,
        **hearing,
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
    sides = admitted_in_turn(
        databases, admissions(wanted, registers), programme.pieces, WAITERS, staged.postmaster
    )
    empty, stored = sides["empty"], sides["stored"]
    ratios = [there / here for here, there in zip(empty.rates, stored.rates, strict=True)]
    return {
        "stored_fill_s": round(stored_s, 1),
        "stored_gib": round(size / 2**30, 2),
        "admission_rate_empty": spread_of(empty.rates),
        "admission_rate_stored": spread_of(stored.rates),
        "ratio_stored_to_empty": median(ratios),
        "ratio_stored_to_empty_quartiles": [
            round(value, 3) for value in statistics.quantiles(ratios, n=4)
        ],
        "admission_cpu_us_empty": round(empty.cpu_us, 1),
        "admission_cpu_us_stored": round(stored.cpu_us, 1),
        "ratio_cpu_stored_to_empty": round(stored.cpu_us / empty.cpu_us, 3),
    }


def _hot_beside_spread(
    programme: Programme, staged: Arena, drawn: dict[str, list[Instruction]]
) -> dict[str, Any]:
    """At the door: 64 clients, all on one indicator, and spread over hundreds, in turn."""
    size = programme.burst + WARMING_EACH * CLIENTS
    rates: dict[str, list[float]] = {"spread": [], "hot": []}
    for number in range(programme.rounds):
        for kind in ("spread", "hot") if number % 2 else ("hot", "spread"):
            taken, drawn[kind] = drawn[kind][:size], drawn[kind][size:]
            requests = list(to_gateway(taken, staged.host, staged.sign))
            burst = staged.burst(requests, CLIENTS, warming=WARMING_EACH * CLIENTS)
            if set(burst.report.answers) != {"200 passed"}:
                raise RuntimeError(f"{kind} was answered {burst.report.answers}")
            rates[kind].append(burst.rate)
    found = asyncio.run(_counted(staged.stage.gateway_database))
    if not found["exact"] or found["deadlocks"]:
        raise RuntimeError(f"the limits do not come to what was paid: {found}")
    ratios = [hot / spread for spread, hot in zip(rates["spread"], rates["hot"], strict=True)]
    return {
        "rate_hot_64": spread_of(rates["hot"]),
        "rate_spread_64": spread_of(rates["spread"]),
        "ratio_hot_to_spread_64": median(ratios),
        "deadlocks": found["deadlocks"],
        "limits_exact": found["exact"],
    }


_COUNTED = """
SELECT (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks,
       coalesce(bool_and(x.reserved_fen + x.posted_fen = d.fen), false) AS exact
FROM (SELECT l.kind, l.id, sum(l.fen) AS fen
      FROM instruction AS i
           LEFT JOIN settlement AS s USING (division, fiscal_year, voucher_type, voucher_no),
           unnest(i.limit_kinds, i.limit_ids, i.demand_fen) AS l (kind, id, fen)
      -- Where the machine stood still for seconds something is not forwarded, and given back.
      WHERE i.outcome = 'passed' AND s.bank IS DISTINCT FROM 'not_taken'
      GROUP BY l.kind, l.id) AS d
     LEFT JOIN limit_line AS x ON x.kind = d.kind AND x.id = d.id
"""


async def _counted(database: str) -> dict[str, Any]:
    """To the fen: what every limit holds, beside what was passed and taken demanded of it."""
    pool = Pool(database, size=1)
    try:
        async with pool.session() as session:
            await session.connection.execute("SET enable_seqscan = on")
            row = await session.connection.fetchrow(_COUNTED)
            assert row is not None
            return dict(row)
    finally:
        await pool.close()


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
        ("  its quartiles", figures["ratio_stored_to_empty_quartiles"], ""),
        ("CPU of an admission, empty, us", figures["admission_cpu_us_empty"], ""),
        ("CPU of an admission, stored, us", figures["admission_cpu_us_stored"], ""),
        ("ratio hot to spread, 64 clients", figures["ratio_hot_to_spread_64"], ">= 0.9"),
        ("a version in every process, told, ms", figures["heard_told_ms"]["median"], "< 1000"),
        ("the same, word lost, ms", figures["heard_asking_ms"]["median"], "< 1000"),
    ]
    show("growth", ("figure", "measured", "goal"), rows)
