"""Registers that change while payments go on: locks in one order, and what is read in its time."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.ledger import ledger as ledger_module
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.registers.applying import PostgresRegisters
from gateway.domain.faults import LedgerUnavailable
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import DIVISION, key, line, registers
from tests.limits import limit_at

pytestmark = pytest.mark.postgres
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
PATIENCE_S = 60.0


@pytest.fixture
async def admin(migrated: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(migrated)
    yield connection
    await connection.close()


async def test_a_version_that_withdraws_one_line_and_changes_another_locks_them_as_payments_do(
    migrated: str,
    admin: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """A payment on A and Z holds A when the new version comes, which gives Z another grant and
    takes A away: with Z in hand it would wait for A, and the payment for Z."""
    rooms = PostgresRegisters(as_runtime(migrated))
    await rooms.load(b"1", registers(1, {"A": 100, "M": 100, "Z": 100}))
    async with admin.transaction():
        await admin.execute("SELECT FROM limit_line WHERE id = 'A' FOR UPDATE")
        coming = asyncio.create_task(rooms.load(b"2", registers(2, {"M": 100, "Z": 50})))
        while not await admin.fetchval(WAITING):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await admin.execute("SELECT FROM limit_line WHERE id = 'M' FOR UPDATE")
        await admin.execute("SELECT FROM limit_line WHERE id = 'Z' FOR UPDATE")
    loaded = await coming
    assert loaded.applied and loaded.withdrawn == ("A",)
    rows = await admin.fetch("SELECT id, granted_fen FROM limit_line ORDER BY id")
    assert [tuple(row) for row in rows] == [("A", 0), ("M", 100), ("Z", 50)]
    await rooms.close()


async def test_what_is_asked_of_a_database_that_hangs_is_answered_in_its_time(
    migrated: str,
    admin: "asyncpg.Connection[asyncpg.Record]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who asks what became of a payment holds one of few connections as long as it takes."""
    async with PostgresLedger(as_runtime(migrated), instance="gw-1", pool_size=1) as ledger:
        monkeypatch.setattr(ledger_module, "READ_DEADLINE_S", 0.05)
        async with admin.transaction():
            await admin.execute("LOCK TABLE instruction")
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(LedgerUnavailable, match="no answer in time"):
                    await ledger.standing(key(1))
        monkeypatch.undo()
        assert await ledger.standing(key(1)) is None
        assert await limit_at(ledger, DIVISION, line()) is None
