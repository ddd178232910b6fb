"""The bureau's feed at a real gateway: proven, in order, whole, and in force at once."""

import asyncio
import datetime as dt
import json
import os
from typing import Any

import asyncpg
import pytest

from gateway.domain.legal_day import legal_day
from tests.patience import until
from tests.registers.conftest import Office
from tests.registers.feeds import put, remove

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

ROWS = int(os.environ.get("FEED_ROWS", "20000"))
"""Of the large feeds."""
KILLS = int(os.environ.get("FEED_KILLS", "2"))


async def unchanged(office: Office, raw: bytes, status: int, code: str, **how: Any) -> Any:
    before = await office.version(), await office.standing()
    reply = await office.send(raw, **how)
    assert (reply.status, reply.code) == (status, code), reply.body[:400]
    assert (await office.version(), await office.standing()) == before
    return reply.fields


async def test_a_feed_that_is_not_the_bureau_s_or_does_not_follow_is_refused_and_told(
    office: Office,
) -> None:
    account = office.row("accounts", account=payer(office))
    first = await office.next_delta(accounts=[put(account)])
    await unchanged(office, first, 403, "signature_missing", signature="")
    await unchanged(office, first, 403, "signature_invalid", signature=office.siege.signed(b"{}"))
    await unchanged(office, first, 403, "sender_not_entitled", by=office.siege.model.sender)
    reply = await office.send(first)
    assert reply.status == 200 and reply.fields["version"] == await office.version()
    again = await office.send(first)
    assert again.status == 200 and again.fields["replayed"]
    other = first.replace(b'"accounts"', b'"accounts" ')
    told = await unchanged(office, other, 409, "feed_conflict")
    assert str(await office.version()) in told["detail"]
    gapped = json.loads(first) | {"version": await office.version() + 2}
    told = await unchanged(office, json.dumps(gapped).encode(), 409, "feed_gap")
    assert f"must be version {await office.version() + 1}" in told["detail"]
    future = json.loads(await office.next_delta()) | {"as_of": "2099-01-01T00:00:00Z"}
    await unchanged(office, json.dumps(future).encode(), 400, "feed_invalid")


async def test_one_bad_row_of_many_changes_nothing_and_is_named(office: Office) -> None:
    rows = many(office, "0781")
    rows[-2]["valid_from"] = "soon"
    fields = await unchanged(office, await office.next_delta(accounts=rows), 400, "feed_invalid")
    assert [error["field"] for error in fields["errors"]] == [f"accounts[{ROWS - 2}].valid_from"]
    rows[-2] = remove(account="078199999999")
    fields = await unchanged(office, await office.next_delta(accounts=rows), 400, "feed_invalid")
    assert [error["field"] for error in fields["errors"]] == [f"accounts[{ROWS - 2}]"]


async def test_a_change_of_the_payer_s_account_past_five_working_days_fires_jl_008(
    office: Office,
) -> None:
    account = office.row("accounts", account=payer(office))
    seen: dict[int, list[str]] = {}
    for days in (0, 30):
        changed = legal_day(dt.datetime.now(dt.UTC)) - dt.timedelta(days=days)
        row = put(account, change_notice_date=changed.isoformat())
        assert (await office.send(await office.next_delta(accounts=[row]))).status == 200
        await in_force(office)
        answer = (await office.siege.post(office.siege.instruction(f"CHANGED{days}"))).fields
        seen[days] = [finding["policy"] for finding in answer["findings"]]
        outcome = answer["outcome"]
    assert "JL-008" not in seen[0]
    assert "JL-008" in seen[30] and outcome == "held"
    assert (await office.send(await office.next_delta(accounts=[put(account)]))).status == 200
    await in_force(office)


async def test_every_version_is_on_record_with_who_signed_it(office: Office) -> None:
    found: list[Any] = []

    async def recorded() -> bool:
        text = await office.siege.ask_ledger(
            "SELECT json_agg(convert_from(body, 'UTF8') ORDER BY seq)::text"
            " FROM log_record WHERE kind = 'register_applied'"
        )
        found[:] = [json.loads(body) for body in json.loads(text or "[]")]
        return len(found) == await office.version()

    await until(recorded)
    assert [each["version"] for each in found] == list(range(1, len(found) + 1))
    assert found[0]["signer"] is None, "loaded from a file, by an operator"
    assert {each["signer"] for each in found[1:]} <= {office.bureau}
    metrics = (await office.siege.operators("/metrics")).decode()
    assert 'gateway_register_age_seconds{division="' in metrics


