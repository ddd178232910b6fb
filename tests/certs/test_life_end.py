"""A gateway whose record certificate has ended: it passes nothing, says so, and is mended live."""

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aiohttp
import attrs
import pytest

from adapters.postgres.certificates.cases import PostgresCertificates
from certs.authority import RECORD_LIFE
from certs.keys import load_certificates, save_certificates, save_key
from certs.revocation import issuer_of, make_list
from certs.signing.signer import thumbprint_of
from certs.tls import client_context
from deploy.demo.__main__ import ask
from deploy.demo.agency import AgencyClient
from deploy.demo.day import Day, DayItem, day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.officers import publish_registers
from deploy.demo.stage import BANK_CODE, HOST, Plot, Stage
from gateway.domain.certificates import Reason, Revocation
from gateway.domain.decision import Outcome
from gateway.domain.legal_day import legal_day
from tests.certs.outliving import ending_authority, outliving_leaf
from tests.commands.staged import exporting, run
from tests.patience import until
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DIVISION = "220000000"
ENDED = dt.timedelta(hours=1)


class EvidenceListed(Stage):
    """Gateway and bureau keep the evidence authority's revocation list."""

    def list(self, ended: list[Revocation], number: int) -> None:
        draft = self.folder / "evidence.draft"
        now = dt.datetime.now(dt.UTC)
        draft.write_bytes(make_list(self.identities.evidence, ended, number, now).pem)
        draft.replace(self.folder / "evidence.crl")

    def _gateway_settings(self, number: int) -> str:
        return self._listed(super()._gateway_settings(number), "[parties]")

    def _bureau_settings(self) -> str:
        return self._listed(super()._bureau_settings(), "[trust]")

    def _listed(self, settings: str, table: str) -> str:
        if not (self.folder / "evidence.crl").exists():
            self.list([], 1)
        file = self.folder / "evidence.crl"
        return settings.replace(table, f'{table}\nrevocations = "{file}"', 1)


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


@pytest.fixture(params=["its own end", "the authority's end", "revocation", "a list"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """By what the record key's word has ended."""
    now = dt.datetime.now(dt.UTC)
    plan = day(1, 120, legal_day(now), trust_domain=TRUST_DOMAIN)
    with own_place() as (folder, crew):
        at = now - RECORD_LIFE - ENDED if request.param == "its own end" else now
        before = Identities.create(folder / "keys", at)
        made = attrs.evolve(before, at=now)
        sign = {party: one.document for party, one in made.signers(plan.senders).items()}
        kind = EvidenceListed if request.param == "a list" else Stage
        stage = kind(folder, crew, made, Plot(division=DIVISION))
        gateway = uri("gateway", BANK_CODE)
        if request.param == "its own end":
            stage.record_key = before.record_key("gateway-ended", gateway)
            words = "the record certificate ended on"
        elif request.param in ("revocation", "a list"):
            words = "is revoked: replace it"
        else:
            stage.record_key = under_an_ended_authority(made, gateway, now)
            words = "over the record certificate ended on"
        with raised(stage):
            tls = client_context(stage.client)
            client = AgencyClient(HOST, stage.ports.door, tls, sign, patience_s=0.0)
            yield Scene(stage, plan, client, words)


async def test_an_ended_record_key_passes_nothing_and_its_successor_is_taken_live(
    scene: Scene,
) -> None:
    stage = scene.stage
    await publish_registers(stage, scene.day.registers)
    items = [
        each for each in scene.day.items if each.outcome is Outcome.PASS and each.format == "json"
    ]
    if "revoked" in scene.words:
        await revoke_while_it_runs(scene, items.pop())
    shut = await ready(stage)
    assert not shut["ready"]
    assert scene.words in shut["reasons"][f"log.{DIVISION}"]
    refused = await scene.client.send(items[0])
    assert refused.status == 503 and scene.words.encode() in refused.body
    # The successor; the bureau was handed its certificate (the stage has one folder of parties).
    kept = stage.folder / "before.pem"
    kept.write_bytes(stage.record_key[0].read_bytes())
    seen = logged(stage, "keys.renewed", "parties")
    fresh = stage.identities.record_key("gateway-next", uri("gateway", BANK_CODE))

    async def handed() -> bool:
        return logged(stage, "keys.renewed", "parties") > seen

    await until(handed, "the bureau does not read its folder of parties")
    # Between the bureau's reading of a list and the gateway's, what the old key signed is refused.
    accused = logged(stage, "delivery.refused")
    at_rest = isinstance(stage, EvidenceListed)
    if at_rest:
        # A start greets the bureau with the last record that it acknowledged: under the old key.
        stage.crew.kill(stage.gateway_names[0])
    for new, place in zip(fresh, stage.record_key, strict=True):
        new.replace(place)
    if at_rest:
        stage.start_gateways()

    async def open_again() -> bool:
        return bool((await ready(stage))["ready"])

    await until(open_again, "the gateway does not open with the successor")
    answer = await scene.client.send(items[0])
    assert answer.status == 200 and json.loads(answer.body)["outcome"] == "passed"

    await until(partial(told, stage), "the bureau does not take what the successor signs")
    assert logged(stage, "delivery.refused") == accused, "the bureau accuses an honest gateway"
    await scene.client.aclose()
    folder = stage.folder / "exported"
    made = await asyncio.to_thread(run, stage, "export", "day", folder, *exporting(stage))
    assert made.code == 0, made
    keys = ["--bank", str(kept), "--bank", str(stage.record_key[0])]
    keys += ["--bureau", str(stage.witness[0])]
    said = await asyncio.to_thread(run, stage, "verify", "day", str(folder), *keys)
    assert said.code == 0, said


async def revoke_while_it_runs(scene: Scene, item: DayItem) -> None:
    """Up to that moment it passes; then nobody is at the gateway but the registry."""
    stage = scene.stage
    assert (await scene.client.send(item)).status == 200
    await until(partial(told, stage), "the bureau does not take what the first key signed")
    settings = stage.folder / f"{stage.gateway_names[0]}.toml"
    leaf = load_certificates(stage.record_key[0])[0]
    ended = Revocation(
        issuer=issuer_of(leaf), serial=f"{leaf.serial_number:x}", thumbprint=thumbprint_of(leaf),
        at=dt.datetime.now(dt.UTC), reason=Reason.KEY_COMPROMISE,
    )  # fmt: skip
    if isinstance(stage, EvidenceListed):
        stage.list([ended], 2)
    else:
        await in_registry(stage, ended)

    async def shut() -> bool:
        return not (await ready(stage))["ready"]

    await until(shut, "the gateway goes on under a revoked record key")
    checked = await asyncio.to_thread(run, stage, "serve", "--check", "--settings", settings)
    assert checked.code != 0 and scene.words in checked.said, checked


def logged(stage: Stage, *words: str) -> int:
    """Lines of the bureau's log with all of these."""
    lines = stage.log("bureau").read_text("utf-8").splitlines()
    return sum(all(word in line for word in words) for line in lines)


async def told(stage: Stage) -> bool:
    return bool((await ask(stage, f"http://{HOST}:{stage.ports.ops}/backlog"))["done"])


async def in_registry(stage: Stage, ended: Revocation) -> None:
    store = PostgresCertificates(stage.gateway_database)
    try:
        assert await store.revoke_foreign(ended, "nobody", [])
    finally:
        await store.close()


async def ready(stage: Stage) -> dict:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{HOST}:{stage.ports.ops}/readyz") as answer,
    ):
        return json.loads(await answer.read())
