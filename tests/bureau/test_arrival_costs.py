"""What arrives at the bureau costs what it is about: the log behind it may be of any length."""

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
    bureau: Bureau, database: str, analyzed: bool
) -> None:
    """Asked for its last word alone, the server once read the whole log for each hold."""
    owner = await asyncpg.connect(database)
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
