"""The embedded PostgreSQL: private, durable, restartable, and never left behind."""

import asyncpg
import pytest

pytestmark = pytest.mark.postgres


async def test_the_database_of_a_test_is_empty_and_durable(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert await connection.fetchval(tables) == 0
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await connection.close()
