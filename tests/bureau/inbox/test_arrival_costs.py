"""What arrives at the bureau costs what it is about: the log behind it may be of any length."""

import datetime as dt

import asyncpg
import pytest

from tests.bureau.words import Bureau

pytestmark = pytest.mark.postgres
LOG = """
    INSERT INTO log_record (division, bank, seq, kind, subject, body, leaf_hash)
    SELECT division, bank, n, 'verdict', division || '/2026/8202/' || n,
           convert_to(repeat('x', 900), 'UTF8'), sha256(n::text::bytea)
    FROM log, generate_series(0, 29999) AS n"""
READ = """
    SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::integer FROM pg_stat_xact_user_tables
    WHERE relname = 'log_record'"""
HELD = """
    INSERT INTO interception (
        division, fiscal_year, voucher_type, voucher_no, bank, outcome, agency_code, agency_name,
        payee_name, amount_fen, policies, reason_zh, decided_at, record_seq)
    SELECT division, 2026, '8202', 'H' || n, bank, 'held', '101001', 'a', 'p', 100, '{JL-020}', 'r',
           now(), n
    FROM log, generate_series(1, 20) AS n"""


@pytest.mark.parametrize("analyzed", [False, True])
async def test_a_hold_is_looked_up_in_the_log_and_the_log_is_not_walked(
    bureau: Bureau, kept: str, analyzed: bool
) -> None:
    """Asked for its last word alone, the server once read the whole log for each hold."""
    owner = await asyncpg.connect(kept)
    try:
        await owner.execute(LOG)
        if analyzed:
            await owner.execute("ANALYZE")
        async with owner.transaction():
            await owner.execute(HELD)
            read = await owner.fetchval(READ)
            await owner.execute("UPDATE interception SET state = ''")
            assert await owner.fetchval(READ) <= 200 and read <= 200
    finally:
        await owner.close()


AGAIN = """
    INSERT INTO interception AS i (
        division, fiscal_year, voucher_type, voucher_no, bank, outcome, agency_code, agency_name,
        payee_name, amount_fen, policies, reason_zh, decided_at, record_seq)
    SELECT division, 2026, '8202', 'N' || n, bank, CASE n % 9 WHEN 0 THEN 'held' ELSE 'blocked' END,
        '101001', repeat('a', 40), repeat('p', 40), $1, '{JL-020}', repeat('r', 200), $2, n
    FROM log, generate_series(1, 100) AS n
    ON CONFLICT (division, fiscal_year, voucher_type, voucher_no, bank) DO UPDATE
    SET outcome = EXCLUDED.outcome, amount_fen = EXCLUDED.amount_fen,
        record_seq = EXCLUDED.record_seq, state = EXCLUDED.state"""
UPDATED = """
    SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'interception'"""
FIGURES = "SELECT coalesce(sum(count), 0), coalesce(sum(amount_fen), 0), count(*) FROM stat_delta"


async def test_a_line_that_is_told_again_is_counted_once_and_enters_no_index_twice(
    bureau: Bureau, kept: str
) -> None:
    """Also when its writer does not say its state, as one of an earlier version does not."""
    owner, now = await asyncpg.connect(kept), dt.datetime.now(dt.UTC)
    try:
        async with owner.transaction():
            await owner.execute(AGAIN, 100, now)
            assert not await owner.fetchval(
                "SELECT count(*) FROM interception WHERE state <> outcome"
            )
            assert await owner.fetchval("SELECT count(*) FROM open_hold") == 11
            first = await owner.fetchrow(FIGURES)
        async with owner.transaction():
            await owner.execute(AGAIN, 100, now)
            assert tuple(await owner.fetchrow(UPDATED)) == (100, 100)
            assert await owner.fetchrow(FIGURES) == first
        async with owner.transaction():
            await owner.execute(AGAIN, 101, now)
            count, fen, _ = await owner.fetchrow(FIGURES)
            assert (count, fen) == (first[0], first[1] * 101 / 100)
            await owner.execute("UPDATE interception SET outcome = 'blocked'")
            assert not await owner.fetchval(
                "SELECT count(*) FROM interception WHERE state <> outcome"
            )
            assert await owner.fetchval("SELECT count(*) FROM open_hold") == 0
            await owner.execute("UPDATE interception SET outcome = 'held' WHERE voucher_no = 'N1'")
            assert await owner.fetchval("SELECT count(*) FROM open_hold") == 1
    finally:
        await owner.close()
