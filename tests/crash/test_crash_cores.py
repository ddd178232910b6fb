"""The same storm over the two other kinds of core, which babble as well: all accounts close.

`CRASH_SEEDS` and `CRASH_SECONDS` as in test_crash_seeds.
"""

import os
import sys
from collections import Counter

import pytest

from tests.crash.nemesis import Nemesis
from tests.crash.storm import storm
from tests.crash.theatre import BANK_HABITS, theatre
from tests.crash.truth import violations

SECONDS = float(os.environ.get("CRASH_SECONDS", "5"))
SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEEDS", "1").split(",")]
OF_THE_DAY_PER_S = 900
"""Most of a day is in other formats."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(SECONDS * 4 + 600)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("wire", ["voucher_store", "iso20022"])
async def test_whatever_a_core_says_in_its_own_tongue_all_accounts_close(
    wire: str, seed: int
) -> None:
    habits = (*BANK_HABITS, "--babble-share", "0.1")
    count = int(SECONDS * OF_THE_DAY_PER_S)
    async with theatre(seed, count, habits=habits, wire=wire) as stage:
        nemesis = Nemesis(stage, seed)
        stormed = await storm(stage, seed, nemesis.run(SECONDS))
        crowd, truth = stormed.crowd, stormed.truth
        fates = Counter(str(row["fate"]) for row in truth.bank.values())
        sys.stdout.write(
            f"\n{wire}, seed {seed}: {len(crowd.answers)} of {len(crowd.items)} instructions in"
            f" {stormed.seconds:.1f} s, {crowd.client.retries} sent again, kills {stage.kills},"
            f" settled {dict(truth.evidence)}, fates {dict(fates)}\n  {'; '.join(nemesis.deeds)}\n"
        )
        assert violations(truth, crowd) == []
        assert {"babble", "late", "reject"} <= fates.keys()
        assert truth.evidence["enquiry"] and truth.evidence["answer"]
        assert truth.found_late, "no payment that was taken was ever answered with not found"
        assert "line.broken" not in "".join(map(stage.log_of, stage.stage.gateway_names))
