"""One staged day for all commands: some payments stay unknown, because the bank is silent."""

import asyncio
import datetime as dt
from collections.abc import Iterator

import pytest

from certs.tls import client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.day import day
from deploy.demo.identities import TRUST_DOMAIN, Identities
from deploy.demo.stage import HOST, Plot, Stage
from gateway.domain.legal_day import legal_day
from tests.raised import own_place, raised

DIVISION = "220000000"
INSTRUCTIONS = 120
HORIZON_S = 3600.0


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    now = dt.datetime.now(dt.UTC)
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", now)
        plan = day(3, INSTRUCTIONS, legal_day(now), trust_domain=TRUST_DOMAIN)
        sign = {
            party: signer.document for party, signer in identities.signers(plan.senders).items()
        }
        habits = ("--silence-share", "0.3")
        plot = Plot(division=DIVISION, bank_habits=habits, bank_horizon_s=HORIZON_S)
        stage = Stage(folder, crew, identities, plot)
        with raised(stage, plan.registers):

            async def send() -> None:
                tls = client_context(stage.client)
                client = AgencyClient(HOST, stage.ports.door, tls, sign)
                await client.send_all(plan.items)
                await client.aclose()

            asyncio.run(send())
            yield stage
