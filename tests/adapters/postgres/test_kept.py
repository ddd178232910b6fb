"""A server that lost what it had committed decides nothing more for whoever was told otherwise."""

import contextlib
import threading
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import attrs
import pytest
import structlog

from adapters.postgres.certificates.cases import PostgresCertificates
from adapters.postgres.certificates.watchbook import PostgresWatchbook
from adapters.postgres.ledger.holds import PostgresHolds
from adapters.postgres.ledger.kept import Heard, Kept
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.oversight.past import PostgresPast
from adapters.postgres.session import UnsafeServer
from certs.people import PeopleVault
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.holds import Claimed
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import DIVISION, NOW, PlainSealer, admission, key
from tests.adapters.postgres.test_holds_contract import claim_of, order_about

TRIES = 50

pytestmark = pytest.mark.postgres


@attrs.frozen(kw_only=True)
class Gateway:
    dsn: str
    kept: Kept
    ledger: PostgresLedger
    records: PostgresRecordLog
    holds: PostgresHolds

    async def another_server(self) -> None:
        """As if the connections ended and another server, of another run, had taken over."""
        self.kept._proven = None
        connection = await asyncpg.connect(self.dsn)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        await connection.close()

    async def lose(self, statement: str) -> None:
        """What that server never got."""
        connection = await asyncpg.connect(self.dsn)
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(statement)
        await connection.close()


@pytest.fixture
async def gateway(migrated: str) -> AsyncIterator[Gateway]:
    kept, dsn = Kept(), as_runtime(migrated)
    records = PostgresRecordLog(dsn, kept=kept)
    holds = PostgresHolds(dsn, instance="gw-1", kept=kept)
    async with PostgresLedger(dsn, instance="gw-1", kept=kept) as ledger:
        yield Gateway(dsn=migrated, kept=kept, ledger=ledger, records=records, holds=holds)
    await records.close()
    await holds.close()


def untold(reason: Exception) -> Heard:
    raise reason


async def refused(gateway: Gateway) -> str:
    """Until the lost connection was noticed: how the next one is refused."""
    await gateway.another_server()
    for _ in range(TRIES):
        try:
            await gateway.ledger.admit(admission(9, lines=()))
        except LedgerUnavailable as reason:
            if "has lost" in str(reason):
                return str(reason)
    raise AssertionError("it goes on deciding")


async def test_a_payment_that_is_gone_shuts_the_ledger_and_is_named(gateway: Gateway) -> None:
    for number in range(3):
        await gateway.ledger.admit(admission(number, lines=()))
    await gateway.lose("DELETE FROM instruction WHERE voucher_no LIKE '%1'")
    with structlog.testing.capture_logs() as lines:
        words = await refused(gateway)
    assert str(key(1)) in words and "1 payments" in words and str(key(2)) not in words
    assert "has lost" in (gateway.ledger.trouble or "")
    assert [line["event"] for line in lines].count("database.forgot") == 1
    assert gateway.kept.forgot in words
    with pytest.raises(LedgerUnavailable):
        await gateway.ledger.standing(key(1))


async def test_what_was_held_or_blocked_is_not_asked_for(gateway: Gateway) -> None:
    await gateway.ledger.admit(admission(1, outcome=Outcome.HOLD))
    await gateway.lose("DELETE FROM instruction")
    await gateway.another_server()
    await gateway.records.sizes()
    assert gateway.kept.forgot == ""


async def test_a_log_that_became_shorter_is_sealed_no_further(gateway: Gateway) -> None:
    sealer = PlainSealer()
    for number in range(3):
        await gateway.ledger.admit(admission(number, lines=()))
        await gateway.records.seal(DIVISION, 10, NOW, sealer.seal)
    await gateway.ledger.admit(admission(3, lines=()))
    await gateway.lose("UPDATE log_head SET size = 2")
    await gateway.another_server()
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            await gateway.records.seal(DIVISION, 10, NOW, sealer.seal)
    assert DIVISION in gateway.kept.forgot


async def test_a_released_hold_that_is_held_again_shuts_it_too(gateway: Gateway) -> None:
    await gateway.ledger.admit(admission(5, lines=(), outcome=Outcome.HOLD))
    order, body = order_about(5)
    await gateway.holds.take_feed(DIVISION, 1, (body, "jws", "bureau"), [order], [body], NOW)
    assert await gateway.holds.claim(claim_of(5, order.digest, lines=())) == Claimed()
    await gateway.lose("DELETE FROM hold_end")
    await gateway.another_server()
    for _ in range(TRIES):
        with contextlib.suppress(LedgerUnavailable):  # or of the connection that was cut
            await gateway.holds.open_orders(1)
    assert str(key(5)) in gateway.kept.forgot
    with pytest.raises(LedgerUnavailable, match="has lost"):
        await gateway.holds.open_orders(1)


