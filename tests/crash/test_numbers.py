"""Numbers of releases on the real stage: a bureau that came back older and gives them out again,
and a decision that its gateway never takes. Releases behind such a number would wait for ever."""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from deploy.demo.day import DIVISION
from deploy.demo.identities import uri
from tests.crash.chancery import Chancery, held_ones
from tests.crash.crowd import Crowd
from tests.crash.test_crash_moments import FAITHFUL
from tests.crash.theatre import Theatre, theatre
from tests.crash.truth import settled, truth_of

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]

DEADLINE_S = 120.0


async def test_a_bureau_restored_without_its_newest_releases_gets_them_back_and_goes_on() -> None:
    async with theatre(51, 60, habits=FAITHFUL) as stage:
        crowd, chancery = Crowd(stage.client(), stage.plan.items, 51), Chancery(stage)
        keys = await held_ones(stage, crowd, 5)
        await chancery.told_of(5)
        await chancery.decide(keys[0])
        await _acknowledged(chancery, 1)
        stage.kill("bureau")
        await _admin(stage, "CREATE DATABASE older TEMPLATE bureau")
        await stage.restart("bureau")
        lost = [await chancery.decide(keys[1]), await chancery.decide(keys[2], "refuse")]
        await _acknowledged(chancery, 3)
        told = {each["digest"]: each for each in await _proposals(chancery)}

        stage.kill("bureau")
        await _admin(stage, "DROP DATABASE bureau", "ALTER DATABASE older RENAME TO bureau")
        first = await chancery.decide(keys[3])  # before anybody asked the gateway
        await stage.restart("bureau")
        second = await chancery.decide(keys[4])
        await _acknowledged(chancery, 5)
        known = {each["digest"]: each for each in await _proposals(chancery)}
        assert {known[digest]["approver"] for digest in lost} == {"王复核"}
        for digest in lost:
            assert known[digest] == told[digest], "as it was before it was lost"
        assert {first, second} <= set(known)
        await _ended(stage, keys)
        await settled(stage)
        truth = await truth_of(stage)
        hows = ["released", "released", "refused", "released", "released"]
        assert [truth.ledger[key]["how"] for key in keys] == hows
        assert [truth.bank.get(key, {}).get("submitted") for key in keys] == [1, 1, None, 1, 1]
        assert truth.differing == []
        gateway = await _rows(stage.stage.gateway_database, HELD)
        bureau = await _rows(stage.stage.bureau_database, SENT)
        assert gateway == bureau, "both ends hold the same bytes under the same numbers"
        assert [version for version, _, _ in gateway] == [1, 2, 3, 4, 5]
        aside = "SELECT version, why FROM release_feed_aside ORDER BY version"
        assert [tuple(row) for row in await _rows(stage.stage.bureau_database, aside)] == [
            (2, "renumbered")
        ]
        await crowd.client.aclose()


