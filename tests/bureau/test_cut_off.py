"""A bureau whose host is lost in the middle of something is in nobody's way."""

import asyncio

import pytest

from adapters.postgres import bureau_pool
from adapters.postgres.bureau_pool import connection_of, open_pool
from adapters.postgres.bureau_store import BureauStore
from adapters.postgres.statements import statements
from bureau.ports import LogPlace
from gateway.domain.faults import StoreUnavailable
from gateway.domain.people import IN_CLEAR

pytestmark = pytest.mark.postgres


async def test_who_is_cut_off_while_it_takes_a_delivery_lets_go_of_the_log(
    kept: str, place: LogPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would not know for hours; and the next bureau waits for the log's row."""
    assert bureau_pool.SILENT_MAX == "60s"
    monkeypatch.setattr(bureau_pool, "SILENT_MAX", "100ms")
    pool, ended = await open_pool(kept), asyncio.Event()
    await BureauStore(pool, IN_CLEAR).open_log(place.division, place.bank, place.origin)
    lock = statements("bureau_log")["lock_log"]
    with pytest.raises(StoreUnavailable):
        async with (
            asyncio.timeout(30), connection_of(pool) as connection, connection.transaction(),
        ):  # fmt: skip
            connection.add_termination_listener(lambda _: ended.set())
            assert await connection.fetchrow(lock, place.division, place.bank)
            await ended.wait()
    async with asyncio.timeout(30), connection_of(pool) as next_one, next_one.transaction():
        assert await next_one.fetchrow(lock, place.division, place.bank)
    await pool.close()
