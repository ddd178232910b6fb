"""What an operator reads of payments that need him, on a database with one of each."""

import asyncio
import datetime as dt

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from adapters.postgres.ledger.ledger import PostgresLedger
from gateway.__main__ import app
from tests.adapters.postgres.conftest import as_runtime, opened
from tests.adapters.postgres.storage_builders import NOW, admission, key, settlement
from tests.adapters.postgres.test_paid_unbooked import Day

pytestmark = pytest.mark.postgres

AGAIN = NOW + dt.timedelta(minutes=4)


async def said(dsn: str, *command: str) -> Result:
    asked = [*command, "--database", dsn]
    return await asyncio.to_thread(CliRunner().invoke, app, asked)


async def test_the_list_says_when_the_bank_was_asked_about_a_task_and_will_be(
    migrated: str,
) -> None:
    dsn = as_runtime(migrated)
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        for number in (1, 2, 3):
            await ledger.admit(admission(number, lines=()))
        await ledger.note_enquiry(key(1), NOW, not_found=True, ask_after=AGAIN)
        await ledger.hand_over(key(2))
    rows = orjson.loads((await said(dsn, "unknowns", "list", "--json")).stdout)
    assert [(row["asked_at"], row["ask_after"], row["operator_task"]) for row in rows] == [
        (NOW.isoformat(), AGAIN.isoformat(), True), (None, None, True), (None, None, False),
    ]  # fmt: skip
    page = (await said(dsn, "unknowns", "list")).stderr
    first, second, third = (line for line in page.splitlines() if "/8202/" in line)
    assert "03-02 09:30:00" in first and "03-02 09:34:00" in first and "●" in first
    assert "—" in second and "随时 at once" in third


async def test_what_was_paid_without_a_debit_is_listed_with_by_what_it_was_settled(
    migrated: str,
) -> None:
    dsn = as_runtime(migrated)
    none = await said(dsn, "conduct", "unbooked")
    assert none.exit_code == 0 and "没有 none" in none.stderr
    async with opened(migrated) as storage:
        day = Day(storage=storage, watch=None)  # type: ignore[arg-type]
        await day.passed(1)
        await storage.ledger.settle(settlement(1))
        await day.ended(1, "accepted")
    found = await said(dsn, "conduct", "unbooked", "--json")
    (row,) = orjson.loads(found.stdout)
    assert found.exit_code == 1 and (row["key"], row["evidence"]) == (str(key(1)), "answer")
    page = (await said(dsn, "conduct", "unbooked")).stderr
    assert str(key(1)) in page and "1.00" in page and "预警 JL-104" in page
