"""A mixed day while every program is killed and stopped: afterwards all accounts close.

`CRASH_SEEDS=1,2,3` and `CRASH_SECONDS=60` run more and longer. Odd seeds have two gateways.
"""

import os
import sys

import pytest

from tests.crash.nemesis import Nemesis
from tests.crash.storm import storm
from tests.crash.theatre import theatre
from tests.crash.truth import violations

SECONDS = float(os.environ.get("CRASH_SECONDS", "15"))
SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEEDS", "1,2").split(",")]
INSTRUCTIONS_PER_S = 250

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(SECONDS * 4 + 600)]


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_killed_nothing_is_paid_twice_and_all_accounts_close(seed: int) -> None:
    count = int(SECONDS * INSTRUCTIONS_PER_S)
    async with theatre(seed, count, gateways=1 + seed % 2) as stage:
        nemesis = Nemesis(stage, seed)
        stormed = await storm(stage, seed, nemesis.run(SECONDS))
        crowd, truth = stormed.crowd, stormed.truth
        sys.stdout.write(
            f"\nseed {seed}: {len(crowd.answers)} instructions in {stormed.seconds:.1f} s,"
            f" {crowd.client.retries} sent again, kills {stage.kills}, stops {stage.stops},"
            f" settled {dict(truth.evidence)}\n  {'; '.join(nemesis.deeds)}\n"
        )
        assert violations(truth, crowd) == []
        # The boundaries were hit, or the run proves nothing.
        assert len(crowd.answers) < count, "the day was over before the storm was"
        assert all(stage.kills.get(name) for name in stage.programs)
        assert truth.evidence["enquiry"] and truth.evidence["horizon"] and truth.evidence["answer"]
        assert truth.found_late, "no payment that was taken was ever answered with not found"
        assert crowd.client.retries
        assert {row["outcome"] for row in truth.ledger.values()} >= {"passed", "blocked"}
        assert "line.broken" not in "".join(map(stage.log_of, stage.stage.gateway_names))
