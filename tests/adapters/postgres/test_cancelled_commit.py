"""A commit whose wait for the standby was cancelled is no commit that anybody may act on.

RELIABILITY 2: the client sees success with a WARNING, and the row dies with the failover. A real
server that waits for a standby which does not exist, and an operator who cancels or terminates.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from adapters.postgres.embedded.binaries import (
    EmbeddedUnavailable,
    installed_binaries,
    throwaway_folder,
)
from adapters.postgres.embedded.server import EmbeddedPostgres
from adapters.postgres.ledger import groupcommit
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.migrate import migrate
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import Admitted
from gateway.domain.log import Delivery, LogEvidence
from tests.adapters.postgres.storage_builders import DIVISION, NOW, PlainSealer, admission, draft

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


@pytest.fixture
def server() -> Iterator[str]:
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    with EmbeddedPostgres(throwaway_folder(), throwaway=True) as server:
        yield server.dsn("postgres")


@pytest.fixture
async def admin(server: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    await migrate(server)
    connection = await asyncpg.connect(server, server_settings={"synchronous_commit": "local"})
    yield connection
    await connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


async def demand_a_standby(
    server: str, admin: "asyncpg.Connection[asyncpg.Record]", demanded: bool
) -> None:
    change = "SET synchronous_standby_names = 'nobody'" if demanded else (
        "RESET synchronous_standby_names"
    )  # fmt: skip
    await admin.execute(f"ALTER SYSTEM {change}")
    await admin.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(60):
        while bool(await admin.fetchval("SHOW synchronous_standby_names")) is not demanded:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    if demanded:
        await _commits_wait(server, admin)


async def _commits_wait(server: str, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Commits wait once the checkpointer has read the change, which no setting shows: tried by
    commits of a connection of its own, until one waits."""
    probe = await asyncpg.connect(server)
    asked = "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = $1"
    async with asyncio.timeout(60):
        waits = False
        while not waits:
            commit = asyncio.create_task(
                probe.execute("SELECT pg_logical_emit_message(true, 'probe', '')")
            )
            while not (commit.done() or waits):
                waits = bool(await admin.fetchval(asked, probe.get_server_pid()))
        await admin.execute("SELECT pg_cancel_backend($1)", probe.get_server_pid())
        await commit
    await probe.close()


async def waiting_for_a_standby(admin: "asyncpg.Connection[asyncpg.Record]") -> int:
    async with asyncio.timeout(60):
        while True:
            pid = await admin.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            )
            if pid:
                return int(pid)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("signal", ["pg_cancel_backend", "pg_terminate_backend"])
async def test_while_no_standby_confirms_nobody_is_told_it_stands(
    server: str, admin: "asyncpg.Connection[asyncpg.Record]", signal: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(groupcommit, "FIND_DEADLINE_S", 2.0)  # it looks up in vain
    async with PostgresLedger(server, instance="gw-1") as ledger:
        await demand_a_standby(server, admin, True)
        told = asyncio.create_task(ledger.admit(admission(1, outcome=Outcome.BLOCK)))
        pid = await waiting_for_a_standby(admin)
        assert not told.done()
        await admin.execute(f"SELECT {signal}({pid})")
        with pytest.raises(LedgerUnavailable):
            await told
        assert await admin.fetchval("SELECT count(*) FROM instruction") == 1, "it is here, though"


async def test_once_a_later_commit_is_safe_the_row_counts(
    server: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with PostgresLedger(server, instance="gw-1") as ledger:
        await demand_a_standby(server, admin, True)
        told = asyncio.create_task(ledger.admit(admission(1, outcome=Outcome.BLOCK)))
        pid = await waiting_for_a_standby(admin)
        await admin.execute(f"SELECT pg_cancel_backend({pid})")
        await waiting_for_a_standby(admin)
        assert not told.done(), "the look-up makes a durable commit of its own before it believes"
        await demand_a_standby(server, admin, False)
        assert await told == Admitted()


async def handed_out(log: PostgresRecordLog) -> tuple[Delivery | None, list[LogEvidence]]:
    return await log.next_delivery(DIVISION, 9), await log.evidence(DIVISION, "one")


async def test_a_checkpoint_that_may_not_survive_is_handed_to_nobody(
    server: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Else after a failover another checkpoint of the same size is signed: a fork of our own."""
    log = PostgresRecordLog(server)
    async with PostgresLedger(server, instance="gw-1") as ledger:
        await ledger.record(DIVISION, draft("one"))
    await demand_a_standby(server, admin, True)
    sealing = asyncio.create_task(log.seal(DIVISION, 9, NOW, PlainSealer().seal))
    await admin.execute(f"SELECT pg_cancel_backend({await waiting_for_a_standby(admin)})")
    with pytest.raises(LedgerUnavailable):
        await sealing
    assert await admin.fetchval("SELECT count(*) FROM log_checkpoint") == 1, "it is here, though"
    for read in (log.next_delivery(DIVISION, 9), log.evidence(DIVISION, "one")):
        asking = asyncio.create_task(read)
        await admin.execute(f"SELECT pg_cancel_backend({await waiting_for_a_standby(admin)})")
        with pytest.raises(LedgerUnavailable):
            await asking
    await demand_a_standby(server, admin, False)
    delivery, evidence = await handed_out(log)
    assert delivery and len(delivery.records) == len(evidence) == 1
    await log.close()
