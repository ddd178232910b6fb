"""A log of many checkpoints: what is asked of it looks at a few rows of them, however many wait.

A busy gateway seals four times a second. A bureau that was away for days leaves hundreds of
thousands of checkpoints behind, and years tens of millions: a query that sorts them all takes
longer than a read may, and what rests on it never comes to an end."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from adapters.postgres.session import Session, open_session
from adapters.postgres.statements import statements
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import DIVISION, NOW

pytestmark = pytest.mark.postgres
MANY, COSIGNED = 4_000, 1_000
"""Checkpoints of ten records each; every tenth of the first thousand was delivered and cosigned."""
FEW = 100
OTHER = "220100000"


@pytest.fixture
async def session(migrated: str) -> AsyncIterator[Session]:
    owner = await asyncpg.connect(migrated)
    for division in (DIVISION, OTHER):
        await owner.execute(
            "INSERT INTO log_head (division, origin, size, acknowledged_size, frontier)"
            " VALUES ($1, 'log', $2, $3, '{}')", division, MANY * 10, COSIGNED * 10,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO log_checkpoint (division, size, sealed_at, text, cosigned, cosigned_at)"
            " SELECT $1, n * 10, $2::timestamptz + n * interval '1 second', 'c' || n,"
            " CASE WHEN n <= $4 AND n % 10 = 0 THEN 'w' || n END,"
            " CASE WHEN n <= $4 AND n % 10 = 0 THEN $2::timestamptz + n * interval '2 seconds' END"
            " FROM generate_series(1, $3::integer) AS n", division, NOW, MANY, COSIGNED,
        )  # fmt: skip
    await owner.execute("ANALYZE log_checkpoint")
    await owner.close()
    opened = await open_session(as_runtime(migrated), allow_unsafe=True)
    yield opened
    await opened.close()


def _at(checkpoint: int) -> dt.datetime:
    return NOW + dt.timedelta(seconds=checkpoint)


ASKED: dict[tuple[str, str], tuple[list[Any], list[tuple[Any, ...]]]] = {
    ("log", "next_checkpoint"): ([DIVISION, 1000, None], [(10_000, 11_000, "c1100")]),
    ("log", "covering_checkpoint"): ([DIVISION, 57], [(100, "w10")]),
    ("past", "sealed_before"): ([DIVISION, _at(2_000)], [(19_990,)]),
    ("past", "sealed_then"): ([DIVISION, 20_000], [(_at(2_001),)]),
    ("export", "cosigned_before"): ([DIVISION, _at(MANY)], [(10_000, "w1000")]),
    ("export", "known_before"): ([DIVISION, _at(MANY)], [(10_000, "w1000")]),
    ("export", "checkpoint_of"): ([DIVISION, 40], [(10_000, "w1000")]),
    ("certificates", "logs"): (
        [],
        [
            (each, MANY * 10, COSIGNED * 10, _at(MANY), _at(2 * COSIGNED))
            for each in (DIVISION, OTHER)
        ],
    ),
}


@pytest.mark.parametrize(("file", "name"), ASKED)
async def test_few_rows_are_looked_at_of_many(session: Session, file: str, name: str) -> None:
    sql, (arguments, expected) = statements(file)[name], ASKED[file, name]
    assert [tuple(row) for row in await session.connection.fetch(sql, *arguments)] == expected
    told = await session.connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
    assert sum(_looked_at(json.loads(told)[0]["Plan"])) < FEW


def _looked_at(node: dict[str, Any]) -> Iterator[float]:
    """Rows that each step gave or threw away."""
    yield node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    for below in node.get("Plans", ()):
        yield from _looked_at(below)


@pytest.mark.parametrize(
    ("limit", "start", "expected"),
    [
        (1000, None, (10_000, 11_000)),
        (5, None, (10_000, 10_010)),
        (10, None, (10_000, 10_010)),
        (10, 3, (3, 10)),
        (1000, MANY * 10 - 5, (MANY * 10 - 5, MANY * 10)),
        (1000, MANY * 10, None),
    ],
)
async def test_the_furthest_checkpoint_within_the_limit_is_next_else_the_nearest_beyond(
    session: Session, limit: int, start: int | None, expected: tuple[int, int] | None
) -> None:
    sql = statements("log")["next_checkpoint"]
    row = await session.connection.fetchrow(sql, DIVISION, limit, start)
    assert (row and (row["start"], row["size"])) == expected


async def test_a_record_that_the_bureau_does_not_hold_is_covered_by_our_own_checkpoint(
    session: Session,
) -> None:
    row = await session.connection.fetchrow(
        statements("log")["covering_checkpoint"], DIVISION, COSIGNED * 10
    )
    assert row and tuple(row) == (COSIGNED * 10 + 10, "c1001")


@pytest.mark.parametrize("checkpoint", [0, 1, 2, 3, 1_999, 2_000, MANY, MANY + 1])
async def test_how_much_was_sealed_before_a_moment_is_found_wherever_it_lies(
    session: Session, checkpoint: int
) -> None:
    sql = statements("past")["sealed_before"]
    (row,) = await session.connection.fetch(sql, DIVISION, _at(checkpoint))
    assert row["size"] == 10 * min(max(checkpoint - 1, 0), MANY)
