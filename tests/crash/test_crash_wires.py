"""A mixed day while the wires between the programs are cut, stalled and forget: all accounts close.

`WIRE_SEEDS=1,2,3` and `WIRE_SECONDS=60` run more and longer. Odd seeds have two gateways.
"""

import os
import sys

import pytest

from tests.crash.storm import storm
from tests.crash.theatre import theatre
from tests.crash.truth import violations
from tests.crash.weather import DEEDS, Weather
from tests.crash.wires import Way, Wires

SECONDS = float(os.environ.get("WIRE_SECONDS", "20"))
SEEDS = [int(seed) for seed in os.environ.get("WIRE_SEEDS", "1").split(",")]
INSTRUCTIONS_PER_S = 400

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(SECONDS * 4 + 600)]


@pytest.mark.parametrize("seed", SEEDS)
async def test_wherever_a_wire_breaks_nothing_is_paid_twice_and_all_accounts_close(
    seed: int,
) -> None:
    count = int(SECONDS * INSTRUCTIONS_PER_S)
    with Wires() as wires:
        async with theatre(seed, count, gateways=1 + seed % 2, wires=wires) as stage:
            weather = Weather(wires, seed)
            stormed = await storm(stage, seed, weather.run(SECONDS))
            crowd, truth = stormed.crowd, stormed.truth
            lost = {name: dict(wire.lost) for name, wire in wires.by_name.items()}
            sys.stdout.write(
                f"\nseed {seed}: {len(crowd.answers)} instructions in {stormed.seconds:.1f} s,"
                f" {crowd.client.retries} sent again, settled {dict(truth.evidence)},"
                f" severed { {name: wire.severed for name, wire in wires.by_name.items()} },"
                f" lost {lost}\n  {'; '.join(weather.deeds)}\n"
            )
            assert violations(truth, crowd) == []
            # The boundaries were hit, or the run proves nothing.
            assert len(crowd.answers) < count, "the day was over before the storm was"
            assert len(weather.deeds) >= len(wires.by_name) * len(DEEDS)
            assert all(wire.severed for wire in wires.by_name.values())
            assert all(lost[name][way] for name in ("agencies", "bank", "database") for way in Way)
            assert truth.evidence["enquiry"] and truth.evidence["answer"]
            assert crowd.client.retries
            assert {row["outcome"] for row in truth.ledger.values()} >= {"passed", "blocked"}
            for name in stage.stage.gateway_names:
                assert stage.stage.crew.running(name), stage.log_tail(name)
                assert "line.broken" not in stage.log_of(name)
