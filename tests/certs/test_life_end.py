"""A gateway whose record certificate has ended: it passes nothing, says so, and is mended live."""

import asyncio
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import attrs
import pytest

from adapters.postgres.embedded_binaries import (
    EmbeddedUnavailable,
    installed_binaries,
    throwaway_folder,
)
from certs.authority import RECORD_LIFE
from certs.keys import save_certificates, save_key
from certs.tls import client_context
from deploy.demo.__main__ import ask
from deploy.demo.agency import AgencyClient
from deploy.demo.day import Day, day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.officers import publish_registers
from deploy.demo.processes import Crew
from deploy.demo.stage import BANK_CODE, HOST, Plot, Stage
from gateway.domain.decision import Outcome
from gateway.domain.legal_day import legal_day
from tests.certs.outliving import ending_authority, outliving_leaf
from tests.certs.rotating import until
from tests.commands.staged import exporting, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DIVISION = "220000000"
ENDED = dt.timedelta(hours=1)


@attrs.frozen
class Scene:
    stage: Stage
    day: Day
    client: AgencyClient
    words: str
    """Why it is shut."""


def under_an_ended_authority(made: Identities, party: str, now: dt.datetime) -> tuple[Path, Path]:
    """Files of a key whose certificate lives on, while the authority over it has ended."""
    ended = ending_authority(now - ENDED)
    key, certificate = outliving_leaf(ended, party, now)
    file, key_file = made.folder / "outliving.pem", made.folder / "outliving.key"
    save_certificates(file, [certificate])
    save_certificates(made.parties / "gateway-ended.pem", [certificate])
    save_key(key_file, key, made.passphrase)
    both = [made.evidence.certificate, ended.certificate]
    save_certificates(made.evidence_authority, both)
    return file, key_file


@pytest.fixture(params=["its own", "the authority's"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """By whose end the record key's word has ended."""
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    folder = throwaway_folder()
    folder.chmod(0o711)
    now = dt.datetime.now(dt.UTC)
    plan = day(1, 120, legal_day(now), trust_domain=TRUST_DOMAIN)
    with Crew() as crew:
        at = now - RECORD_LIFE - ENDED if request.param == "its own" else now
        before = Identities.create(folder / "keys", at)
        made = attrs.evolve(before, at=now)
        sign = {party: one.document for party, one in made.signers(plan.senders).items()}
        stage = Stage(folder, crew, made, Plot(division=DIVISION))
        gateway = uri("gateway", BANK_CODE)
        if request.param == "its own":
            stage.record_key = before.record_key("gateway-ended", gateway)
            words = "the record certificate ended on"
        else:
            stage.record_key = under_an_ended_authority(made, gateway, now)
            words = "over the record certificate ended on"
        stage.start_database()
        try:
            stage.start_bank()
            stage.start_bureau()
            stage.start_gateways()
            tls = client_context(stage.client)
            client = AgencyClient(HOST, stage.ports.door, tls, sign, patience_s=0.0)
            yield Scene(stage, plan, client, words)
        finally:
            crew.stop_all()
            stage.postgres.stop()
            shutil.rmtree(folder, ignore_errors=True)


async def test_an_ended_record_key_passes_nothing_and_its_successor_is_taken_live(
    scene: Scene,
) -> None:
    stage = scene.stage
    await publish_registers(stage, scene.day.registers)
    items = [
        each for each in scene.day.items if each.outcome is Outcome.PASS and each.format == "json"
    ]
    shut = await ready(stage)
    assert not shut["ready"]
    assert scene.words in shut["reasons"][f"log.{DIVISION}"]
    refused = await scene.client.send(items[0])
    assert refused.status == 503 and scene.words.encode() in refused.body
    # The successor; the bureau was handed its certificate (the stage has one folder of parties).
    kept = stage.folder / "before.pem"
    kept.write_bytes(stage.record_key[0].read_bytes())
    fresh = stage.identities.record_key("gateway-next", uri("gateway", BANK_CODE))
    for new, place in zip(fresh, stage.record_key, strict=True):
        new.replace(place)

    async def open_again() -> bool:
        return bool((await ready(stage))["ready"])

    await until(open_again, "the gateway does not open with the successor")
    answer = await scene.client.send(items[0])
    assert answer.status == 200 and json.loads(answer.body)["outcome"] == "passed"

    async def told() -> bool:
        return bool((await ask(stage, f"http://{HOST}:{stage.ports.ops}/backlog"))["done"])

    await until(told, "the bureau does not take what the successor signs")
    await scene.client.aclose()
    folder = stage.folder / "exported"
    made = await asyncio.to_thread(run, stage, "export", "day", folder, *exporting(stage))
    assert made.code == 0, made
    keys = ["--bank", str(kept), "--bank", str(stage.record_key[0])]
    keys += ["--bureau", str(stage.witness[0])]
    said = await asyncio.to_thread(run, stage, "verify", "day", str(folder), *keys)
    assert said.code == 0, said


async def ready(stage: Stage) -> dict:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{HOST}:{stage.ports.ops}/readyz") as answer,
    ):
        return json.loads(await answer.read())
