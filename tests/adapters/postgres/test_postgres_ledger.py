"""What only the real server can show: locks, roles, checks, lost connections."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from adapters.postgres.health import health
from adapters.postgres.ledger import groupcommit
from adapters.postgres.ledger.commits import CommitWork
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.registers.applying import PostgresRegisters
from adapters.postgres.session import UnsafeServer
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import Admitted, Short, Standing
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    admission,
    draft,
    key,
    line,
    registers,
    settlement,
)
from tests.limits import limit_at

pytestmark = pytest.mark.postgres


@pytest.fixture
async def admin(migrated: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(migrated)
    yield connection
    await connection.close()


@pytest.fixture
async def ledger(migrated: str) -> AsyncIterator[PostgresLedger]:
    rooms = PostgresRegisters(as_runtime(migrated))
    await rooms.load(b"registers", registers(1, {"IND-1": 10_000, "IND-2": 10_000}))
    await rooms.close()
    async with PostgresLedger(as_runtime(migrated), instance="gw-1") as ledger:
        yield ledger


WITHIN_S = 2.0
PATIENCE_S = 60.0
HUNG_AFTER_S = groupcommit.HUNG_AFTER_S
"""As in service: for a test it is longer (tests/conftest.py)."""
Admin = asyncpg.Connection


async def test_synchronous_commit_off_is_refused(migrated: str, admin: Admin) -> None:  # type: ignore[type-arg]
    name = await admin.fetchval("SELECT current_database()")
    for value in ("off", "local", "remote_write"):
        await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
        with pytest.raises(UnsafeServer, match=f"synchronous_commit = {value}"):
            async with PostgresLedger(migrated, instance="gw-1"):
                pass
    async with PostgresLedger(migrated, instance="gw-1", allow_unsafe=True) as ledger:
        await ledger.record(DIVISION, draft("x"))


async def test_a_server_that_takes_no_writes_is_refused_and_the_doctor_names_it(
    migrated: str,
    admin: Admin,  # type: ignore[type-arg]
) -> None:
    name = await admin.fetchval("SELECT current_database()")
    assert not (await health(migrated)).read_only
    await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(UnsafeServer, match="takes no writes"):
        async with PostgresLedger(migrated, instance="gw-1", allow_unsafe=True):
            pass
    assert (await health(migrated)).read_only


async def test_the_running_role_cannot_change_what_is_append_only(
    migrated: str, ledger: PostgresLedger
) -> None:
    await ledger.admit(admission(1))
    await ledger.settle(settlement(1))
    connection = await asyncpg.connect(as_runtime(migrated))
    assert await connection.fetchval("SELECT current_user") == "gateway_runtime"
    tables = "instruction settlement told_record told_batch log_record log_subtree"
    tables += " register_snapshot"
    for table in tables.split():
        for change in (f"UPDATE {table} SET division = division", f"DELETE FROM {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    for change in (
        "INSERT INTO instruction DEFAULT VALUES",
        "UPDATE instruction_2026 SET division = division",
        "UPDATE log_checkpoint SET text = ''",
        "DELETE FROM log_checkpoint",
        "TRUNCATE instruction",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
    await connection.close()


async def test_the_table_itself_refuses_to_be_overdrawn(
    ledger: PostgresLedger, admin: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    await ledger.admit(admission(1, 9_000))
    for change in (
        "reserved_fen = reserved_fen + 1001",
        "posted_fen = 1001",
        "ceiling_fen = 10001",
        "reserved_fen = -1",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(f"UPDATE limit_line SET {change} WHERE id = 'IND-1'")


async def test_reserved_and_posted_recompute_from_the_rows(
    ledger: PostgresLedger, admin: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    numbers = range(60)
    await asyncio.gather(
        *(ledger.admit(admission(n, 10 + n, ("IND-1", "IND-2")[: 1 + n % 2])) for n in numbers)
    )
    await asyncio.gather(*(ledger.settle(settlement(n)) for n in numbers if n % 3))
    assert await admin.fetch(RECOMPUTED) == await admin.fetch(KEPT)


RECOMPUTED = """
    SELECT d.id,
           coalesce(sum(d.fen) FILTER (WHERE s.bank IS NULL), 0) AS reserved_fen,
           coalesce(sum(d.fen) FILTER (WHERE s.bank = 'accepted'), 0) AS posted_fen
    FROM instruction AS i CROSS JOIN LATERAL unnest(i.limit_ids, i.demand_fen) AS d (id, fen)
         LEFT JOIN settlement AS s USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE i.outcome = 'passed' GROUP BY d.id ORDER BY d.id"""
KEPT = """
    SELECT id, reserved_fen::numeric, posted_fen::numeric FROM limit_line
    WHERE reserved_fen + posted_fen > 0 ORDER BY id"""


async def test_two_gateways_on_one_limit_lose_no_update_and_never_overspend(
    migrated: str, ledger: PostgresLedger, admin: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    async with PostgresLedger(as_runtime(migrated), instance="gw-2") as second:
        rooms = (ledger, second)

        async def pay(n: int) -> Admitted | Short | Standing:
            answer = await rooms[n % 2].admit(admission(n, 70, ("IND-1", "IND-2")))
            if isinstance(answer, Admitted) and n % 5:
                assert await rooms[n % 3 % 2].settle(settlement(n))
            return answer

        with capture_logs() as logs:
            answers = await asyncio.gather(*(pay(n) for n in range(400)))
    assert logs == [], "no batch failed and was tried again in halves"
    passed = sum(isinstance(answer, Admitted) for answer in answers)
    assert passed == 10_000 // 70, "the limit was reached, and not passed"
    assert await admin.fetch(RECOMPUTED) == await admin.fetch(KEPT)
    assert await admin.fetchval("SELECT count(*) FROM open_payment") == sum(
        isinstance(answer, Admitted) and n % 5 == 0 for n, answer in enumerate(answers)
    )


WAITING_FOR_US = """
    SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"""


@pytest.mark.parametrize("beside", ["nothing", "a settlement"])
async def test_a_balance_that_another_is_just_spending_is_waited_for(
    ledger: PostgresLedger, admin: Admin, beside: str  # type: ignore[type-arg]
) -> None:  # fmt: skip
    """Read without a lock it would be spent twice, or the batch would fail at the CHECK."""
    if beside == "a settlement":
        assert await ledger.admit(admission(2, 10, ("IND-2",))) == Admitted()
    spending = admin.transaction()
    await spending.start()
    await admin.execute("UPDATE limit_line SET reserved_fen = 9950 WHERE id = 'IND-1'")
    with capture_logs() as logs:
        waits = asyncio.create_task(ledger.admit(admission(1, 100)))
        settles = asyncio.create_task(ledger.settle(settlement(2)))
        async with asyncio.timeout(PATIENCE_S):
            while not await admin.fetchval(WAITING_FOR_US):
                assert not waits.done(), "it waited for nobody"
                await asyncio.sleep(0.01)
        await spending.commit()
        answer = await waits
    assert await settles is (beside == "a settlement")
    assert isinstance(answer, Short) and answer.available_fen == 50
    assert logs == [], "no batch failed and was tried again"


async def test_forty_limits_that_run_out_at_two_gateways_at_once_are_spent_exactly(
    migrated: str, admin: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    """The boundary is crossed on each line, by both, with most of it in one batch of each."""
    dsn = as_runtime(migrated)
    ids = [f"IND-{n:02d}" for n in range(40)]
    rooms = PostgresRegisters(dsn)
    await rooms.load(b"registers", registers(1, dict.fromkeys(ids, 100)))
    await rooms.close()
    async with (
        PostgresLedger(dsn, instance="gw-1") as first,
        PostgresLedger(dsn, instance="gw-2") as second,
    ):
        with capture_logs() as logs:
            answers = await asyncio.gather(
                *(
                    room.admit(admission(f"{id}-{n}-{at}", 30, (id,)))
                    for n in range(3)
                    for id in ids
                    for at, room in enumerate((first, second))
                )
            )
    assert logs == [], "no batch ran into the table's CHECK and was tried again in halves"
    assert sum(isinstance(answer, Admitted) for answer in answers) == 3 * 40
    assert await admin.fetch("SELECT id FROM limit_line WHERE reserved_fen <> 90") == []


async def test_after_an_unknown_commit_only_our_own_attempt_counts(
    ledger: PostgresLedger, admin: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    admitted, settled = admission(1), settlement(1)
    await ledger.admit(admitted)
    await ledger.settle(settled)
    commit_1 = await admin.fetchval("SELECT attempt FROM instruction")
    commit_2 = await admin.fetchval("SELECT attempt FROM settlement")
    work = CommitWork("gw-1")
    assert await work.find(admin, commit_1, [settled, admitted]) == [None, Admitted()]
    assert await work.find(admin, commit_2, [settled, admitted]) == [True, None]
    assert await work.find(admin, uuid.uuid4(), [admitted, settled]) == [None, None]


class _Sealed:
    """Opens nothing but its own."""

    def __init__(self, mark: bytes) -> None:
        self.mark = mark

    def seal_bytes(self, plain: bytes) -> bytes:
        return self.mark + plain

    def open_bytes(self, sealed: bytes) -> bytes:
        if not sealed.startswith(self.mark):
            raise ValueError("sealed under another key, or altered")
        return bytes(sealed).removeprefix(self.mark)


async def test_one_that_cannot_be_read_again_takes_no_other_ones_answer_away(
    migrated: str, ledger: PostgresLedger
) -> None:
    """Its neighbours were committed with it: whoever commits them once more meets their own rows,
    takes them for somebody else's, and never forwards what passed."""
    dsn = as_runtime(migrated)
    async with PostgresLedger(dsn, instance="gw-1", sealing=_Sealed(b"old")) as before:
        assert isinstance(await before.admit(admission(1)), Admitted)
    async with PostgresLedger(dsn, instance="gw-2", sealing=_Sealed(b"new")) as after:
        answers = await asyncio.gather(
            *(after.admit(admission(n)) for n in (1, 2, 3)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [LedgerUnavailable, Admitted, Admitted]
        with pytest.raises(LedgerUnavailable, match="cannot be read"):
            await after.standing(key(1))
        assert after.trouble is None


async def test_what_was_committed_and_cannot_be_told_is_looked_up_and_not_committed_again(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        monkeypatch.undo()
        raise ValueError("what came back is not what was expected")

    monkeypatch.setattr("adapters.postgres.ledger.admission.AdmissionWork.answers", broken)
    answers = await asyncio.gather(*(ledger.admit(admission(n)) for n in (1, 2)))
    assert [type(answer) for answer in answers] == [Admitted] * 2


async def test_text_no_database_can_hold_fails_alone(ledger: PostgresLedger) -> None:
    answers = await asyncio.gather(
        *(
            ledger.admit(replace(admission(n), party=party))
            for n, party in enumerate(("a", "nul\x00", "b", "\ud800", "c"))
        ),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [
        Admitted, LedgerUnavailable, Admitted, LedgerUnavailable, Admitted,
    ]  # fmt: skip


async def test_a_killed_connection_is_replaced_and_nobody_is_told_wrong(
    ledger: PostgresLedger, admin: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    told: dict[int, object] = {}

    async def pay(n: int) -> None:
        try:
            told[n] = await ledger.admit(admission(n, 1))
        except LedgerUnavailable as unknown:
            told[n] = unknown

    for round in range(20):
        tasks = [asyncio.create_task(pay(n)) for n in range(round * 30, round * 30 + 30)]
        await asyncio.sleep(0)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND query LIKE '%commit_told%' AND datname = current_database()"
        )
        await asyncio.gather(*tasks)
    kept = {int(row["n"]) for row in await admin.fetch("SELECT voucher_no AS n FROM instruction")}
    admitted = {n for n, answer in told.items() if isinstance(answer, Admitted)}
    assert admitted <= kept and len(told) == 600
    assert await served(ledger, 1000) == Admitted()


async def served(ledger: PostgresLedger, number: int) -> object:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await ledger.admit(admission(number))
            except LedgerUnavailable:
                await asyncio.sleep(0.01)


async def test_an_idle_ledger_whose_connection_was_cut_is_well_again_by_itself(
    ledger: PostgresLedger, admin: Admin  # type: ignore[type-arg]
) -> None:  # fmt: skip
    ours = (
        "FROM pg_stat_activity WHERE application_name = 'treasury-gateway'"
        " AND datname = current_database()"
    )
    cut = {row["pid"] for row in await admin.fetch(f"SELECT pid, pg_terminate_backend(pid) {ours}")}
    assert cut
    async with asyncio.timeout(PATIENCE_S):
        while not {row["pid"] for row in await admin.fetch(f"SELECT pid {ours}")} - cut:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while ledger.trouble:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await ledger.admit(admission(1)) == Admitted()


async def test_a_database_that_hangs_refuses_everybody_in_two_seconds(
    ledger: PostgresLedger, admin: Admin,  # type: ignore[type-arg]
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    held = admin.transaction()
    await held.start()
    await admin.execute("SELECT FROM limit_line FOR UPDATE")
    with monkeypatch.context() as service:
        service.setattr(groupcommit, "HUNG_AFTER_S", HUNG_AFTER_S)
        on_the_way = asyncio.create_task(ledger.admit(admission(1)))
        while not (on_the_way.done() or await admin.fetchval(WAITING_FOR_US)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        newcomer = asyncio.create_task(ledger.admit(admission(2)))
        # However slow the machine is: what is set to ring before this rings before it.
        await asyncio.sleep(WITHIN_S)
        for _ in range(10):
            await asyncio.sleep(0)
        assert newcomer.done() and on_the_way.done(), "they wait for it"
        with pytest.raises(LedgerUnavailable, match="does not answer"):
            await newcomer
        with pytest.raises(LedgerUnavailable, match="not known"):
            await on_the_way
        with pytest.raises(LedgerUnavailable, match="does not answer"):
            await ledger.admit(admission(3))
    await held.rollback()
    assert await served(ledger, 2) == Admitted()
    assert isinstance(await ledger.admit(admission(1)), Standing)


async def test_a_caller_who_gives_up_under_a_shield_stops_no_payment(
    ledger: PostgresLedger,
) -> None:
    inner = asyncio.create_task(ledger.admit(admission(1)))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.shield(inner)
    assert await inner == Admitted()
    assert await ledger.standing(key(1)) is not None


async def test_limits_are_read_as_they_stand(ledger: PostgresLedger) -> None:
    await ledger.admit(admission(1, 250))
    limit = await limit_at(ledger, DIVISION, line())
    assert limit is not None and (limit.reserved_fen, limit.available_fen) == (250, 9_750)
