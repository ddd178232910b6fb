"""The primary dies and its standby is promoted: nothing accepted is lost, nothing is sent twice.

With synchronous replication the day simply goes on. With asynchronous replication the standby lacks
what was committed last; the gateway that was told so decides nothing on it.
"""

import asyncio
import os

import pytest

from deploy.demo.day import DIVISION
from gateway.domain.decision import Outcome
from tests.crash.crowd import Crowd
from tests.crash.theatre import BANK_HABITS, theatre
from tests.crash.truth import reckon, settled
from tests.crash.witnesses import FAITHFUL, again, marked, paid, ready, send, tend

SECONDS = float(os.environ.get("FAILOVER_SECONDS", "3"))
"""Of load before the failover and after it."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]


GATEWAYS = [int(each) for each in os.environ.get("FAILOVER_GATEWAYS", "2").split(",")]


@pytest.mark.parametrize("gateways", GATEWAYS)
async def test_after_a_synchronous_failover_all_accounts_close(gateways: int) -> None:
    count = int(600 * (1 + SECONDS))
    async with theatre(
        50 + gateways, count, gateways=gateways, habits=BANK_HABITS, with_standby=True
    ) as stage:
        assert stage.standby
        await stage.standby.followed(synchronous=True)
        crowd = Crowd(stage.client(), stage.plan.items, 50)
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        await asyncio.sleep(SECONDS)
        before, began = len(crowd.answers), asyncio.get_running_loop().time()
        await stage.fail_over()
        while len(crowd.answers) < before + 60:  # noqa: ASYNC110  others send meanwhile
            await asyncio.sleep(0.05)
        outage = asyncio.get_running_loop().time() - began
        await asyncio.sleep(SECONDS)
        enough.set()
        await load
        told = f"{before} before the failover, 60 more after {outage:.1f} s"
        await reckon(
            stage, crowd, told, again=300, never="database.forgot"
        )  # a false alarm shuts it
        assert before and len(crowd.answers) > before


async def test_a_standby_without_the_last_commits_is_given_no_payment_twice() -> None:
    """Nor by the second gateway of the host, which had no part in the lost ones."""
    async with theatre(53, 120, gateways=2, habits=FAITHFUL, with_standby=True) as stage:
        assert stage.standby
        await stage.standby.followed(synchronous=False)
        passing = [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]
        before, lost, later = passing[:10], passing[10:15], passing[15:20]
        assert set(await send(stage, before)) == {200}
        await settled(stage)
        assert b"none synchronous" in tend(stage, "doctor", "--json").stdout
        await stage.standby.cut_off()
        assert set(await send(stage, lost)) == {200}
        stood = await paid(stage)
        await stage.fail_over()

        assert set(await send(stage, lost[:1], patience_s=8.0)) == {503}
        for _ in range(4):  # on connections of their own: they meet both
            assert set(await send(stage, lost + later, patience_s=0.0)) == {503}
        assert await paid(stage) == stood, "no repeat was paid"
        reasons = (await ready(stage))["reasons"]
        assert "has lost" in reasons["database"], "payments, or the log that it had sealed itself"
        logs = [stage.log_of(name) for name in stage.stage.gateway_names]
        told = [line for log in logs for line in log.splitlines() if "database.forgot" in line]
        assert any(str(lost[0].key) in line for line in told), "whoever paid it names it"
        assert any(log.count("database.forgot") == 1 for log in logs)

        stage.kill("gateway-1")
        await again(stage)
        assert "has lost" in (await ready(stage))["reasons"][f"log.{DIVISION}"], "nor a restart"
        assert set(await send(stage, lost, patience_s=0.0)) == {503}
        assert await paid(stage) == stood

        who = ("--division", DIVISION, "--told", "1", "--by", "Li", "--reason", "settled by hand")
        assert tend(stage, "mark", "set", *who).returncode == 1
        stage.kill("gateway-0")
        done = tend(stage, "mark", "set", *who, "--lower")
        assert done.returncode == 0, done.stderr
        await stage.restart("gateway-0")
        assert set(await send(stage, later)) == {200}


async def test_killed_together_with_the_primary_the_mark_still_tells() -> None:
    """Gateway and primary die in one moment, and the bureau with them: all that was in memory."""
    async with theatre(54, 120, habits=FAITHFUL, with_standby=True) as stage:
        assert stage.standby
        await stage.standby.followed(synchronous=False)
        passing = [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]
        assert set(await send(stage, passing[:10])) == {200}
        await settled(stage)
        stage.kill("bureau")
        await stage.standby.cut_off()
        assert set(await send(stage, passing[10:15])) == {200}
        await marked(stage)
        stood = await paid(stage)
        stage.kill("gateway-0")
        await stage.fail_over()
        await stage.restart("gateway-0")
        assert set(await send(stage, passing[10:15], patience_s=0.0)) == {503}
        assert await paid(stage) == stood
        assert "this host has seen" in (await ready(stage))["reasons"][f"log.{DIVISION}"]
