"""Three database nodes under Patroni (deploy/patroni): whichever dies, the day goes on."""

import asyncio
import os

import pytest

from tests.crash.crowd import Crowd
from tests.crash.patroni import ETCD, NODES, Cluster, need_patroni
from tests.crash.theatre import BANK_HABITS, theatre
from tests.crash.truth import reckon

SECONDS = float(os.environ.get("PATRONI_SECONDS", "3"))
"""Of load between one blow and the next."""
PAUSE_S = 0.6
"""Of a clerk between two instructions: the day lasts through two failovers."""
ETCD_AWAY_S = 25.0
"""Longer than `ttl`: without failsafe mode the primary would have stepped down."""
COUNT = 6_000
TOLD_BEFORE_S = 4.0
"""After a primary's death: what is told until then had been decided on it."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


async def test_nothing_is_lost_or_paid_twice_whichever_node_dies() -> None:
    need_patroni()
    async with theatre(57, COUNT, gateways=2, habits=BANK_HABITS, with_cluster=True) as stage:
        cluster = stage.cluster
        assert cluster
        first = await cluster.stand(2)
        crowd = Crowd(stage.client(), stage.plan.items, 57, pause_s=PAUSE_S)
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        await asyncio.sleep(SECONDS)

        outages = [await _outage(cluster, first, crowd)]
        cluster.revive(first)
        second = await cluster.stand(2)

        stage.stage.crew.kill(ETCD)
        await asyncio.sleep(ETCD_AWAY_S)
        before = len(crowd.answers)
        await asyncio.sleep(SECONDS)
        assert len(crowd.answers) > before, "without etcd the primary has stepped down"
        stage.stage.crew.relaunch(ETCD)
        assert await cluster.stand(2) == second

        outages.append(await _outage(cluster, second, crowd))
        third = await cluster.stand(1)
        (last,) = set(NODES) - {second, third}
        cluster.kill(last)
        await asyncio.sleep(TOLD_BEFORE_S)
        before = len(crowd.answers)
        await asyncio.sleep(SECONDS)
        assert len(crowd.answers) == before, "something was answered that one disk alone holds"
        cluster.revive(last)
        await _answers(crowd, before + 60)
        enough.set()
        await load
        after = ", ".join(f"{seconds:.1f} s" for seconds in outages)
        told = f"primaries {first}, {second}, {third}, answers again after {after}"
        await reckon(
            stage, crowd, told, again=300, never="database.forgot"
        )  # a false alarm shuts it


async def test_a_planned_move_and_a_server_that_crashes_lose_nothing_either() -> None:
    """By what the page has an operator type (runbooks/database-failover.md)."""
    need_patroni()
    async with theatre(58, COUNT, gateways=2, habits=BANK_HABITS, with_cluster=True) as stage:
        cluster = stage.cluster
        assert cluster
        first = await cluster.stand(2)
        crowd = Crowd(stage.client(), stage.plan.items, 58, pause_s=PAUSE_S)
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        await asyncio.sleep(SECONDS)

        # what `switchover` asks, answered: who gives it up, to whom, and yes
        other = next(name for name in NODES if name != first)
        asked = ("switchover", "--leader", first, "--candidate", other, "--force")
        await asyncio.to_thread(cluster.control, first, *asked)
        moved = await _heard(crowd)
        assert await cluster.stand(2) == other
        listed = await asyncio.to_thread(cluster.control, first, "list")
        assert all(name in listed for name in NODES) and listed.count("Quorum Standby") == 2

        cluster.crash_server(other)
        crashed = await _heard(crowd)
        third = await cluster.stand(2)
        enough.set()
        await load
        told = f"primaries {first}, {other}, {third}, answers again after {moved:.1f} s"
        await reckon(stage, crowd, f"{told}, {crashed:.1f} s", again=300, never="database.forgot")


async def _heard(crowd: Crowd) -> float:
    """Seconds until sixty more were answered."""
    began = asyncio.get_running_loop().time()
    await _answers(crowd, len(crowd.answers) + 60)
    return asyncio.get_running_loop().time() - began


async def _outage(cluster: Cluster, primary: str, crowd: Crowd) -> float:
    """Kill it; seconds until it was heard again that something was decided."""
    began = asyncio.get_running_loop().time()
    cluster.kill(primary)
    await asyncio.sleep(TOLD_BEFORE_S)
    before = len(crowd.answers)
    await _answers(crowd, before + 1)
    seconds = asyncio.get_running_loop().time() - began
    await _answers(crowd, before + 60)
    return seconds


async def _answers(crowd: Crowd, count: int) -> None:
    while len(crowd.answers) < count:  # noqa: ASYNC110  others send meanwhile
        await asyncio.sleep(0.05)