async def test_a_gateway_killed_while_applying_leaves_the_old_or_the_new_version_whole(
    office: Office,
) -> None:
    name = office.stage.gateway_names[0]
    outcomes = set()
    for number in range(KILLS):
        before = await office.version(), await office.standing()
        raw = await office.next_delta(accounts=many(office, f"079{number}"))
        sending = asyncio.create_task(office.send(raw))
        await applying(office)
        await asyncio.sleep(0.02 * number)
        office.stage.crew.kill(name)
        await sending
        await applying(office, wanted=False)
        after = await office.version(), await office.standing()
        outcomes.add(after == before)
        assert after in (before, (before[0] + 1, before[1] + ROWS))
        office.stage.crew.restart(name)
        again = await office.send(raw)
        assert again.status == 200, again.body
        assert (await office.version(), await office.standing()) == (
            before[0] + 1, before[1] + ROWS,
        )  # fmt: skip


async def test_no_number_of_a_person_stands_in_the_ledger_the_log_or_an_answer(
    office: Office,
) -> None:
    """Of every person whom the registers or an instruction name, after all of them were sent."""
    registers = json.loads(office.siege.day.registers)
    numbers = {row["id_number"] for row in registers["persons"]}
    said = []
    for item in office.siege.day.items:
        if item.format == "json" and b'"id_number":"' in item.raw.replace(b" ", b""):
            reply = await office.siege.post(item.raw, signature=office.siege.signed(
                item.raw, by=item.sender))  # fmt: skip
            said.append(reply.body)
            numbers |= set(_numbers(json.loads(item.raw)))
    assert said and len(numbers) > 3

    async def delivered() -> bool:
        sealed = await office.siege.ask_ledger("SELECT coalesce(sum(size), 0) FROM log_head")
        connection = await asyncpg.connect(office.stage.bureau_database)
        held = await connection.fetchval("SELECT count(*) FROM log_record")
        opened = await connection.fetchval("SELECT count(disclosures) FROM log_record")
        await connection.close()
        return bool(held == sealed and opened)

    await until(delivered)
    needles = [form for number in numbers for form in (number, number.encode().hex())]
    stage = office.stage
    for database in (stage.gateway_database, stage.bureau_database):
        for table, text in await everything_in(database):
            assert not [needle for needle in needles if needle in text], table
    shown = office.siege.log() + b"".join(said).decode()
    assert not [number for number in numbers if number in shown]


def _numbers(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["id_number"]] if value.get("id_number") else []
        return own + [number for each in value.values() for number in _numbers(each)]
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return []


async def everything_in(database: str) -> list[tuple[str, str]]:
    """Every table with all that stands in it, as text."""
    connection = await asyncpg.connect(database)
    try:
        names = await connection.fetch(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
        )
        texts = [
            await connection.fetchval(f"SELECT string_agg(t::text, ' ') FROM \"{name}\" t")
            for (name,) in names
        ]
    finally:
        await connection.close()
    return [(name, text or "") for (name,), text in zip(names, texts, strict=True)]


def payer(office: Office) -> str:
    return str(json.loads(office.siege.model.raw)["payer"]["account"])


def many(office: Office, prefix: str) -> list[dict[str, Any]]:
    account = office.row("accounts", account=payer(office))
    return [put(account, account=f"{prefix}{number:08}") for number in range(ROWS)]


async def in_force(office: Office) -> None:
    """Until the process says that it holds the database's version."""
    wanted = f'"version":{await office.version()}'

    async def seen() -> bool:
        lines = office.siege.log().replace(" ", "").splitlines()
        return any("registers.taken" in line and wanted in line for line in lines)

    await until(seen)


_APPLYING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND pid IN (SELECT pid FROM pg_stat_activity
                   WHERE query ILIKE '%staged%' OR query ILIKE '%register%')
"""


async def applying(office: Office, *, wanted: bool = True) -> None:
    """Until a transaction of the feed is under way, or no more."""

    async def seen() -> bool:
        return bool(await office.siege.ask_ledger(_APPLYING)) is wanted

    await until(seen, look_s=0.01)
