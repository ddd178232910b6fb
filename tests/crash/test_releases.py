"""Releases on the real stage: two persons, one payment, whoever is killed in between."""

import asyncio
import os
import sys
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest

from certs.keys import load_signer
from certs.tls import client_context
from deploy.demo.reading import heard_in
from deploy.demo.stage import HOST
from tests.crash.chancery import Chancery, held_ones
from tests.crash.crowd import Crowd
from tests.crash.test_crash_moments import FAITHFUL, SLOW, _close
from tests.crash.theatre import POSTGRES, Theatre, theatre
from tests.crash.truth import settled, truth_of

SEEDS = [int(seed) for seed in os.environ.get("RELEASE_SEEDS", "32").split(",")]
"""RELEASE_SEEDS=1,2,3 for more; odd ones run two gateways."""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]


async def test_a_held_instruction_is_released_by_two_persons_and_reaches_the_bank_once() -> None:
    async with theatre(31, 60, habits=FAITHFUL) as stage:
        crowd, chancery = Crowd(stage.client(), stage.plan.items, 31), Chancery(stage)
        keys = await held_ones(stage, crowd, 3)
        assert set(await chancery.told_of(3)) >= set(keys)
        await chancery.decide(keys[0])
        await chancery.decide(keys[1], "refuse")
        with pytest.raises(AssertionError, match="one"):
            await chancery.decide(keys[2], approver=" 李经 办")
        await _ended(stage, keys[:2])
        await settled(stage)
        assert keys[2] in await _listed(stage) and keys[0] not in await _listed(stage)
        told = [await _sent_back(stage, keys[0], amount) for amount in ("0.01", "0.01", None)]
        assert [status for status, _ in told] == [200, 200, 409]
        assert [fields.get("result") for _, fields in told[:2]] == ["refunded", "repeated"]
        assert told[2][1]["code"] == "refund_exceeds"
        truth = await truth_of(stage)
        assert set(truth.back.values()) == {1}, "one fen came back to each of its limits, once"
        assert [truth.ledger[key]["how"] for key in keys] == ["released", "refused", None]
        assert {key for key in keys if key in truth.bank} == {keys[0]}
        assert truth.bank[keys[0]]["submitted"] == 1
        assert truth.differing == []
        await _close(stage, crowd)
        again = {
            str(crowd.items[place].key): heard_in(crowd.items[place], answer)
            for place, answer in crowd.again.items()
        }
        assert again[keys[0]].outcome == "passed"


@pytest.mark.parametrize("seed", SEEDS)
async def test_whoever_is_killed_during_a_release_it_is_paid_at_most_once(seed: int) -> None:
    """The bank answers slowly, so that the kills fall before, in and after the handing over; its
    books, the ledger, the bureau's copy and the answers are compared afterwards."""
    rng = Random(f"releases/{seed}")
    async with theatre(seed, 60, gateways=1 + seed % 2, habits=SLOW) as stage:
        crowd, chancery = Crowd(stage.client(), stage.plan.items, seed), Chancery(stage)
        killed = ["gateway-0", POSTGRES, "gateway-0", rng.choice(("bureau", "bank"))]
        keys = await held_ones(stage, crowd, len(killed))
        await chancery.told_of(len(keys))
        rng.shuffle(killed)
        for key, name in zip(keys, killed, strict=True):
            await chancery.decide(key)
            await asyncio.sleep(rng.uniform(0, 1.2))
            stage.kill(name)
            await stage.heal()
        await _ended(stage, keys)
        await settled(stage)
        truth = await truth_of(stage)
        assert {truth.ledger[key]["how"] for key in keys} == {"released"}
        assert truth.differing == []
        await _close(stage, crowd)


async def _listed(stage: Theatre) -> str:
    """What the gateway's own command lists as held."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "holds", "list", "--settings",
        str(stage.stage.folder / "gateway-0.toml"), "--json",
        env=stage.stage.environment(stage.stage.gateway_environment),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def _sent_back(
    stage: Theatre, payment: str, amount: str | None
) -> tuple[int, dict[str, Any]]:
    """The bank hands in money that came back; None: more than anybody was ever paid."""
    place = stage.stage
    own = load_signer(*place.bank_record, place.identities.passphrase)
    number = "R1" if amount else "R2"
    fields = {
        "amount": amount or "999999999999.00", "payment": payment, "reason": "户名不符",
        "reference": f"B-{number}", "refund": f"{payment[:9]}/2026/2203/{number}",
    }  # fmt: skip
    body = orjson.dumps(fields)
    connector = aiohttp.TCPConnector(ssl=client_context(place.bank_tls))
    headers = {"Signature-JWS": own.document(body), "Content-Type": "application/json"}
    url = f"https://{HOST}:{place.ports.door}/v1/bank/refunds"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status, orjson.loads(await answer.read())


async def _ended(stage: Theatre, keys: list[str]) -> None:
    async with asyncio.timeout(150):
        while True:
            truth = await truth_of(stage)
            if all(truth.ledger[key]["how"] for key in keys):
                return
            await asyncio.sleep(0.2)
