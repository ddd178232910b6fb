"""PostgreSQL's disk is full: what is not on it does not pass; afterwards all accounts close."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from deploy.demo.day import DayItem
from tests.crash.crowd import Crowd
from tests.crash.theatre import Theatre, theatre
from tests.crash.truth import settled, truth_of, violations

ROUNDS = 3
UNTIL_REFUSED_S = 30.0
FULL_S = 1.5
"""For so long after the first refusal; others try meanwhile."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(240)]


async def test_a_full_disk_refuses_everybody_and_nothing_is_lost_or_paid_twice() -> None:
    async with theatre(20, 6000, on_small_disk=True) as stage:
        disk = stage.disk
        assert disk
        half = len(stage.plan.items) // 2
        crowd = Crowd(stage.client(), stage.plan.items[:half], 20)
        probes = iter([item for item in stage.plan.items[half:] if item.after is None])
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        ended = 0
        for _ in range(ROUNDS):
            await asyncio.sleep(1.5)
            disk.fill()
            tried = await _until_refused(stage, probes)
            await asyncio.sleep(FULL_S)
            at_the_bank = {row["key"] for row in (await stage.journal())["effects"]}
            assert tried not in at_the_bank, "refused, and paid all the same"
            disk.free()
            ended += await stage.revive_database()
        enough.set()
        await load
        await settled(stage)
        await crowd.ask_again(200)
        await settled(stage)
        await crowd.client.aclose()
        truth = await truth_of(stage)
        sys.stdout.write(
            f"\n{len(crowd.answers)} instructions, {crowd.client.retries} sent again,"
            f" PostgreSQL ended {ended} times, settled {dict(truth.evidence)}\n"
        )
        assert violations(truth, crowd) == []
        assert crowd.client.retries, "nobody noticed that the disk was full"
        (gateway,) = stage.stage.gateway_names
        assert stage.stage.crew.running(gateway), stage.log_tail(gateway)
        assert "line.broken" not in stage.log_of(gateway)


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
