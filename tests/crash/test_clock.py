"""The gateway's wall clock is set by hours under load, forwards and back: the accounts close."""

import asyncio
import os
from collections import Counter

import pytest

from tests.crash.crowd import Crowd
from tests.crash.theatre import BANK_HABITS, theatre
from tests.crash.truth import reckon

STAYS_S = float(os.environ.get("CLOCK_SECONDS", "1.5"))
"""How long the clock stays where it was set, and how long it is right again."""
HOUR_S = 3600
JUMPS_S = (3 * HOUR_S, -3 * HOUR_S, 20 * HOUR_S, -20 * HOUR_S)

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]


async def test_a_clock_that_jumps_by_hours_makes_nothing_paid_twice_or_lost() -> None:
    count = int(400 * (3 + len(JUMPS_S) * 2 * STAYS_S / 3))
    async with theatre(60, count, habits=BANK_HABITS, with_clock=True) as stage:
        assert stage.clock
        crowd = Crowd(stage.client(patience_s=60.0), stage.plan.items, 60)
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        for seconds in JUMPS_S:
            await asyncio.sleep(STAYS_S)
            stage.clock.move(seconds)
            await asyncio.sleep(STAYS_S)
            stage.clock.move(0)
        await asyncio.sleep(STAYS_S)
        enough.set()
        await load
        statuses = Counter(answer.status for answer in crowd.answers.values())
        told = f"statuses {dict(statuses)}"
        truth = await reckon(stage, crowd, told, again=200, never="line.broken")
        (gateway,) = stage.stage.gateway_names
        assert "too late to be forwarded" in stage.log_of(gateway) or truth.evidence["horizon"]
        assert "clock.apart" in stage.log_of(gateway) and "clock.agrees" in stage.log_of(gateway)
