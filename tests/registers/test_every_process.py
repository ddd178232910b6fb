"""A version reaches every process: by a notification alone, and by asking where it is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from adapters.postgres.registers import applying as applying
from adapters.postgres.registers import shelf as shelves
from adapters.postgres.registers.applying import PostgresRegisters
from gateway.domain.registers import Registers
from tests.patience import until
from tests.registers.conftest import Office
from tests.registers.feeds import ACCOUNT, CONCEAL, DIVISION, delta, feed, put, snapshot
from tests.registers.test_applying import NOW, Rooms, rooms
from tests.registers.test_feed_door import payer

__all__ = ["rooms"]

pytestmark = pytest.mark.postgres

NEVER_S = 3600.0


@pytest.fixture
async def running(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rooms]:
    """Two shelves that run as in a gateway, and ask of their own accord only after an hour."""
    monkeypatch.setattr(shelves, "POLL_S", NEVER_S)
    await rooms.apply(snapshot())
    for shelf in rooms.shelves:
        await shelf.refresh()
    tasks = [asyncio.create_task(shelf.run()) for shelf in rooms.shelves]

    async def listening() -> bool:
        return await rooms.ask(
            "SELECT count(*) = 2 FROM pg_stat_activity WHERE query ILIKE 'LISTEN %'"
            " AND datname = current_database()"
        )  # fmt: skip

    await until(listening)
    yield rooms
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def held(rooms: Rooms) -> list[int]:
    return [shelf.of(DIVISION, NOW).version for shelf in rooms.shelves]


async def test_a_notification_alone_brings_a_version_to_every_process(running: Rooms) -> None:
    assert held(running) == [1, 1]
    await running.apply(delta(2, accounts=[put(ACCOUNT, name="某局")]))

    async def everywhere() -> bool:
        return held(running) == [2, 2]

    await until(everywhere)
    seen: list[Registers] = [shelf.of(DIVISION, NOW) for shelf in running.shelves]
    assert {each.accounts[ACCOUNT["account"]].name for each in seen} == {"某局"}


def taken(office: Office, gateway: str) -> set[int]:
    """Versions that this process says it holds or held."""
    text = (office.stage.folder / f"{gateway}.log").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return {line["version"] for line in lines if line.get("event") == "registers.taken"}


async def in_every_process(office: Office, version: int) -> None:
    async def everywhere() -> bool:
        return all(version in taken(office, name) for name in office.stage.gateway_names)

    await until(everywhere)


async def change(office: Office, number: int) -> bytes:
    account = office.row("accounts", account=payer(office))
    return await office.next_delta(accounts=[put(account, finance_approval=f"号{number}")])


@pytest.mark.slow
async def test_two_gateway_processes_take_a_feed_that_one_of_them_was_sent(
    twin_office: Office,
) -> None:
    office = twin_office
    assert len(office.stage.gateway_names) == 2
    reply = await office.send(await change(office, 1))
    assert reply.status == 200
    await in_every_process(office, reply.fields["version"])


@pytest.mark.slow
async def test_where_the_notification_is_lost_two_gateway_processes_find_it_by_asking(
    twin_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, dsn = twin_office, twin_office.stage.gateway_database
    monkeypatch.setitem(applying._SQL, "tell", "SELECT $1::text")  # type: ignore[index]
    ear = await asyncpg.connect(dsn)
    heard: list[Any] = []
    await ear.add_listener("registers", lambda *what: heard.append(what))
    store = PostgresRegisters(dsn, CONCEAL)
    loaded = await store.apply(feed(json.loads(await change(office, 2))))
    assert loaded.applied and loaded.version
    await in_every_process(office, loaded.version)
    await store.close()
    await ear.execute("SELECT 1")
    await ear.close()
    assert heard == [], "nobody was told"
