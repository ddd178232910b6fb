"""Applying feeds on real PostgreSQL: all or nothing, in order, seen by every process."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from adapters.postgres.oversight.past import PostgresPast
from adapters.postgres.registers.applying import PostgresRegisters
from adapters.postgres.registers.shelf import AgeLimits, PostgresRegisterShelf
from gateway.domain.codes import Register
from gateway.domain.faults import Unreadable, Unready
from gateway.domain.ledger import LimitKey, LimitKind, RecordDraft
from gateway.domain.registers import Registers
from tests.registers.feeds import (
    ACCOUNT,
    CONCEAL,
    DIVISION,
    ID_NUMBER,
    INDICATOR,
    VAULT,
    delta,
    feed,
    put,
    remove,
    snapshot,
)

pytestmark = pytest.mark.postgres

NOW = dt.datetime(2026, 3, 2, 1, 30, tzinfo=dt.UTC)


class Rooms:
    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.registers = PostgresRegisters(f"{dsn}&role=gateway_runtime", CONCEAL, VAULT.vouch)
        limits = AgeLimits(
            register=dt.timedelta(hours=36), registers={Register.LISTS: dt.timedelta(hours=1)}
        )
        self.clock = NOW
        self.shelves = [
            PostgresRegisterShelf(dsn, VAULT.index, lambda: self.clock, limits) for _ in range(2)
        ]

    async def apply(self, document: dict[str, Any]) -> tuple[bool, int | None]:
        loaded = await self.registers.apply(feed(document), ("spiffe://x/bureau", "jws"))
        return loaded.applied, loaded.version

    async def seen(self) -> Registers:
        """By two processes, one of which reads it all anew."""
        running, fresh = (
            self.shelves[0],
            PostgresRegisterShelf(self.dsn, VAULT.index, lambda: self.clock),
        )
        for shelf in (running, fresh):
            await shelf.refresh()
        one, other = running.of(DIVISION, NOW), fresh.of(DIVISION, NOW)
        await fresh.close()
        assert everything(one) == everything(other)
        return one

    async def granted(self, kind: LimitKind, id: str) -> int | None:
        key = LimitKey(kind=kind, id=id)
        found: int | None = await self.ask(
            "SELECT granted_fen FROM limit_line WHERE division = $1 AND kind = $2 AND id = $3",
            DIVISION, key.kind, key.id,
        )  # fmt: skip
        return found

    async def ask(self, question: str, *values: object) -> Any:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(question, *values)
        finally:
            await connection.close()


def everything(registers: Registers) -> dict[str, Any]:
    index = registers.index
    return {
        "accounts": dict(registers.accounts.items()),
        "indicators": dict(registers.indicators.items()),
        "persons": {key: registers.persons._rows[key] for key in registers.persons},  # type: ignore[attr-defined]
        "planned": {key: index.planned_fen.get(key) for key in registers.indicators},
        "lists": (registers.blacklist_accounts, registers.designated_vendors),
        "calendar": registers.calendar,
        "personal": registers.personal(["6228230123456789018", "2200"]),
    }


@pytest.fixture
async def rooms(migrated: str) -> AsyncIterator[Rooms]:
    dsn = migrated if "?" in migrated else f"{migrated}?"
    made = Rooms(dsn)
    yield made
    await made.registers.close()
    for shelf in made.shelves:
        await shelf.close()


async def test_a_delta_changes_its_rows_and_their_limits_and_no_others(rooms: Rooms) -> None:
    assert await rooms.apply(snapshot()) == (True, 1)
    before = await rooms.seen()
    assert await rooms.granted(LimitKind.INDICATOR, "IND-1") == 10_000
    assert await rooms.granted(LimitKind.PLAN, "IND-1") == 10_000
    changed = delta(
        2,
        accounts=[put(ACCOUNT, name="某局"), put(ACCOUNT, account="0799")],
        indicators=[put(INDICATOR, granted="50.00"), put(INDICATOR, id="IND-2")],
        plans=[remove(indicator_id="IND-1", month=3)],
        persons=[remove(id_number=ID_NUMBER)],
        lists={"blacklist_accounts": [{"op": "put", "value": "667"}], "designated_vendors": []},
    )
    assert await rooms.apply(changed) == (True, 2)
    after = await rooms.seen()
    assert before.accounts[ACCOUNT["account"]].name == "某厅", "the version before is as it was"
    assert after.accounts[ACCOUNT["account"]].name == "某局"
    assert after.blacklist_accounts == {"666", "667"}
    assert after.persons.get(ID_NUMBER) is None
    assert await rooms.granted(LimitKind.INDICATOR, "IND-1") == 5_000
    assert await rooms.granted(LimitKind.INDICATOR, "IND-2") == 10_000
    assert await rooms.granted(LimitKind.PLAN, "IND-1") == 6_000
    gone = delta(3, indicators=[remove(id="IND-1")], plans=[remove(indicator_id="IND-1", month=1)])
    assert await rooms.apply(gone) == (True, 3)
    assert await rooms.granted(LimitKind.INDICATOR, "IND-1") == 0
    assert await rooms.granted(LimitKind.PLAN, "IND-1") == 0
    assert "IND-1" not in (await rooms.seen()).indicators


async def test_a_snapshot_replaces_everything_and_may_leap(rooms: Rooms) -> None:
    await rooms.apply(snapshot())
    other = snapshot(version=9, accounts=[{**ACCOUNT, "account": "0799"}], persons=[], plans=[])
    assert await rooms.apply(other) == (True, 9)
    seen = await rooms.seen()
    assert list(seen.accounts) == ["0799"] and len(seen.persons) == 0
    assert await rooms.granted(LimitKind.PLAN, "IND-1") == 0


async def test_what_does_not_follow_changes_nothing(rooms: Rooms) -> None:
    assert await rooms.apply(delta(1, accounts=[])) == (False, None), "no snapshot yet"
    await rooms.apply(snapshot())
    for document in (snapshot(), delta(1, accounts=[]), delta(3, accounts=[])):
        assert await rooms.apply(document) == (False, 1)
    again = await rooms.registers.apply(feed(snapshot()))
    assert again.known and not again.applied
    other = await rooms.registers.apply(feed(snapshot(agencies=[])))
    assert not other.known
    assert (await rooms.seen()).version == 1


async def test_a_row_to_remove_that_is_not_there_is_named_and_nothing_is_applied(
    rooms: Rooms,
) -> None:
    await rooms.apply(snapshot())
    document = delta(
        2, accounts=[put(ACCOUNT, name="x"), remove(account="0799"), remove(account="0798")]
    )
    with pytest.raises(Unreadable) as caught:
        await rooms.apply(document)
    assert {error.field for error in caught.value.errors} == {"accounts[1]", "accounts[2]"}
    assert (await rooms.seen()).accounts[ACCOUNT["account"]].name == "某厅"


async def test_each_version_stays_readable_under_its_number(rooms: Rooms) -> None:
    await rooms.apply(snapshot())
    await rooms.apply(delta(2, accounts=[put(ACCOUNT, name="某局")]))
    await rooms.apply(delta(3, accounts=[remove(account=ACCOUNT["account"])]))
    past = PostgresPast(rooms.dsn, VAULT)
    names = []
    for version in (1, 2, 3):
        read = await past.registers(DIVISION, version)
        assert read
        row = read.accounts.get(ACCOUNT["account"])
        names.append(row and row.name)
        assert (read.persons.get(ID_NUMBER) or row) is not None
    assert names == ["某厅", "某局", None]
    assert await past.registers(DIVISION, 4) is None
    await past.close()


async def test_a_register_past_its_own_age_is_unavailable_alone(rooms: Rooms) -> None:
    made_at = dt.datetime(2026, 3, 2, 0, 0, tzinfo=dt.UTC)
    await rooms.apply(snapshot())
    shelf = rooms.shelves[0]

    async def stale(after: dt.timedelta) -> set[Register]:
        rooms.clock = made_at + after
        await shelf.refresh()
        return set(shelf.of(DIVISION, rooms.clock).unavailable)

    assert await stale(dt.timedelta(hours=1)) == set()
    assert await stale(dt.timedelta(hours=1, seconds=1)) == {Register.LISTS}
    # What a delta speaks of is young again, and nothing else.
    said = {"blacklist_accounts": [], "designated_vendors": []}
    await rooms.apply(delta(2, lists=said) | {"as_of": "2026-03-02T10:00:00+08:00"})
    assert await stale(dt.timedelta(hours=2)) == set()
    assert await stale(dt.timedelta(hours=36, seconds=1)) == set(Register)
    others: dict[str, Any] = {each.value: [] for each in Register if each is not Register.LISTS}
    await rooms.apply(delta(3, **others) | {"as_of": "2026-03-03T20:00:00+08:00"})
    assert await stale(dt.timedelta(hours=36, seconds=1)) == {Register.LISTS}
    ages = shelf.ages(rooms.clock)
    assert ages[DIVISION, "accounts"] == 1.0 and ages[DIVISION, "lists"] == 34 * 3600 + 1


async def test_every_process_sees_a_new_version_by_itself(rooms: Rooms) -> None:
    await rooms.apply(snapshot())
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = [group.create_task(shelf.run()) for shelf in rooms.shelves]
        for version in range(2, 6):
            await rooms.apply(delta(version, accounts=[put(ACCOUNT, name=f"第{version}厅")]))
            for shelf in rooms.shelves:
                await arrived(shelf, version)
        for task in running:
            task.cancel()


async def arrived(shelf: PostgresRegisterShelf, version: int) -> None:
    while True:
        try:
            if shelf.of(DIVISION, NOW).version == version:
                return
        except Unready:
            pass  # not read yet
        await asyncio.sleep(0.005)


async def test_each_version_is_recorded_once_whoever_looks(rooms: Rooms) -> None:
    await rooms.apply(snapshot())
    await rooms.apply(delta(2, accounts=[]))
    found = await rooms.registers.unrecorded(DIVISION, 10)
    assert [(each.version, each.kind, each.signer) for each in found] == [
        (1, "snapshot", "spiffe://x/bureau"), (2, "delta", "spiffe://x/bureau"),
    ]  # fmt: skip
    assert len({each.rows_digest for each in found}) == 2, "what each put and ended"
    draft = RecordDraft(kind="register_applied", subject="", body=b'{"seq":null}')
    assert await rooms.registers.record(DIVISION, 1, draft)
    assert not await rooms.registers.record(DIVISION, 1, draft)
    assert [each.version for each in await rooms.registers.unrecorded(DIVISION, 10)] == [2]


async def test_what_a_million_rows_take_is_waited_for(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their digest takes seconds; a version that is never read in time is never on record."""
    await rooms.apply(snapshot())
    monkeypatch.setattr("adapters.postgres.session.READ_DEADLINE_S", 0.0)
    assert [each.version for each in await rooms.registers.unrecorded(DIVISION, 10)] == [1]


async def test_no_number_of_a_person_stands_in_any_table(rooms: Rooms) -> None:
    await rooms.apply(snapshot())
    connection = await asyncpg.connect(rooms.dsn)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        rows = await connection.fetch(f'SELECT t::text FROM "{table}" AS t')
        for (text,) in rows:
            assert ID_NUMBER not in text, table
            assert ID_NUMBER.encode().hex() not in text, table
    await connection.close()
