"""Real programs in GW1-SM2-SM3: judged, sealed, delivered, cosigned, exported and verified."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from certs.tls import client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.day import day
from deploy.demo.identities import TRUST_DOMAIN, Identities
from deploy.demo.stage import HOST, Plot, Stage
from gateway.domain.legal_day import legal_day
from gateway.domain.log import SM2_SM3
from tests.certs.conftest import skip_without_sm2
from tests.commands.staged import exporting, run
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
DIVISION = "220000000"
INSTRUCTIONS = 60
DEADLINE_S = 120.0


@pytest.fixture(scope="module")
def sent() -> Iterator[tuple[Stage, list[str]]]:
    """A stage in the suite, and the receipts that its agencies hold."""
    skip_without_sm2()
    now = dt.datetime.now(dt.UTC)
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", now)
        plan = day(3, INSTRUCTIONS, legal_day(now), trust_domain=TRUST_DOMAIN)
        sign = {
            party: signer.document for party, signer in identities.signers(plan.senders).items()
        }
        stage = Stage(folder, crew, identities, Plot(division=DIVISION, suite=SM2_SM3))
        with raised(stage, plan.registers):

            async def send() -> list[str]:
                client = AgencyClient(HOST, stage.ports.door, client_context(stage.client), sign)
                answers = await client.send_all(plan.items)
                await client.aclose()
                bodies = [answer.body for answer in answers if answer.body.startswith(b"{")]
                return [json.loads(body).get("receipt", "") for body in bodies]

            receipts = asyncio.run(send())
            _until_told(stage)
            yield stage, [each for each in receipts if each]


def _until_told(stage: Stage) -> None:
    async def behind() -> int:
        connection = await asyncpg.connect(stage.gateway_database)
        try:
            return await connection.fetchval(
                "SELECT (SELECT count(*) FROM pending_record) + (SELECT count(*) FROM told_batch)"
                " + (SELECT count(*) FROM notice WHERE acknowledged_at IS NULL)"
                " + (SELECT sum(size - acknowledged_size) FROM log_head)"
            )
        finally:
            await connection.close()

    deadline = time.monotonic() + DEADLINE_S
    while asyncio.run(behind()):
        assert time.monotonic() < deadline, "the bureau was not told everything"
        time.sleep(0.2)


def _trusted(stage: Stage) -> tuple[object, ...]:
    """Two certificates of each: both suites of one party."""
    gateway, bureau = stage.sm2["gateway"][0], stage.sm2["bureau"][0]
    return (
        "--bank", stage.record_key[0], "--bank", gateway,
        "--bureau", stage.witness[0], "--bureau", bureau,
    )  # fmt: skip


async def _summary(stage: Stage) -> dict[str, object]:
    url = f"https://{HOST}:{stage.ports.bureau}/v1/summary?division={DIVISION}"
    connector = aiohttp.TCPConnector(ssl=client_context(stage.operator))
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        return dict(await answer.json())


def test_a_day_in_sm2_is_cosigned_exported_and_verified_from_files(
    sent: tuple[Stage, list[str]], tmp_path: Path
) -> None:
    stage, _ = sent
    today = legal_day(dt.datetime.now(dt.UTC))
    folder = tmp_path / "day"
    done = run(stage, "export", "day", folder, *exporting(stage), "--on", today)
    assert done.code == 0, done.said
    checkpoint = (folder / "checkpoint").read_text()
    assert checkpoint.split("\n")[0].endswith(f"/log/{DIVISION}/{SM2_SM3}")
    assert checkpoint.count("\n— ") == 4, "the bank's and the bureau's, in each suite"
    good = run(stage, "verify", "day", folder, *_trusted(stage))
    assert good.code == 0, good.said
    for left_out in (2, 6):
        trusted = [*_trusted(stage)]
        del trusted[left_out : left_out + 2]
        assert run(stage, "verify", "day", folder, *trusted).code == 1
    assert asyncio.run(_summary(stage))["log_verified"] is True


def test_the_doctor_sees_the_second_key_and_the_receipts_prove_themselves(
    sent: tuple[Stage, list[str]], tmp_path: Path
) -> None:
    stage, receipts = sent
    seen = run(stage, "doctor", "--settings", stage.folder / "gateway-0.toml", "--json").json
    states = {finding["part"]: finding["state"] for finding in seen["findings"]}
    assert states["record_key.sm2"] == states["record_key.sm2_certificate"] == "good"
    file = tmp_path / "receipt"
    file.write_text(receipts[0])
    bank = _trusted(stage)[:4]
    assert run(stage, "verify", "receipt", file, *bank).code == 0
    assert run(stage, "verify", "receipt", file, *bank[:2]).code == 1, "it is the SM2 key's"


def test_a_bureau_that_lost_its_database_is_told_everything_again_and_once(
    sent: tuple[Stage, list[str]],
) -> None:
    """Killed, its database emptied, started again: every record comes back, none twice."""
    stage, _ = sent
    stage.crew.kill("bureau")
    asyncio.run(_emptied(stage))
    yesterday = legal_day(dt.datetime.now(dt.UTC)) - dt.timedelta(days=1)
    settings = stage.folder / "gateway-0.toml"
    closed = run(
        stage, "day-close", "--settings", settings, "--division", DIVISION, "--on", yesterday
    )
    assert closed.code == 0, closed.said
    stage.start_bureau()
    deadline = time.monotonic() + DEADLINE_S
    while (summary := asyncio.run(_summary(stage)))["size"] != _size(stage):
        assert time.monotonic() < deadline, summary
        time.sleep(0.2)
    assert summary["log_verified"] is True and summary["records"] == summary["size"]
    assert summary["gaps"] == 0 and summary["misbehaviours"] == 0
    words = (stage.folder / "gateway-0.log").read_text("utf-8")
    assert words.count("bureau.rolled_back") == words.count("bureau.caught_up") == 1


def _size(stage: Stage) -> int:
    async def sealed() -> int:
        connection = await asyncpg.connect(stage.gateway_database)
        try:
            return await connection.fetchval("SELECT sum(size)::bigint FROM log_head")
        finally:
            await connection.close()

    return asyncio.run(sealed())


async def _emptied(stage: Stage) -> None:
    connection = await asyncpg.connect(stage.gateway_database)
    name = urlsplit(stage.bureau_database).path.lstrip("/")
    try:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    finally:
        await connection.close()
