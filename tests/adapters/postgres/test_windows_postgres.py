"""Windows on the real server: who waits for whom, and what a commit that is under way hides."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from structlog.testing import capture_logs

from adapters.postgres.ledger.commits import CommitWork
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.registers.applying import PostgresRegisters
from gateway.domain.ledger import Admission, Admitted, Moved
from gateway.domain.windows import Measure
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import (
    admission,
    ask,
    registers,
    settlement,
    share,
    window,
)

pytestmark = pytest.mark.postgres

Admin = asyncpg.Connection
WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
    WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted"""


@pytest.fixture
async def ledger(migrated: str) -> AsyncIterator[PostgresLedger]:
    rooms = PostgresRegisters(as_runtime(migrated))
    await rooms.load(b"registers", registers(1, {f"IND-{n}": 1_000_000 for n in range(8)}))
    await rooms.close()
    async with PostgresLedger(as_runtime(migrated), instance="gw-1") as ledger:
        yield ledger


@pytest.fixture
async def other(migrated: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Another gateway's connection, whose commit the test holds back."""
    connection = await asyncpg.connect(as_runtime(migrated))
    yield connection
    await connection.close()


async def _under_way(other: Admin, first: Admission) -> None:  # type: ignore[type-arg]
    work = CommitWork("gw-2")
    await work.prepare(other)
    assert await work.commit(other, uuid.uuid4(), [first]) == [Admitted()]


async def _waits(watch: str) -> None:
    """Until somebody waits for an advisory lock."""
    connection = await asyncpg.connect(watch)
    try:
        async with asyncio.timeout(60):
            while not await connection.fetchval(WAITING):
                pass
    finally:
        await connection.close()


async def test_a_decision_waits_for_the_half_that_is_being_committed_and_then_sees_it(
    migrated: str, ledger: PostgresLedger, other: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    held = other.transaction()
    await held.start()
    await _under_way(other, admission(1, lines=["IND-1"], shares=[share(3_000)]))
    second = asyncio.create_task(
        ledger.admit(admission(2, lines=["IND-2"], asks=[ask(0)], shares=[share(3_000)]))
    )
    await _waits(migrated)
    await held.commit()
    assert await second == Moved(values={window(): 3_000})


async def test_what_asks_is_not_overtaken_by_what_it_did_not_see(
    migrated: str, ledger: PostgresLedger, other: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    """The asker is under way first; a share of another gateway waits until it has committed."""
    held = other.transaction()
    await held.start()
    await _under_way(other, admission(1, lines=["IND-1"], asks=[ask(0)]))
    second = asyncio.create_task(ledger.admit(admission(2, lines=["IND-2"], shares=[share(3_000)])))
    await _waits(migrated)
    await held.commit()
    assert await second == Admitted()


async def test_those_who_only_share_do_not_wait_for_each_other(
    ledger: PostgresLedger, other: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    held = other.transaction()
    await held.start()
    await _under_way(other, admission(1, lines=["IND-1"], shares=[share(1)]))
    second = admission(2, lines=["IND-2"], shares=[share(1)])
    assert await ledger.admit(second) == Admitted()
    await held.commit()


async def test_a_batch_of_many_keys_takes_few_locks(ledger: PostgresLedger) -> None:
    """Vouchers of many details in a full batch: more keys than the server has locks for."""
    answers = await asyncio.gather(
        *(
            ledger.admit(
                admission(n, 0, ["IND-1"], asks=[ask(0, key=f"{n}-{k}") for k in range(60)],
                          shares=[share(1, key=f"{n}-{k}") for k in range(60)])
            )
            for n in range(200)
        )
    )  # fmt: skip
    assert set(map(type, answers)) == {Admitted}


async def test_two_gateways_with_many_windows_never_wait_in_a_circle(
    migrated: str, ledger: PostgresLedger
) -> None:
    async with PostgresLedger(as_runtime(migrated), instance="gw-2") as second:
        rooms = (ledger, second)

        async def pay(n: int) -> object:
            keys = [str((n * 7 + step * 13) % 40) for step in range(5)]
            wanted = admission(
                n, 10, [f"IND-{n % 8}", f"IND-{(n + 3) % 8}"],
                asks=[ask(0, Measure.COUNT, key=key) for key in keys[:2] if n % 3],
                shares=[share(10, key=key) for key in keys],
            )  # fmt: skip
            answer = await rooms[n % 2].admit(wanted)
            if isinstance(answer, Admitted) and n % 4:
                assert await rooms[n % 3 % 2].settle(settlement(n))
            return answer

        with capture_logs() as logs:
            answers = await asyncio.gather(*(pay(n) for n in range(400)))
    assert logs == [], "no batch failed and was tried again in halves"
    assert set(map(type, answers)) == {Admitted, Moved}


async def test_a_window_s_rows_say_whose_they_are_and_the_running_role_cannot_change_them(
    migrated: str, ledger: PostgresLedger, other: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    for n in range(6):
        await ledger.admit(admission(n, lines=["IND-1"], shares=[share(n), share(n, key="x")]))
    rows = await other.fetch(
        "SELECT voucher_no, place, window_id, window_key, day, value FROM window_entry "
        "ORDER BY voucher_no, place"
    )
    day = share(0).day
    assert [tuple(row) for row in rows] == [
        (str(n), place, "JL-044.cash", key, day, n)
        for n in range(6)
        for place, key in ((1, "101001"), (2, "x"))
    ]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await other.execute("DELETE FROM window_entry")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await other.execute("SELECT add_shares(NULL,'{}','{}','{}','{}','{}','{}','{}','{}','{}',"
                            "'{}','{}','{}','{}')")  # fmt: skip


async def test_where_one_of_a_batch_asks_the_lock_is_exclusive(migrated: str) -> None:
    """Windows share 1,024 locks: one that is asked may meet one that is only shared in."""
    owner = await asyncpg.connect(migrated)
    try:
        async with owner.transaction():
            await owner.execute(
                "SELECT lock_windows(ARRAY['a', 'a', 'b'], ARRAY['w', 'w', 'w'],"
                " ARRAY['k', 'k', 'k'], ARRAY[true, false, false])"
            )
            modes = await owner.fetch(
                "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            )
    finally:
        await owner.close()
    assert sorted(row["mode"] for row in modes) == ["ExclusiveLock", "ShareLock"]
