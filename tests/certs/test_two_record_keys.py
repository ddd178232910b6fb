"""Two gateway hosts with a record key each, over one database: the log stays one and proves itself.

The office fails over from one to the other; each one's key is renewed in its turn.
"""

import asyncio
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import attrs
import pytest

from certs.tls import client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.day import Day, DayItem, day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.officers import publish_registers
from deploy.demo.stage import BANK_CODE, HOST, Plot, Stage
from gateway.domain.decision import Outcome
from gateway.domain.legal_day import legal_day
from tests.certs.rotating import new_record_key, said
from tests.certs.test_life_end import logged, told
from tests.commands.staged import exporting, run
from tests.patience import until
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DIVISION = "220000000"
FIRST, SECOND = "gateway-0", "gateway-1"


class TwoHosts(Stage):
    """Each gateway has a record key of its own; both certificates stand among the parties."""

    other_key: tuple[Path, Path]

    def _gateway_settings(self, number: int) -> str:
        text = super()._gateway_settings(number)
        if number == 0:
            return text
        for mine, other in zip(self.record_key, self.other_key, strict=True):
            text = text.replace(str(mine), str(other))
        return text.replace("log.mark", "other.mark")


@attrs.frozen
class Scene:
    stage: TwoHosts
    day: Day
    client: AgencyClient


@pytest.fixture
def scene() -> Iterator[Scene]:
    now = dt.datetime.now(dt.UTC)
    plan = day(1, 120, legal_day(now), trust_domain=TRUST_DOMAIN)
    with own_place() as (folder, crew):
        made = Identities.create(folder / "keys", now)
        sign = {party: one.document for party, one in made.signers(plan.senders).items()}
        stage = TwoHosts(folder, crew, made, Plot(division=DIVISION, gateways=2))
        stage.other_key = made.record_key("gateway-other", uri("gateway", BANK_CODE))
        with raised(stage):
            tls = client_context(stage.client)
            yield Scene(stage, plan, AgencyClient(HOST, stage.ports.door, tls, sign))


async def test_each_host_signs_with_its_own_key_and_the_log_proves_itself_across_a_failover(
    scene: Scene,
) -> None:
    stage = scene.stage
    await publish_registers(stage, scene.day.registers)
    items = iter(
        [each for each in scene.day.items if each.outcome is Outcome.PASS and each.format == "json"]
    )
    await passes(scene, next(items))
    await until(partial(told, stage), "the first host's records are not taken")
    banks = [kept(stage, "first", stage.record_key), kept(stage, "second", stage.other_key)]
    # The office is the first host's; the second renews its own key all the same.
    banks.append(await renewed(stage, SECOND, stage.other_key))
    stage.crew.kill(FIRST)
    await passes(scene, next(items))
    await until(said(stage, SECOND, "office.taken"), "the second host does not take the office")
    stage.crew.restart(FIRST)
    await until(partial(told, stage), "the second host's records are not taken")
    assert logged(stage, "delivery.refused") == 0
    banks.append(await renewed(stage, FIRST, stage.record_key))
    stage.crew.kill(SECOND)
    await passes(scene, next(items))
    await until(partial(told, stage), "nothing is taken under the first host's new key")
    assert logged(stage, "delivery.refused") == 0
    await scene.client.aclose()
    alone = stage.folder / "alone"
    alone.mkdir()
    for file in stage.identities.parties.glob("*.pem"):
        if not file.name.startswith("gateway"):
            shutil.copy(file, alone)
    settings = stage.folder / f"{SECOND}.toml"
    text = settings.read_text("utf-8").replace(str(stage.identities.parties), str(alone))
    settings.write_text(text, "utf-8")
    checked = await asyncio.to_thread(run, stage, "serve", "--check", "--settings", settings)
    assert checked.code != 0 and "no record key in parties.folder" in checked.said, checked
    folder = stage.folder / "exported"
    made = await asyncio.to_thread(run, stage, "export", "day", folder, *exporting(stage))
    assert made.code == 0, made
    keys = [word for bank in banks for word in ("--bank", str(bank))]
    keys += ["--bureau", str(stage.witness[0])]
    proof = await asyncio.to_thread(run, stage, "verify", "day", str(folder), *keys)
    assert proof.code == 0, proof


async def passes(scene: Scene, item: DayItem) -> None:
    answer = await scene.client.send(item)
    assert answer.status == 200 and json.loads(answer.body)["outcome"] == "passed", answer


def kept(stage: Stage, name: str, files: tuple[Path, Path]) -> Path:
    """A copy of a certificate, for whoever verifies what its key has signed."""
    copy = stage.folder / f"{name}.pem"
    copy.write_bytes(files[0].read_bytes())
    return copy


async def renewed(stage: Stage, name: str, files: tuple[Path, Path]) -> Path:
    made, party = stage.identities, uri("gateway", BANK_CODE)
    seen = stage.log(name).read_text("utf-8").count("record_key.in_use")
    certificate = new_record_key(files, made.evidence, party, made.passphrase, made.parties)

    async def in_use() -> bool:
        return stage.log(name).read_text("utf-8").count("record_key.in_use") > seen

    await until(in_use, f"the new key of {name} does not come into use")
    return certificate
