"""One staged day for all commands: some payments stay unknown, because the bank is silent."""

import asyncio
import datetime as dt
import shutil
from collections.abc import Iterator

import pytest

from adapters.postgres.embedded_binaries import (
    EmbeddedUnavailable,
    installed_binaries,
    throwaway_folder,
)
from certs.tls import client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.day import day
from deploy.demo.identities import TRUST_DOMAIN, Identities
from deploy.demo.processes import Crew
from deploy.demo.stage import HOST, Plot, Stage
from gateway.domain.legal_day import legal_day
from tests.commands.staged import run

DIVISION = "220000000"
INSTRUCTIONS = 120
HORIZON_S = 3600.0


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    folder = throwaway_folder()
    folder.chmod(0o711)
    now = dt.datetime.now(dt.UTC)
    with Crew() as crew, pytest.MonkeyPatch.context() as patch:
        patch.delenv("GATEWAY_DATABASE", raising=False)
        identities = Identities.create(folder / "keys", now)
        plan = day(3, INSTRUCTIONS, legal_day(now), trust_domain=TRUST_DOMAIN)
        sign = {
            party: signer.document for party, signer in identities.signers(plan.senders).items()
        }
        habits = ("--silence-share", "0.3")
        plot = Plot(division=DIVISION, bank_habits=habits, bank_horizon_s=HORIZON_S)
        stage = Stage(folder, crew, identities, plot)
        try:
            stage.start_database()
            (folder / "registers.json").write_bytes(plan.registers)
            assert run(stage, "registers", "load", folder / "registers.json").code == 0
            stage.start_bank()
            stage.start_bureau()
            stage.start_gateways()

            async def send() -> None:
                tls = client_context(stage.client)
                client = AgencyClient(HOST, stage.ports.door, tls, sign)
                await client.send_all(plan.items)
                await client.aclose()

            asyncio.run(send())
            yield stage
        finally:
            crew.stop_all()
            stage.postgres.stop()
            shutil.rmtree(folder, ignore_errors=True)
