"""A book or registers put back to an earlier state, beside a log that says more: nothing passes."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import asyncpg
import pytest

from certs.tls import client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.day import Day, day
from deploy.demo.identities import TRUST_DOMAIN, Identities
from deploy.demo.stage import HOST, Plot, Stage
from gateway.domain.decision import Outcome
from gateway.domain.legal_day import legal_day
from tests.commands.conftest import DIVISION
from tests.commands.staged import Ran, run
from tests.commands.test_tending import ask
from tests.patience import wait_until
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(400)]
GATEWAY = "gateway-0"
Played = tuple[Stage, Day, Mapping[str, Callable[[bytes], str]]]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    now = dt.datetime.now(dt.UTC)
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", now)
        plan = day(5, 60, legal_day(now), trust_domain=TRUST_DOMAIN)
        signers = identities.signers(plan.senders)
        sign = {party: signer.document for party, signer in signers.items()}
        stage = Stage(folder, crew, identities, Plot(division=DIVISION, signed=True))
        with raised(stage, plan.registers):
            yield stage, plan, sign


def payments(played: Played, upto: int) -> set[int]:
    """What the first payments that should pass are answered."""
    stage, plan, sign = played
    passing = [i for i in plan.items if i.outcome is Outcome.PASS and i.after is None][:upto]

    async def send() -> set[int]:
        client = AgencyClient(
            HOST, stage.ports.door, client_context(stage.client), sign, patience_s=0.0
        )
        try:
            return {(await client.send(item)).status for item in passing}
        finally:
            await client.aclose()

    return asyncio.run(send())


def reasons(stage: Stage) -> Mapping[str, str]:
    return dict(readiness(stage)["reasons"])


def warnings(stage: Stage) -> Mapping[str, str]:
    return dict(readiness(stage)["warnings"])


def readiness(stage: Stage) -> dict[str, Any]:
    try:
        with urlopen(f"http://{HOST}:{stage.ports.ops}/readyz") as answer:
            told: dict[str, Any] = json.load(answer)
    except HTTPError as unready:
        told = json.load(unready)
    return told


def recorded(stage: Stage, kind: str, word: str) -> bool:
    """Whether the log tells so."""
    asked = "SELECT count(*) FROM sealed_record WHERE kind = $1 AND convert_from(body, 'UTF8') ~ $2"
    return bool(ask(stage, asked, kind, word))


def doctor(stage: Stage) -> Ran:
    return run(stage, "doctor", "--settings", stage.folder / f"{GATEWAY}.toml")


def owner(stage: Stage, *statements: str) -> None:
    async def write() -> None:
        connection = await asyncpg.connect(stage.gateway_database)
        try:
            for each in statements:
                await connection.execute(each)
        finally:
            await connection.close()

    asyncio.run(write())


def test_a_book_that_came_back_older_passes_nothing_until_the_newer_one_is_there(
    played: Played,
) -> None:
    stage, _, _ = played
    assert payments(played, 2) == {200}
    first, second = (stage.books / f"book-00000{n}.json" for n in (1, 2))
    stage.sign_book(stage.library, second, first)
    wait_until(lambda: recorded(stage, "policy_activated", '"revision":2'))
    away = second.rename(stage.folder / "away.json")
    stage.crew.restart(GATEWAY)
    assert payments(played, 3) == {503}
    words = reasons(stage)[f"rules.{DIVISION}"]
    assert "revision 1 is older than revision 2" in words
    told = doctor(stage)
    assert told.code == 1 and words in told.said
    assert '"event":"rules.older"' in stage.log(GATEWAY).read_text()
    away.rename(second)
    wait_until(lambda: not reasons(stage))
    assert payments(played, 3) == {200}, "it opens by itself"


def test_policies_that_nobody_signed_pass_nothing_where_signed_ones_were_in_force(
    played: Played,
) -> None:
    """One line of the settings: a policy was left out, and what it blocks was paid, all green."""
    stage, _, _ = played
    settings = stage.folder / f"{GATEWAY}.toml"
    signed = settings.read_text()
    table = signed[signed.index("[policies]") :]
    table = table[: table.find("\n[", 1)] if "\n[" in table[1:] else table
    settings.write_text(signed.replace(table, f'[policies]\nfolder = "{stage.library}"\n'))
    try:
        assert "policies.folder" in doctor(stage).said and doctor(stage).code == 1
        stage.crew.restart(GATEWAY)
        assert payments(played, 6) == {503}
        words = reasons(stage)[f"rules.{DIVISION}"]
        assert "an unsigned folder" in words and "two officers signed" in words
    finally:
        settings.write_text(signed)
    stage.crew.restart(GATEWAY)
    assert not reasons(stage) and payments(played, 6) == {200}


def test_registers_that_came_back_older_pass_nothing_until_they_are_applied_anew(
    played: Played,
) -> None:
    stage, plan, _ = played
    assert payments(played, 4) == {200}
    newer = stage.folder / "newer.json"
    newer.write_text(json.dumps(json.loads(plan.registers) | {"version": 2}))
    load = "registers", "load", newer
    assert run(stage, *load).code == 0
    wait_until(lambda: recorded(stage, "register_applied", '"version":2'))
    stage.crew.stop(GATEWAY)
    owner(
        stage,
        "DELETE FROM register_row WHERE since = 2",
        "UPDATE register_row SET until = NULL WHERE until = 2",
        "UPDATE register_age SET version = 1",
        "DELETE FROM register_snapshot WHERE version = 2",
    )
    stage.crew.restart(GATEWAY)
    assert payments(played, 5) == {503}
    words = reasons(stage)[f"rules.{DIVISION}"]
    assert "version 1 is older than version 2" in words
    told = doctor(stage)
    assert told.code == 1 and words in told.said
    assert run(stage, *load).code == 0
    wait_until(lambda: not reasons(stage))
    assert payments(played, 5) == {200}
