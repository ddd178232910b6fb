"""PostgreSQL's disk is full, or fails: what is not on it does not pass; then all accounts close."""

import asyncio
import contextlib
from collections.abc import Iterator

import asyncpg
import pytest

from deploy.demo.day import DayItem
from tests.crash.crowd import Crowd
from tests.crash.theatre import POSTGRES, Ground, Theatre, theatre
from tests.crash.truth import reckon

ROUNDS = {Ground.SMALL: 3, Ground.SMALL_WAL: 2, Ground.FAILING: 2}
UNTIL_REFUSED_S = 60.0
FULL_S = 1.5
"""For so long after the first refusal; others try meanwhile."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]


@pytest.mark.parametrize("ground", [*ROUNDS], ids=[each.name.lower() for each in ROUNDS])
async def test_a_full_disk_refuses_everybody_and_nothing_is_lost_or_paid_twice(
    ground: Ground,
) -> None:
    """Or one that says at fsync that it lost what it was given."""
    async with theatre(20, 6000, on=ground) as stage:
        disk = stage.disk
        assert disk
        half = len(stage.plan.items) // 2
        crowd = Crowd(stage.client(), stage.plan.items[:half], 20)
        probes = iter([item for item in stage.plan.items[half:] if item.after is None])
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        ended = 0
        for _ in range(ROUNDS[ground]):
            await asyncio.sleep(1.5)
            disk.fill()
            if ground is Ground.SMALL_WAL:
                await _use_up(stage)
            tried = await _until_refused(stage, probes)
            await asyncio.sleep(FULL_S)
            at_the_bank = {row["key"] for row in (await stage.journal())["effects"]}
            assert tried not in at_the_bank, "refused, and paid all the same"
            disk.free()
            ended += await (
                _restart(stage) if ground is Ground.FAILING else stage.revive_database()
            )
        enough.set()
        await load
        told = f"PostgreSQL ended {ended} times"
        await reckon(stage, crowd, told, again=200, never="line.broken")
        assert crowd.client.retries, "nobody noticed that the disk was full"


async def _restart(stage: Theatre) -> bool:
    """After a failed fsync the server starts anew and fails again in its recovery; then version 18
    stays "in recovery mode" for ever, also once the disk is sound. An operator ends it."""
    if not await stage.revive_database():
        stage.kill(POSTGRES)
        await stage.restart(POSTGRES)
    return True


async def _use_up(stage: Theatre) -> None:
    """What is there of the log already: the next piece needs room on the disk."""
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection = await asyncpg.connect(stage.stage.gateway_database)
        for _ in range(16):
            await connection.execute("SELECT pg_logical_emit_message(true, '', '')")
            await connection.execute("SELECT pg_switch_wal()")


async def _until_refused(stage: Theatre, probes: Iterator[DayItem]) -> str:
    """The key of an instruction that was answered 503."""
    impatient = stage.client(connections=1, patience_s=0.0)
    try:
        async with asyncio.timeout(UNTIL_REFUSED_S):
            for item in probes:
                if (await impatient.send(item)).status == 503:
                    return str(item.key)
        raise AssertionError("the day is over, and nobody was refused")
    finally:
        await impatient.aclose()
