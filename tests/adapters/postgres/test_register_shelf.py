"""The registers in memory: fresh by notification and by asking, honest about their age."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import pytest
import structlog

from adapters.postgres.registers.applying import PostgresRegisters
from adapters.postgres.registers.shelf import AgeLimits, PostgresRegisterShelf
from gateway.domain.codes import Register
from gateway.domain.faults import LedgerUnavailable, Unreadable, Unready
from tests.adapters.postgres.storage_builders import DIVISION, NOW, registers

pytestmark = pytest.mark.postgres

TICK = dt.timedelta(microseconds=1)


class Rooms:
    def __init__(self, dsn: str) -> None:
        self.clock = NOW
        self.load = PostgresRegisters(dsn)
        self.shelf = PostgresRegisterShelf(
            dsn, str, lambda: self.clock,
            AgeLimits(poll=dt.timedelta(seconds=30), register=dt.timedelta(hours=36)),
        )  # fmt: skip

    async def put(self, version: int) -> None:
        await self.load.load(b"%d" % version, registers(version, {}))


@pytest.fixture
async def rooms(migrated: str) -> AsyncIterator[Rooms]:
    rooms = Rooms(migrated)
    yield rooms
    await rooms.load.close()
    await rooms.shelf.close()


async def test_nothing_loaded_is_not_ready_and_a_stranger_is_unknown(rooms: Rooms) -> None:
    for _ in range(2):
        with pytest.raises(Unready):
            rooms.shelf.of(DIVISION, NOW)
        await rooms.shelf.refresh()
    await rooms.put(1)
    await rooms.shelf.refresh()
    assert rooms.shelf.of(DIVISION, NOW).version == 1
    with pytest.raises(Unreadable):
        rooms.shelf.of("999999999", NOW)


@pytest.mark.parametrize(
    ("later", "stale"),
    [
        (dt.timedelta(seconds=30), False),
        (dt.timedelta(seconds=31), True),
        (dt.timedelta(seconds=-31), True),
    ],
)
async def test_a_copy_not_compared_with_the_database_goes_stale(
    rooms: Rooms, later: dt.timedelta, stale: bool
) -> None:
    await rooms.put(1)
    await rooms.shelf.refresh()
    held = rooms.shelf.of(DIVISION, NOW + later)
    assert held.unavailable == (frozenset(Register) if stale else frozenset())


async def test_a_snapshot_the_bureau_made_long_ago_is_stale_however_often_we_ask(
    rooms: Rooms,
) -> None:
    await rooms.put(1)
    for hours, stale in ((36, False), (37, True)):
        rooms.clock = NOW + dt.timedelta(hours=hours)
        await rooms.shelf.refresh()
        assert bool(rooms.shelf.of(DIVISION, rooms.clock).unavailable) == stale


async def test_what_ends_its_age_between_two_looks_at_the_database_is_stale_from_that_moment(
    rooms: Rooms,
) -> None:
    """Nothing new is taken meanwhile: what was found out of its age must not stand longer."""
    await rooms.put(1)
    ends = NOW + dt.timedelta(hours=36)
    rooms.clock = ends - dt.timedelta(seconds=10)
    await rooms.shelf.refresh()
    for moment, stale in ((rooms.clock, False), (ends, False), (ends + TICK, True)):
        assert bool(rooms.shelf.of(DIVISION, moment).unavailable) == stale, moment


@pytest.mark.parametrize(("days_ahead", "stale"), [(1, False), (2, True), (36_500, True)])
async def test_a_snapshot_from_the_future_is_not_fresh_until_then(
    rooms: Rooms, days_ahead: int, stale: bool
) -> None:
    await rooms.put(1)
    rooms.clock = NOW - dt.timedelta(days=days_ahead)
    await rooms.shelf.refresh()
    assert bool(rooms.shelf.of(DIVISION, rooms.clock).unavailable) == stale


async def test_a_version_that_cannot_be_read_makes_what_is_held_unavailable(
    rooms: Rooms, migrated: str
) -> None:
    await rooms.put(1)
    await rooms.shelf.refresh()
    await rooms.put(2)
    admin = await asyncpg.connect(migrated)
    await admin.execute(
        "INSERT INTO register_row (division, register, key, since, body)"
        f" VALUES ('{DIVISION}', 'persons', 'x', 2, 'not a row')"
    )
    await admin.close()
    await rooms.shelf.refresh()
    assert rooms.shelf.of(DIVISION, NOW).unavailable == frozenset(Register)
    await rooms.put(3)
    await rooms.shelf.refresh()
    held = rooms.shelf.of(DIVISION, NOW)
    assert (held.version, held.unavailable) == (3, frozenset())


async def test_a_new_version_arrives_by_itself_also_after_the_connections_were_cut(
    rooms: Rooms, migrated: str
) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(rooms.shelf.run())
        await rooms.put(1)
        await arrived(rooms, 1)
        admin = await asyncpg.connect(migrated)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        await admin.close()
        await asyncio.sleep(0)
        again = PostgresRegisters(migrated)
        await again.load(b'{"version": 2}', registers(2, {}))
        await again.close()
        await arrived(rooms, 2)
        running.cancel()


async def arrived(rooms: Rooms, version: int) -> None:
    while True:
        try:
            if rooms.shelf.of(DIVISION, NOW).version == version:
                return
        except Unready:
            pass
        await asyncio.sleep(0.01)


async def test_a_database_that_is_down_is_said_once_a_minute_and_when_it_is_back(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of an outage of an hour had 7,200 lines of this."""
    true = rooms.shelf._pool

    class Lost:
        async def fetch(self, *_: object) -> None:
            raise LedgerUnavailable("the database cannot be reached")

    monkeypatch.setattr(rooms.shelf, "_pool", Lost())
    with structlog.testing.capture_logs() as lines:
        for half_seconds in range(250):
            await rooms.shelf.look(half_seconds / 2)
        monkeypatch.setattr(rooms.shelf, "_pool", true)
        for half_seconds in range(250, 255):
            await rooms.shelf.look(half_seconds / 2)
    events = [line["event"] for line in lines]
    assert events == 3 * ["registers.not_refreshed"] + ["registers.refreshed_again"]