async def test_a_decision_that_its_gateway_never_takes_is_void_by_two_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bank's gateway demands the officers' own signatures; the bureau learns it too late. Both
    programs are killed around the void."""
    async with theatre(52, 60, habits=FAITHFUL) as stage:
        crowd, chancery = Crowd(stage.client(), stage.plan.items, 52), Chancery(stage)
        keys = await held_ones(stage, crowd, 2)
        await chancery.told_of(2)
        li, wang = _officers(stage, monkeypatch)
        stage.kill("gateway-0")
        with (stage.stage.folder / "gateway-0.toml").open("a") as settings:
            settings.write(f'\n[holds]\nofficers = ["{uri("operator", "li")}", ')
            settings.write(f'"{uri("operator", "wang")}"]\n')
        await stage.restart("gateway-0")
        refused = await chancery.decide(keys[0])
        [number] = await _refused(chancery)
        assert number["instruction"] == keys[0] and "Signature-JWS" in number["trouble"]
        await _decide_signed(chancery, keys[1], li, wang)
        place = "--division", DIVISION, "--bank", number["bank"]
        reason = "--reason", "该行网关要求本人签名，原决定没有"
        proposed = await chancery.run(
            "propose", str(number["number"]), *place, *reason, *li, group="voids"
        )
        stage.kill("gateway-0")
        digest = proposed["digest"]
        await stage.restart("gateway-0")
        await _refused(chancery)
        await chancery.run("approve", digest, "--division", DIVISION, *wang, group="voids")
        stage.kill("bureau")
        stage.kill("gateway-0")
        await stage.restart("bureau")
        await stage.restart("gateway-0")
        await _ended(stage, keys[1:])
        await _voided(stage, refused)
        await _decide_signed(chancery, keys[0], li, wang)
        await _ended(stage, keys)
        await settled(stage)
        truth = await truth_of(stage)
        assert [truth.ledger[key]["how"] for key in keys] == ["released"] * 2
        assert [truth.bank[key]["submitted"] for key in keys] == [1, 1]
        assert truth.differing == []
        assert await _rows(stage.stage.gateway_database, HELD) == await _rows(
            stage.stage.bureau_database, SENT
        )
        assert await _rows(stage.stage.gateway_database, VOIDED) == [(1,)], "on record, once"
        await crowd.client.aclose()


VOIDED = """SELECT count(*) FROM log_record
    WHERE kind = 'release' AND convert_from(body, 'UTF8')::json ->> 'what' = 'voided'"""


def _officers(stage: Theatre, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[str, ...], ...]:
    """Options of the two officers, who sign with keys of their own."""
    made = stage.stage.identities
    monkeypatch.setenv("OFFICER_PASSPHRASE", made.passphrase.decode())
    found = []
    for login, name in (("li", "李经办"), ("wang", "王复核")):
        certificate, key = made.record_key(f"officer-{login}", uri("operator", login))
        found.append(("--by", name, "--certificate", str(certificate), "--key", str(key)))
    return tuple(found)


async def _decide_signed(
    chancery: Chancery, key: str, li: tuple[str, ...], wang: tuple[str, ...]
) -> None:
    proposed = await chancery.run(
        "propose", key, "--verdict", "release", "--reason", "原始材料已补齐", *li
    )
    await chancery.run("approve", proposed["digest"], "--division", DIVISION, *wang)


async def _refused(chancery: Chancery) -> list[dict[str, Any]]:
    """What the gateway refuses, once it has."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        listed = await chancery.run("list", "--division", DIVISION, group="voids")
        if listed["refused"]:
            found: list[dict[str, Any]] = listed["refused"]
            return found
        assert time.monotonic() < deadline, listed
        await asyncio.sleep(0.3)


async def _voided(stage: Theatre, order: str) -> None:
    """Until the gateway's log, as the bureau has it, tells that the order is void."""
    sql = f"""SELECT count(*) FROM log_record WHERE kind = 'release'
        AND record_field(body, 'what') = 'voided'
        AND record_field(body, 'order_sha256') = '{order}'"""
    deadline = time.monotonic() + DEADLINE_S
    while await _rows(stage.stage.bureau_database, sql) != [(1,)]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.3)


HELD = "SELECT version, body, signature FROM release_feed ORDER BY version"
SENT = HELD.replace("ORDER", "WHERE acknowledged_at IS NOT NULL ORDER")


async def _rows(dsn: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def _admin(stage: Theatre, *statements: str) -> None:
    """As the server's owner, in no database that is copied or dropped."""
    parts = urlsplit(stage.stage.bureau_database)
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()


async def _proposals(chancery: Chancery) -> list[dict[str, Any]]:
    listed = await chancery.run("list", "--division", DIVISION)
    found: list[dict[str, Any]] = listed["proposals"]
    return found


async def _acknowledged(chancery: Chancery, count: int) -> None:
    """Until the bank's gateway has so many of the bureau's decisions."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = await _proposals(chancery)
        if sum("acknowledged" in each["state"] for each in found) >= count:
            return
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.3)


async def _ended(stage: Theatre, keys: list[str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        [(count,)] = await _rows(stage.stage.gateway_database, "SELECT count(*) FROM hold_end")
        if count >= len(keys):
            return
        assert time.monotonic() < deadline, f"{count} of {len(keys)} holds have ended"
        await asyncio.sleep(0.3)
