"""A bureau whose host is lost in the middle of something is in nobody's way."""

import asyncio

import asyncpg
import pytest

from adapters.postgres.bureau import pool as bureau_pool
from adapters.postgres.bureau.log import BureauStore
from adapters.postgres.bureau.pool import connection_of, open_pool
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
    lock = statements("bureau/log")["lock_log"]
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


async def test_a_standby_in_the_primarys_place_is_waited_for(kept: str) -> None:
    """A failover shows the new connections of a moment a server that takes no writes: a worker that
    died of it would end the bureau."""
    pool = await open_pool(kept)
    async with connection_of(pool) as connection:
        name = await connection.fetchval("SELECT current_database()")
    owner = await asyncpg.connect(kept)
    await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await pool.expire_connections()
    with pytest.raises(StoreUnavailable, match="takes no writes"):
        async with connection_of(pool):
            pass
    await owner.execute("SET default_transaction_read_only = off")
    await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    async with connection_of(pool) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await owner.close()
    await pool.close()
