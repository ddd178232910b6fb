"""Gateways' clocks are set under load, forwards and back, of all and of one: accounts close."""

import asyncio
import os
import sys
from collections import Counter
from random import Random

import pytest

from tests.crash.crowd import Crowd
from tests.crash.nemesis import Nemesis
from tests.crash.storm import storm
from tests.crash.theatre import BANK_HABITS, Theatre, theatre
from tests.crash.truth import reckon, violations

STAYS_S = float(os.environ.get("CLOCK_SECONDS", "1.5"))
"""How long the clock stays where it was set, and how long it is right again."""
STORM_S = float(os.environ.get("CRASH_SECONDS", "15"))
SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEEDS", "74").split(",")]
HOUR_S = 3600
JUMPS_S = (3 * HOUR_S, -3 * HOUR_S, 20 * HOUR_S, -20 * HOUR_S)
BORNE_S = (100, -100)
"""Wrong by less than is noticed (decision 0107)."""
RIGHT_SHARE = 0.3
INSTRUCTIONS_PER_S = 250

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(STORM_S * 4 + 600)]


async def test_a_clock_that_jumps_by_hours_makes_nothing_paid_twice_or_lost() -> None:
    count = int(400 * (3 + len(JUMPS_S) * 2 * STAYS_S / 3))
    async with theatre(60, count, habits=BANK_HABITS, with_clocks=True) as stage:
        [(gateway, clock)] = stage.clocks.items()
        crowd = Crowd(stage.client(patience_s=60.0), stage.plan.items, 60)
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        for seconds in JUMPS_S:
            await asyncio.sleep(STAYS_S)
            clock.move(seconds)
            await asyncio.sleep(STAYS_S)
            clock.move(0)
        await asyncio.sleep(STAYS_S)
        enough.set()
        await load
        statuses = Counter(answer.status for answer in crowd.answers.values())
        told = f"statuses {dict(statuses)}"
        truth = await reckon(stage, crowd, told, again=200, never="line.broken")
        assert "too late to be forwarded" in stage.log_of(gateway) or truth.evidence["horizon"]
        assert "clock.apart" in stage.log_of(gateway) and "clock.agrees" in stage.log_of(gateway)


@pytest.mark.parametrize("seed", SEEDS)
async def test_two_gateways_of_which_one_has_the_wrong_time_while_all_are_killed(seed: int) -> None:
    """By hours, which is noticed, and by less than two minutes, which is not."""
    async with theatre(
        seed, int(STORM_S * INSTRUCTIONS_PER_S), gateways=2, with_clocks=True
    ) as stage:
        nemesis = Nemesis(stage, seed)
        wrong: list[str] = []

        async def trouble() -> None:
            setting = asyncio.create_task(_set_one_after_another(stage, seed, wrong))
            await nemesis.run(STORM_S)
            setting.cancel()
            await asyncio.wait([setting])
            for clock in stage.clocks.values():
                clock.move(0)

        stormed = await storm(stage, seed, trouble())
        truth = stormed.truth
        sys.stdout.write(
            f"\nseed {seed}: {len(stormed.crowd.answers)} instructions,"
            f" settled {dict(truth.evidence)}\n  {'; '.join(nemesis.deeds)}\n  {'; '.join(wrong)}\n"
        )
        assert violations(truth, stormed.crowd) == []
        assert truth.evidence["enquiry"] and truth.evidence["horizon"] and truth.evidence["answer"]
        logs = "".join(map(stage.log_of, stage.stage.gateway_names))
        assert "clock.apart" in logs and "line.broken" not in logs


async def _set_one_after_another(stage: Theatre, seed: int, wrong: list[str]) -> None:
    """Never both at once by hours: then nobody would serve."""
    rng = Random(f"clocks/{seed}")
    while True:
        name = rng.choice(stage.stage.gateway_names)
        for each, clock in stage.clocks.items():
            by_hours = each == name and rng.random() > RIGHT_SHARE
            seconds = rng.choice(JUMPS_S if by_hours else (*BORNE_S, 0))
            clock.move(seconds)
            wrong.append(f"{each} {seconds:+} s")
        await asyncio.sleep(rng.uniform(0.5, 2 * STAYS_S))
