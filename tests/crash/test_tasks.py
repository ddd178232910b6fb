"""A core without a horizon dies with answers that nobody heard: tasks, until it can tell."""

import asyncio

import asyncpg
import pytest

from deploy.demo.stage import Stage
from gateway.domain.decision import Outcome
from tests.crash.crowd import Crowd
from tests.crash.theatre import Theatre, theatre
from tests.crash.truth import reckon
from tests.patience import until

FORGETFUL = ("--forget-share", "0.5", "--forget-s", "25", "--delay-ms", "2")
"""Half of what it is handed takes effect, and is neither answered nor found for a while."""
TASKS_WITHIN_S = 90.0
TOLD_WITHIN_S = 120.0

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(400)]


async def test_a_core_that_is_back_ends_the_tasks_that_it_left() -> None:
    async with theatre(72, 60, habits=FORGETFUL) as stage:
        (gateway,) = stage.stage.gateway_names
        await _without_horizon(stage, gateway)
        items = stage.plan.items
        passing = [each for each in items if each.outcome is Outcome.PASS and each.after is None]
        crowd = Crowd(stage.client(), passing[:20], 72, pause_s=0.0)
        await crowd.run(asyncio.Event())
        stage.kill("bank")
        await until(lambda: _all_are_tasks(stage.stage), within_s=TASKS_WITHIN_S)
        left = await _open(stage.stage)
        await stage.heal()
        await until(lambda: _none_is_open(stage.stage), within_s=TOLD_WITHIN_S)
        truth = await reckon(stage, crowd, f"{left} tasks", again=20, never="line.broken")
        assert truth.evidence["enquiry"] == sum(left) and not truth.evidence["horizon"]
        lines = [each for each in stage.log_of(gateway).splitlines() if "payment.resolved" in each]
        assert all('"operator_task":true' in each for each in lines) and len(lines) == sum(left)


async def _without_horizon(stage: Theatre, gateway: str) -> None:
    file = stage.stage.folder / f"{gateway}.toml"
    text = file.read_text("utf-8").splitlines(keepends=True)
    stage.kill(gateway)
    file.write_text("".join(each for each in text if not each.startswith("horizon_s")), "utf-8")
    await stage.restart(gateway)


async def _all_are_tasks(stage: Stage) -> bool:
    tasks, others = await _open(stage)
    assert tasks or others, "the core answered all"
    return not others


async def _none_is_open(stage: Stage) -> bool:
    return await _open(stage) == (0, 0)


async def _open(stage: Stage) -> tuple[int, int]:
    """Operators' tasks, and what else is open."""
    connection = await asyncpg.connect(stage.gateway_database)
    try:
        row = await connection.fetchrow(
            "SELECT count(*) FILTER (WHERE operator_task) AS tasks,"
            " count(*) FILTER (WHERE NOT operator_task) AS others FROM open_payment"
        )
    finally:
        await connection.close()
    assert row is not None
    return row["tasks"], row["others"]
