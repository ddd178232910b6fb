"""Window entries go once no window can reach them, never before, whatever a clock says."""

import datetime as dt

import asyncpg
import pytest

from adapters.postgres.oversight import past as past_module
from adapters.postgres.oversight.past import PostgresPast
from certs.people import PeopleVault
from tests.adapters.postgres.conftest import as_runtime

pytestmark = pytest.mark.postgres

TODAY = dt.date.today()  # noqa: DTZ011  the server's own day is what is compared with
REACH = dt.timedelta(days=400)


async def put(database: str, *days: dt.date) -> None:
    connection = await asyncpg.connect(database)
    try:
        for number, day in enumerate(days):
            await connection.execute(
                "INSERT INTO window_entry VALUES ('220000000', 2026, '8202', $1, 1, $2, 5,"
                " 'JL-044.cash', 'k', '')", f"n{number}", day,
            )  # fmt: skip
    finally:
        await connection.close()


async def left(database: str) -> int:
    connection = await asyncpg.connect(database)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM window_entry"))
    finally:
        await connection.close()


@pytest.fixture
async def past(migrated: str):  # type: ignore[no-untyped-def]
    rooms = PostgresPast(as_runtime(migrated), PeopleVault(b"k" * 32))
    yield rooms
    await rooms.close()


async def test_only_what_is_out_of_reach_is_taken(migrated: str, past: PostgresPast) -> None:
    await put(migrated, TODAY, TODAY - REACH, TODAY - REACH - dt.timedelta(days=1))
    assert await past.prune_windows(TODAY) == 1
    assert await past.prune_windows(TODAY) == 0
    assert await left(migrated) == 2


async def test_a_clock_that_is_years_ahead_takes_nothing(migrated: str, past: PostgresPast) -> None:
    await put(migrated, TODAY - dt.timedelta(days=1), TODAY - dt.timedelta(days=300))
    assert await past.prune_windows(TODAY + dt.timedelta(days=3_000)) == 0
    assert await left(migrated) == 2


@pytest.mark.parametrize(
    ("newest", "today"),
    [(0, -10), (-500, 0), (3_000, 3_000)],
    ids=["a clock set back", "nothing new for long", "a clock ahead that has written already"],
)
async def test_of_three_clocks_the_one_that_is_behind_counts(
    migrated: str, past: PostgresPast, newest: int, today: int
) -> None:
    """Ours, the server's, and the newest day that anybody wrote."""
    old = 405 if today < 0 else 300 if newest > 0 else 700
    await put(migrated, *(TODAY + dt.timedelta(days=day) for day in (newest, -old)))
    assert await past.prune_windows(TODAY + dt.timedelta(days=today)) == 0
    assert await left(migrated) == 2


async def test_a_long_past_is_taken_in_pieces(
    migrated: str, past: PostgresPast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_module, "PRUNED_MAX", 2)
    await put(migrated, TODAY, *(TODAY - REACH - dt.timedelta(days=n) for n in range(1, 6)))
    assert [await past.prune_windows(TODAY) for _ in range(4)] == [2, 2, 1, 0]


async def test_who_has_nothing_to_prune_does_not_go_through_all_entries(
    migrated: str, past: PostgresPast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest day of them all takes as long as there are many: asked only for what is old."""
    await put(migrated, TODAY, TODAY - REACH)

    async def never(_today: dt.date) -> int:
        raise AssertionError("it went through them")

    monkeypatch.setattr(past, "_prune_windows", never)
    assert await past.prune_windows(TODAY) == 0
