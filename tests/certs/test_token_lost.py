"""A gateway whose record key's token is away stays up, passes nothing, and goes on by itself."""

import asyncio
import datetime as dt
import json
from functools import partial

import pytest

from certs.authority import issue, request
from certs.files import save_new
from certs.keys import save_certificates
from certs.tls import client_context
from certs.token import make_token_key
from deploy.demo.agency import AgencyClient
from deploy.demo.day import day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.officers import publish_registers
from deploy.demo.stage import BANK_CODE, HOST, Plot, Stage
from gateway.domain.decision import Outcome
from gateway.domain.legal_day import legal_day
from tests.certs.soft_token import PIN, SoftToken, soft_token
from tests.certs.test_life_end import DIVISION, ready, told
from tests.commands.staged import run
from tests.patience import until
from tests.raised import own_place, raised

__all__ = ["soft_token"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def with_a_token_key(stage: Stage, token: SoftToken) -> None:
    """Its PIN is not the passphrase of the gateway's other keys."""
    made, folder = stage.identities, token.folder
    save_new(folder / "pin", PIN + b"\n")
    name = token.uri(pin_source=folder / "pin")
    key = make_token_key(name, b"")
    certificate = issue(made.evidence, request(key, uri("gateway", BANK_CODE)), made.at)
    save_new(folder / "record.key", name.encode())
    for file in (folder / "record.pem", made.parties / "gateway.pem"):
        save_certificates(file, [certificate])
    stage.record_key = folder / "record.pem", folder / "record.key"


async def test_a_token_that_is_away_shuts_the_line_and_opens_it_when_it_is_back(
    soft_token: SoftToken,
) -> None:
    now = dt.datetime.now(dt.UTC)
    plan = day(1, 120, legal_day(now), trust_domain=TRUST_DOMAIN)
    first, second = [
        each for each in plan.items if each.outcome is Outcome.PASS and each.format == "json"
    ][:2]
    with own_place() as (folder, crew):
        made = Identities.create(folder / "keys", now)
        sign = {party: one.document for party, one in made.signers(plan.senders).items()}
        stage = Stage(folder, crew, made, Plot(division=DIVISION))
        with_a_token_key(stage, soft_token)
        with raised(stage):
            await publish_registers(stage, plan.registers)
            tls = client_context(stage.client)
            client = AgencyClient(HOST, stage.ports.door, tls, sign, patience_s=0.0)
            assert (await client.send(first)).status == 200
            await until(partial(told, stage), "the bureau does not take what the token signed")

            soft_token.take_away()
            answer = await client.send(second)
            assert answer.status == 503, "paid or not, nobody is told so without a receipt"

            async def shut() -> bool:
                reasons = (await ready(stage))["reasons"]
                return "cannot sign" in reasons.get(f"log.{DIVISION}", "")

            async def opened() -> bool:
                return bool((await ready(stage))["ready"])

            await until(shut, "the gateway does not say that it cannot sign")
            assert (await client.send(first)).status == 503
            assert crew.running(stage.gateway_names[0])

            soft_token.put_back()
            await until(opened, "the gateway does not open when the token is back")
            answer = await client.send(second)
            assert answer.status == 200 and json.loads(answer.body)["outcome"] == "passed"
            await until(partial(told, stage), "the bureau is not told of all")
            await client.aclose()

            # Whatever starts it each two seconds would lock the token before anybody looks.
            (soft_token.folder / "pin").write_bytes(b"11112222\n")
            settings = stage.folder / f"{stage.gateway_names[0]}.toml"
            refused = await asyncio.to_thread(run, stage, "serve", "--settings", settings)
            assert refused.code == 2 and "PIN" in refused.said, refused
            assert "11112222" not in refused.said
