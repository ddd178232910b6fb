"""Numbering on the real server: two sequencers, a crash in the middle, a forked head."""

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import asyncpg
import pytest

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.migrate import MIGRATIONS, newest_known
from adapters.postgres.oversight.backlog import PostgresBacklog
from adapters.postgres.session import SETTINGS, Pool
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import LogHead, PendingRecord, Sealed
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    draft,
)
from tests.patience import until

pytestmark = pytest.mark.postgres


async def write(dsn: str, count: int) -> None:
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        for number in range(count):
            await ledger.record(DIVISION, draft(f"subject {number}"))


async def sequence(dsn: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT seq FROM log_record ORDER BY seq")
    await connection.close()
    return [row["seq"] for row in rows]


class Interrupted(PlainSealer):
    """Something else happens between reading the head and storing the batch."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self._happens = happens

    def seal(
        self, head: LogHead | None, division: str, pending: Sequence[PendingRecord],
        at: dt.datetime,
    ) -> Sealed:  # fmt: skip
        self._happens()
        self.leaves[division] = [b"x" * 32] * (head.size if head else 0)
        return super().seal(head, division, pending, at)


def elsewhere(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end in another thread, while this one stands still."""
    thread = threading.Thread(target=asyncio.run, args=(work,))
    thread.start()
    thread.join()


async def test_a_second_sequencer_is_refused_while_the_first_is_at_it(migrated: str) -> None:
    dsn = as_runtime(migrated)
    await write(dsn, 6)
    refused: list[str] = []

    async def second() -> None:
        room = PostgresRecordLog(dsn)
        try:
            await room.seal(DIVISION, 3, NOW, PlainSealer().seal)
        except LedgerUnavailable as refusal:
            refused.append(str(refusal))
        await room.close()

    first = PostgresRecordLog(dsn)
    sealed = await first.seal(DIVISION, 3, NOW, Interrupted(lambda: elsewhere(second())).seal)
    assert sealed and sealed.head.size == 3 and len(refused) == 1
    assert await sequence(dsn) == [0, 1, 2]
    await first.close()


@pytest.mark.parametrize("begun", [False, True])
async def test_a_head_that_moved_meanwhile_is_not_built_upon(migrated: str, begun: bool) -> None:
    dsn = as_runtime(migrated)
    await write(dsn, 6)
    room = PostgresRecordLog(dsn)
    if begun:
        assert await room.seal(DIVISION, 2, NOW, PlainSealer().seal)

    async def move_the_head() -> None:
        admin = await asyncpg.connect(migrated)
        await admin.execute(
            "INSERT INTO log_head (division, origin, size, frontier) VALUES ($1, 'test/log', 5, "
            "'{}') ON CONFLICT (division) DO UPDATE SET size = 5",
            DIVISION,
        )
        await admin.close()

    with pytest.raises(LedgerUnavailable, match="sealed first"):
        await room.seal(DIVISION, 2, NOW, Interrupted(lambda: elsewhere(move_the_head())).seal)
    assert await sequence(dsn) == ([0, 1] if begun else [])
    await room.close()


async def test_what_one_commit_told_is_sealed_whole_however_few_are_asked_for(
    migrated: str,
) -> None:
    """It is numbered by its first record; it would wait for ever otherwise."""
    dsn = as_runtime(migrated)
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        told = (admission(number, outcome=Outcome.BLOCK) for number in range(5))
        await asyncio.gather(*map(ledger.admit, told))
        await ledger.record(DIVISION, draft("alone"))
    room, sealer = PostgresRecordLog(dsn), PlainSealer()
    counts = []
    while sealed := await room.seal(DIVISION, 2, NOW, sealer.seal):
        counts.append(len(sealed.records))
    await room.close()
    assert sum(counts) == 6 and max(counts) > 2
    assert await sequence(dsn) == list(range(6))


@pytest.mark.parametrize("gone", ["place = 2", "true"])
async def test_records_that_were_told_and_are_gone_are_not_sealed_over(
    migrated: str, gone: str
) -> None:
    """One of a batch, or all of it: by nobody's right but the owner's."""
    dsn = as_runtime(migrated)
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        await asyncio.gather(*(ledger.admit(admission(n, lines=())) for n in range(3)))
    admin = await asyncpg.connect(migrated)
    await admin.execute(f"DELETE FROM told_record WHERE {gone}")
    await admin.close()
    room = PostgresRecordLog(dsn)
    with pytest.raises(LedgerUnavailable, match="told are gone"):
        await room.seal(DIVISION, 9, NOW, PlainSealer().seal)
    assert await sequence(dsn) == []
    await room.close()


async def test_a_stretch_with_a_hole_is_not_delivered(migrated: str) -> None:
    dsn = as_runtime(migrated)
    await write(dsn, 3)
    room, reader = PostgresRecordLog(dsn), PostgresRecordLog(dsn)
    assert await room.seal(DIVISION, 9, NOW, PlainSealer().seal)
    admin = await asyncpg.connect(migrated)
    await admin.execute("DELETE FROM log_record WHERE seq = 1")
    await admin.close()
    with pytest.raises(LedgerUnavailable, match="are not complete"):
        await reader.next_delivery(DIVISION, 9)
    await room.close()
    await reader.close()


async def test_the_first_receipt_of_a_notice_stays(migrated: str) -> None:
    """Two offices may have told it; what somebody holds as evidence is the first."""
    dsn = as_runtime(migrated)
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        await ledger.admit(admission(1, outcome=Outcome.BLOCK))
    room = PostgresRecordLog(dsn)
    (notice,) = await room.notices(DIVISION, 9)
    await room.notices_untold(DIVISION, [notice.id], NOW)
    await room.notices_told(DIVISION, {notice.id: "first"}, NOW)
    await room.notices_told(DIVISION, {notice.id: "second"}, NOW)
    await room.notices_untold(DIVISION, [notice.id], NOW)
    assert await room.notices(DIVISION, 9) == []
    await room.close()
    admin = await asyncpg.connect(migrated)
    row = await admin.fetchrow("SELECT receipt, attempts FROM notice")
    await admin.close()
    assert row and tuple(row) == ("first", 2)


async def test_a_seal_that_is_rolled_back_leaves_no_gap(migrated: str) -> None:
    """A database SEQUENCE for the record numbers would leave one here."""
    dsn = as_runtime(migrated)
    await write(dsn, 4)
    room, sealer = PostgresRecordLog(dsn), PlainSealer()

    class Unstorable(PlainSealer):
        def seal(
            self, head: LogHead | None, division: str, pending: Sequence[PendingRecord],
            at: dt.datetime,
        ) -> Sealed:  # fmt: skip
            sealed = super().seal(head, division, pending, at)
            object.__setattr__(sealed, "sealed_at", None)  # refused after the records
            return sealed

    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            await room.seal(DIVISION, 2, NOW, Unstorable().seal)
    assert await sequence(dsn) == []
    for _ in range(2):
        assert await room.seal(DIVISION, 2, NOW, sealer.seal)
    await room.close()
    assert await sequence(dsn) == [0, 1, 2, 3]


async def test_a_leader_that_says_nothing_loses_the_office_to_another(migrated: str) -> None:
    silent, other = PostgresRecordLog(migrated, office_silent_s=0.2), PostgresRecordLog(migrated)
    assert await silent.lead()
    assert not await other.lead()
    await until(other.lead)
    with pytest.raises(LedgerUnavailable):
        await silent.lead()
    assert not await silent.lead()
    await silent.close()
    await other.close()


async def test_a_sequencer_that_is_stopped_in_the_middle_keeps_nobody_else_from_the_log(
    migrated: str,
) -> None:
    """Or whose host is gone: the server would not know for hours."""
    dsn = as_runtime(migrated)
    await write(dsn, 2)

    async def take_over() -> None:
        other = PostgresRecordLog(dsn)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await other.seal(DIVISION, 10, NOW, PlainSealer().seal)
                    break
                except LedgerUnavailable:
                    await asyncio.sleep(0.02)
        await other.close()

    stopped = PostgresRecordLog(dsn, office_silent_s=0.2)
    with pytest.raises(LedgerUnavailable):
        await stopped.seal(DIVISION, 10, NOW, Interrupted(lambda: elsewhere(take_over())).seal)
    await stopped.close()
    assert await sequence(dsn) == [0, 1], "sealed once, by the other"


async def test_who_is_cut_off_between_two_statements_lets_go_of_what_he_locked(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = "idle_in_transaction_session_timeout"
    assert SETTINGS[silence] == "60s"
    monkeypatch.setitem(SETTINGS, silence, "100ms")
    pool, ended = Pool(as_runtime(migrated), size=1), asyncio.Event()
    with pytest.raises(LedgerUnavailable):
        async with asyncio.timeout(30), pool.transaction() as connection:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.execute("SELECT pg_advisory_xact_lock(42)")
            await ended.wait()
    await pool.execute("SELECT pg_advisory_xact_lock(42)")
    await pool.close()


async def test_the_office_is_lost_with_its_session_and_can_be_taken_again(migrated: str) -> None:
    first, second = PostgresRecordLog(migrated), PostgresRecordLog(migrated)
    assert await first.lead()
    admin = await asyncpg.connect(migrated)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    await admin.close()
    with pytest.raises(LedgerUnavailable):
        await first.lead()
    await until(second.lead)
    assert not await first.lead()
    await first.close()
    await second.close()


async def test_what_was_sealed_a_moment_ago_is_delivered_as_it_is_stored(migrated: str) -> None:
    """Also from the middle, from the start again, and after another sequencer's turn."""
    dsn = as_runtime(migrated)
    await write(dsn, 12)
    room, other, sealer = PostgresRecordLog(dsn), PostgresRecordLog(dsn), PlainSealer()
    for sequencer in (room, room, other, room):
        assert await sequencer.seal(DIVISION, 3, NOW, sealer.seal)
    reader = PostgresRecordLog(dsn)
    for start, limit in ((None, 100), (3, 3), (3, 9), (6, 6), (9, 3), (0, 6), (1, 5), (12, 9)):
        delivery = await room.next_delivery(DIVISION, limit, start)
        assert delivery == await reader.next_delivery(DIVISION, limit, start)
    for each in (room, other, reader):
        await each.close()


async def test_of_a_database_that_lost_a_seal_only_what_it_holds_is_delivered(
    migrated: str,
) -> None:
    dsn = as_runtime(migrated)
    await write(dsn, 4)
    room = PostgresRecordLog(dsn)
    lost = await room.seal(DIVISION, 4, NOW, PlainSealer().seal)
    owner = await asyncpg.connect(migrated)
    await owner.execute("DELETE FROM log_record; DELETE FROM log_checkpoint; DELETE FROM log_head")
    await owner.close()
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        await ledger.record(DIVISION, draft("another history"))
    await write(dsn, 3)
    other = PostgresRecordLog(dsn)
    assert await other.seal(DIVISION, 4, NOW, PlainSealer().seal)
    held = await room.next_delivery(DIVISION, 9)
    assert held == await other.next_delivery(DIVISION, 9)
    assert held and lost and len(held.records) == len(lost.records) == 4
    assert held.records[0].subject == "another history"
    await room.close()
    await other.close()


async def test_how_long_the_oldest_waits_for_the_bureau_is_told_until_it_has_acknowledged(
    migrated: str,
) -> None:
    dsn = as_runtime(migrated)
    await write(dsn, 2)
    watch, log, early = PostgresBacklog(dsn), PostgresRecordLog(dsn), dt.timedelta(hours=2)
    now = dt.datetime.now(dt.UTC)
    assert await watch.untold() == {}, "nothing is sealed"
    await log.seal(DIVISION, 1, now - early, PlainSealer().seal)
    owner = await asyncpg.connect(migrated)
    await owner.execute(
        "INSERT INTO notice (division, subject, created_at, body) VALUES ($1, 's', $2, 'b')",
        DIVISION, now - early / 2,
    )  # fmt: skip
    ages = await watch.untold()
    assert 7200 <= ages[DIVISION, "records"] < 7300 and 3600 <= ages[DIVISION, "notices"] < 3700
    await owner.execute("UPDATE log_head SET acknowledged_size = size")
    await owner.execute("UPDATE notice SET acknowledged_at = now()")
    assert await watch.untold() == {}
    for each in (owner, watch, log):
        await each.close()


async def test_the_office_is_left_to_a_newer_program_and_never_taken_from_one(
    migrated: str,
) -> None:
    """Two releases beside each other: an old one knows not all that the new one writes."""
    dsn = as_runtime(migrated)
    old, other_old = (PostgresRecordLog(dsn, program="0098") for _ in range(2))
    new = PostgresRecordLog(dsn, program="0099")
    assert await old.lead() and not await other_old.lead()
    assert not await new.lead(), "it stands for it, and the old one has not looked yet"
    assert not await old.lead(), "it leaves"
    assert not await other_old.lead()
    await until(new.lead)
    assert not await old.lead() and await new.lead()
    await new.close()
    await until(old.lead)
    assert not await other_old.lead(), "of two of one release the first keeps it"
    await old.close()
    await other_old.close()


def test_a_program_is_as_new_as_the_last_migration_that_it_knows() -> None:
    assert newest_known() == max(path.name for path in MIGRATIONS.glob("*.sql"))[:4]
