"""How soon a version of the registers is in every process: told of it, and where the word is lost.

Two real gateway processes on one database; the delay is from the commit's answer until the later of
them says in its log that it holds the version.
"""

import asyncio
import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

from adapters.postgres.registers import applying as applying
from adapters.postgres.registers.applying import PostgresRegisters
from adapters.postgres.session import Pool
from bench.arena import Arena
from bench.results import spread_of
from deploy.demo.day import DIVISION
from gateway.domain.codes import Register
from gateway.domain.register_feed import FeedKind, Listed, RegisterFeed, pack

DEADLINE_S = 30.0
LOOK_S = 0.002


def heard(staged: Arena, versions: int) -> dict[str, Any]:
    """`heard_told_ms`, `heard_asking_ms`: until both processes hold a version."""
    logs = [staged.stage.folder / f"{name}.log" for name in staged.stage.gateway_names]
    told, asking = asyncio.run(_heard(staged.stage.gateway_database, logs, versions))
    return {"heard_told_ms": spread_of(told), "heard_asking_ms": spread_of(asking)}


async def _heard(database: str, logs: list[Path], versions: int) -> tuple[list[float], list[float]]:
    store, pool = PostgresRegisters(database), Pool(database, size=1)
    word = applying._SQL["tell"]
    found: tuple[list[float], list[float]] = ([], [])
    try:
        for number in range(2 * versions):
            applying._SQL["tell"] = word if number % 2 == 0 else "SELECT $1::text"
            version = await _apply(store, pool)
            found[number % 2].append(await _until_everywhere(logs, version) * 1000)
    finally:
        applying._SQL["tell"] = word
        await store.close()
        await pool.close()
    return found


async def _apply(store: PostgresRegisters, pool: Pool) -> int:
    (row,) = await pool.fetch("SELECT max(version) AS version FROM register_snapshot")
    version: int = row["version"] + 1
    entry = Listed(list="designated_vendors", value=f"bench {version}")
    feed = RegisterFeed(
        division=DIVISION, version=version, as_of=dt.datetime.now(dt.UTC), kind=FeedKind.DELTA,
        digest=version.to_bytes(32), spoken=frozenset({Register.LISTS}), gone={},
        puts={Register.LISTS: {f"{entry.list}/{entry.value}": pack(entry)}},
    )  # fmt: skip
    loaded = await store.apply(feed)
    assert loaded.applied
    return version


async def _until_everywhere(logs: list[Path], version: int) -> float:
    """Seconds from the answer of the commit until the last process holds it."""
    began, wanted = time.perf_counter(), set(logs)
    while wanted:
        wanted -= {log for log in wanted if _taken(log, version)}
        if time.perf_counter() - began > DEADLINE_S:
            raise RuntimeError(f"version {version} did not come to {sorted(map(str, wanted))}")
        await asyncio.sleep(LOOK_S)
    return time.perf_counter() - began


def _taken(log: Path, version: int) -> bool:
    lines = [line for line in log.read_bytes().splitlines() if b"registers.taken" in line]
    return bool(lines) and json.loads(lines[-1])["version"] == version