async def test_a_server_that_kept_everything_goes_on(gateway: Gateway) -> None:
    for number in range(50):
        await gateway.ledger.admit(admission(number, lines=()))
    await gateway.another_server()
    while True:
        try:
            await gateway.ledger.admit(admission(60, lines=()))
        except LedgerUnavailable:
            continue
        break
    assert gateway.kept.forgot == ""


async def test_what_was_asked_of_a_run_is_not_asked_again(gateway: Gateway) -> None:
    connection = await asyncpg.connect(gateway.dsn)
    try:
        await gateway.kept.prove(connection)
        gateway.kept.passed(key(1))
        await gateway.kept.prove(connection)
        gateway.kept.sealed(DIVISION, 4)
        with pytest.raises(UnsafeServer, match="records of the log"):
            await gateway.kept.prove(connection)
    finally:
        await connection.close()


async def test_on_a_promoted_server_the_other_processes_are_heard_first(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = gateway.kept
    connection = await asyncpg.connect(gateway.dsn)
    try:
        await kept.prove(connection)
        kept._proven, kept._timeline = None, "00000000"  # as if it was another before
        with pytest.raises(UnsafeServer, match="promoted"):
            await kept.prove(connection)
        monkeypatch.setattr("adapters.postgres.ledger.kept.GRACE_S", 0.0)
        for reason in (OSError("not ours"), ValueError("torn")):
            kept.told = partial(untold, reason)
            with pytest.raises(UnsafeServer, match="cannot be read"):
                await kept.prove(connection)
        assert kept.forgot == ""
        kept.told = lambda: ("5 payments are gone", {})
        with pytest.raises(UnsafeServer, match="5 payments"):
            await kept.prove(connection)
        assert kept.forgot == "5 payments are gone"
        kept.told = lambda: ("", {})
        await kept.prove(connection)
        kept.told = lambda: ("asked once", {})
        await kept.prove(connection)
    finally:
        await connection.close()


async def test_what_the_host_has_seen_is_asked_of_each_further_run(gateway: Gateway) -> None:
    """Who slept while others sealed knows less than an older copy holds; they wrote it down."""
    kept = gateway.kept
    await gateway.ledger.admit(admission(1, lines=()))
    await gateway.records.seal(DIVISION, 10, NOW, PlainSealer().seal)
    connection = await asyncpg.connect(gateway.dsn)
    try:
        kept.told = lambda: ("", {DIVISION: 2})
        await kept.prove(connection)
        assert kept.forgot == "", "the same run of the server"
        kept._proven = None
        with pytest.raises(UnsafeServer, match=f"records of the log of {DIVISION}"):
            await kept.prove(connection)
        assert DIVISION in kept.forgot
        kept.told = partial(untold, OSError("not ours"))
        with pytest.raises(UnsafeServer, match="cannot be read"):
            await kept.prove(connection)
        kept.told = lambda: ("", {DIVISION: 1})
        await kept.prove(connection)
    finally:
        await connection.close()


async def test_who_is_revoked_and_what_was_decided_is_not_read_from_a_server_that_forgot(
    gateway: Gateway,
) -> None:
    dsn = as_runtime(gateway.dsn)
    certificates = PostgresCertificates(dsn, kept=gateway.kept)
    watchbook = PostgresWatchbook(dsn, "gw-1", kept=gateway.kept)
    past = PostgresPast(dsn, PeopleVault(b"k" * 32), kept=gateway.kept)
    reads = (certificates.revoked, lambda: watchbook.note([], {"x": 1}, NOW), past.divisions)
    try:
        for read in reads:
            await read()
        await gateway.ledger.admit(admission(1, lines=()))
        await gateway.lose("DELETE FROM instruction")
        await refused(gateway)
        for read in reads:
            for _ in range(2):  # the first may still meet the connection that was lost
                with pytest.raises(LedgerUnavailable):
                    await read()
    finally:
        for room in (certificates, watchbook, past):
            await room.close()


async def test_a_disk_that_hangs_holds_up_the_connection_and_nothing_else(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it use up the threads: each connection that is tried anew waits for the same one."""
    kept, asked, answers = gateway.kept, list[int](), threading.Event()

    def hanging() -> Heard:
        asked.append(threading.get_ident())
        answers.wait()
        return "5 payments are gone", {}

    connection = await asyncpg.connect(gateway.dsn)
    try:
        await kept.prove(connection)
        kept._proven, kept.told = None, hanging
        monkeypatch.setattr("adapters.postgres.ledger.kept.HEAR_S", 0.01)
        for _ in range(3):
            with pytest.raises(UnsafeServer, match="the disk does not answer"):
                await kept.prove(connection)
        assert len(asked) == 1 and threading.get_ident() not in asked
        monkeypatch.undo()
        kept.told = lambda: ("", {})
        answers.set()
        await kept.prove(connection)
        assert kept.forgot == "", "what was asked before says nothing of now"
    finally:
        answers.set()
        await connection.close()
