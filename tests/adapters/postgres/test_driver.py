"""The quickened driver tells arrays, texts and rows apart as it did before."""

from collections import deque

import asyncpg
import pytest
from asyncpg.protocol import protocol

from adapters.postgres.driver import ARRAYS, quicken
from adapters.postgres.session import open_session

pytestmark = pytest.mark.postgres


def test_the_driver_still_has_the_names_that_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this fails after an upgrade, nothing is broken but the saving (decision 0040)."""
    assert quicken()
    assert protocol.IterableABC == ARRAYS
    monkeypatch.delattr(protocol, "SizedABC")
    assert not quicken()


async def test_every_container_of_the_language_is_an_array_and_a_text_is_none(
    database: str,
) -> None:
    session = await open_session(database, allow_unsafe=True)
    try:
        ask = session.connection.fetchval
        await session.connection.execute("CREATE TYPE pair AS (name text, body bytea)")
        for texts in (
            ["一", "b"],
            ("一", "b"),
            {"一": 1, "b": 2}.keys(),
            {1: "一", 2: "b"}.values(),
        ):
            assert await ask("SELECT $1::text[]", texts) == ["一", "b"]
        assert await ask("SELECT array_length($1::bigint[], 1)", {1, 2}) == 2
        assert await ask("SELECT $1::int[]", [[1, 2], [3, 4]]) == [[1, 2], [3, 4]]
        rows = await ask("SELECT $1::pair[]", [("a", b"\x00"), {"name": "b"}, None])
        assert [row and tuple(row) for row in rows] == [("a", b"\x00"), ("b", None), None]
        for no_array in ("text", b"bytes", 1, {"a": 1}, deque([1]), iter([1])):
            with pytest.raises(asyncpg.DataError):
                await ask("SELECT $1::text[]", no_array)
    finally:
        await session.close()
