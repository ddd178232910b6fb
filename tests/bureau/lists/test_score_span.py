"""A bank's score card counts alerts, refused deliveries and payments of the same months."""

import datetime as dt
from pathlib import Path

import pytest

from adapters.postgres import migrate
from adapters.postgres.bureau.pool import Pool
from bureau.desk.people import Office
from bureau.desk.statistics import Score, span_of
from tests.bureau.desks import Desk
from tests.bureau.lists.test_statistics import HOME, alert, at
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, told, verdict

pytestmark = pytest.mark.postgres
MARCH, MAY = dt.date(2026, 3, 2), dt.date(2026, 5, 31)
MIGRATION = next(
    (Path(migrate.__file__).parent / "migrations_bureau").glob("*_passed_by_month.sql")
)


async def score(desk: Desk, since: str, until: str) -> Score:
    span = span_of(since, until, MAY)
    return await desk.rooms.statistics.bank(DIVISION, BANK, span)


async def test_alerts_are_divided_by_the_payments_of_their_own_months(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    many = [verdict(n, recorded_at=at(MAY, n)) for n in range(3_000)]
    few = [verdict(5_000 + n, recorded_at=at(MARCH, n)) for n in range(3)]
    await told(bureau, chain, *many, *few, alert("JL-100", MARCH), alert("JL-104", MAY))
    assert (await score(desk, "2026-03", "2026-03")).points == 80, "three payments, 20 points"
    assert (await score(desk, "2026-05", "2026-05")).points == 99, "5 points for three thousand"
    assert (await score(desk, "2026-03", "2026-05")).points == 92
    assert (await score(desk, "2026-03", "2026-05")).parts[-1][1:] == (3_003, "÷3")
    reviewer = await desk.seat(Office.REVIEWER)
    _, text = await reviewer.get(f"{HOME}/statistics/banks/{BANK}?from=2026-05&to=2026-05")
    assert "按每千笔放行" in text and ">3,000</td>" in text


async def test_a_refused_delivery_takes_points_in_the_months_in_which_it_came(
    desk: Desk, bureau: Bureau
) -> None:
    for day, digest in ((MARCH, b"1"), (MAY, b"2")):
        await bureau.pool.execute(
            "INSERT INTO misbehaviour (division, bank, digest, reason, detail, party, held_size,"
            " shown_checkpoint, first_seen_at, last_seen_at, seen)"
            " VALUES ($1, $2, sha256($3), 'fork', '', '', 0, '', $4, $5, 2)",
            DIVISION, BANK, digest, dt.datetime(*day.timetuple()[:3], tzinfo=dt.UTC),
            dt.datetime(2026, 6, 9, tzinfo=dt.UTC),
        )  # fmt: skip
    assert (await score(desk, "2026-03", "2026-03")).points == 90
    assert (await score(desk, "2026-04", "2026-04")).points == 100
    assert (await score(desk, "2026-03", "2026-05")).points == 80


async def test_what_was_delivered_before_is_counted_as_what_comes_now(
    bureau: Bureau, chain: Chain, pool: Pool
) -> None:
    midnight = at(dt.date(2026, 2, 28)) + 12 * 3_600_000_000
    edges = [-1, 0, 2**53, midnight - 1, midnight, at(dt.date(2199, 12, 31), 5)]
    await told(
        bureau, chain, *[verdict(n, recorded_at=moment) for n, moment in enumerate(edges)],
        verdict(90, "held"), verdict(91, recorded_at=at(MAY)), alert("JL-100", MARCH),
    )  # fmt: skip
    ask = "SELECT value, count FROM log_tally WHERE measure = 'passed' ORDER BY value"
    now = [tuple(row) for row in await pool.fetch(ask)]
    assert ("2026-02", 1) in now and ("2026-03", 1) in now
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute(
            "INSERT INTO log_record (division, bank, seq, kind, subject, body, leaf_hash)"
            " VALUES ($1, $2, 900, 'verdict', '', $3, sha256('1'))",
            DIVISION, BANK, b'not json "passed"',
        )  # fmt: skip
        await connection.execute("DELETE FROM log_tally WHERE measure = 'passed'")
        await connection.execute(MIGRATION.read_text("utf-8"))
        assert [tuple(row) for row in await connection.fetch(ask)] == now
