"""A migration is applied while gateways of before run; they go on afterwards (decision 0141)."""

import asyncpg
import pytest

from adapters.postgres.migrate import MIGRATIONS
from tests.adapters.postgres.beside import felt, seen

pytestmark = pytest.mark.postgres

OLDEST = "0036"
"""No gateway of before has ever been upgraded (test_old_installation.py)."""
_FEW = "a table of few rows, and no payment waits for it"
_BY_STORE_SEALED = "written by store_sealed, as its owner, since 0068"
_BY_COLUMN = "the columns that programs write, it may write"
_WITH_A_VERSION = "programs change them in the transaction of a version, since 0019"
_SEALED_LATER = "records wait for their numbers while the log is read through once; no payment does"
KNOWN: dict[str, dict[str, str]] = {
    "0052_register_vouchers.sql": {
        "register_snapshot is not written while register_snapshot_feed is made": _FEW,
    },
    "0055_correspondence.sql": {
        "hold_end has the new rule hold_end_check": "wider than before, and the rows are few",
        "hold_end has the new rule hold_end_how_check": "the same",
    },
    "0065_policy_questions.sql": {
        "shadow_run has the new rule shadow_run_check1": "of a new column",
        "shadow_run is not written while backtest_one_at_a_time is made": _FEW,
    },
    "0066_one_return_one_count.sql": {
        "refund is not written while refund_serial is made": _FEW,
        "refund: UPDATE of what is stored": "refunds wait while the log is read through once",
    },
    "0068_bodies_once.sql": {
        "log_record has the new rule log_record_has_a_body": "NOT VALID: nothing is read",
        "log_record.body may be empty from now on": "an old program reads no record of a new one:"
        " the runbook says what that means, and 0140 what ended it",
    },
    "0069_warned_flips.sql": {
        "shadow_flip has the new rule shadow_flip_after_check": "wider than before",
        "shadow_flip has the new rule shadow_flip_before_check": "wider than before",
    },
    "0073_words_end.sql": {
        "set_aside is not written while set_aside_ended is made": _FEW,
    },
    "0075_rules_told.sql": {
        "log_record is not written while log_record_of_rules is made": _SEALED_LATER,
    },
    "0076_unpaid_holds_count_no_more.sql": {
        "window_entry: DELETE of what is stored": "few rows, as `prune_windows` takes them",
    },
    "0078_refunds_by_time.sql": {
        "refund is not written while refund_by_time is made": _FEW,
    },
    "0077_certificates_told.sql": {
        "log_record is not written while log_record_of_certificates is made": _SEALED_LATER,
    },
    "0079_registers_by_hand.sql": {
        "limit_line has the new rule grants_come_with_a_version": _WITH_A_VERSION,
        "limit_line has the new rule lines_come_with_a_version": _WITH_A_VERSION,
        "register_age has the new rule ages_come_with_a_version": _WITH_A_VERSION,
        "register_row has the new rule rows_come_with_a_version": _WITH_A_VERSION,
        "gateway_runtime may not any more: limit_line UPDATE": _BY_COLUMN,
        "gateway_runtime may not any more: register_row INSERT": _BY_COLUMN,
        "gateway_runtime may not any more: register_snapshot INSERT": _BY_COLUMN,
        "gateway_runtime may not any more: log_agency INSERT": _BY_STORE_SEALED,
        "gateway_runtime may not any more: log_agency UPDATE": _BY_STORE_SEALED,
        "gateway_runtime may not any more: log_checkpoint INSERT": _BY_STORE_SEALED,
        "gateway_runtime may not any more: log_head INSERT": _BY_STORE_SEALED,
        "gateway_runtime may not any more: log_head UPDATE": _BY_COLUMN,
        "gateway_runtime may not any more: log_record INSERT": _BY_STORE_SEALED,
        "gateway_runtime may not any more: log_subtree INSERT": _BY_STORE_SEALED,
        "gateway_runtime may not any more: pending_record DELETE": _BY_STORE_SEALED,
        "gateway_runtime may not any more: pending_record UPDATE": "no program ever did",
    },
}
"""What was looked at and can be borne, and why."""

BEFORE = """
CREATE TABLE one (x int NOT NULL, y int, CONSTRAINT one_one UNIQUE (x));
CREATE TYPE row_of AS (x int);
CREATE VIEW seen_one AS SELECT x, y FROM one;
CREATE FUNCTION told(x int) RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT SELECT, UPDATE (y) ON one TO gateway_runtime;
"""


async def test_each_migration_does_only_what_a_running_gateway_of_before_can_bear(
    database: str,
) -> None:
    owner = await asyncpg.connect(database)
    found: dict[str, set[str]] = {}
    before = await seen(owner)
    for path in sorted(MIGRATIONS.glob("*.sql")):
        text = path.read_text("utf-8")
        await owner.execute(text)
        after = await seen(owner)
        if path.name[:4] > OLDEST and (each := felt(before, after, text)):
            found[path.name] = each
        before = after
    await owner.close()
    assert found == {name: set(reasons) for name, reasons in KNOWN.items()}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("ALTER TABLE one ADD z int NOT NULL", "one.z must be filled, and nobody knows it"),
        ("ALTER TABLE one ALTER y SET NOT NULL", "one.y must be filled from now on"),
        ("ALTER TABLE one ALTER x DROP NOT NULL", "one.x may be empty from now on"),
        ("DROP VIEW seen_one; ALTER TABLE one DROP y", "one.y is gone"),
        ("DROP VIEW seen_one; ALTER TABLE one ALTER y TYPE bigint", "one.y is of another type"),
        ("DROP VIEW seen_one; ALTER TABLE one ALTER y TYPE bigint",
         "one is written anew, and nobody reads it meanwhile"),
        ("ALTER TABLE one ADD CONSTRAINT least CHECK (x > 0)", "one has the new rule least"),
        ("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN END $$;"
         "CREATE TRIGGER least BEFORE INSERT ON one EXECUTE FUNCTION no()",
         "one has the new rule least"),
        ("CREATE INDEX one_y ON one (y)", "one is not written while one_y is made"),
        ("ALTER TABLE one DROP CONSTRAINT one_one",
         "one has no one_one any more, which tells one row from another"),
        ("ALTER TYPE row_of ADD ATTRIBUTE z int",
         "the type row_of has z besides, and a driver remembers types"),
        ("DROP FUNCTION told", "told(x integer) is gone"),
        ("DROP FUNCTION told;"
         "CREATE FUNCTION told(x int) RETURNS text LANGUAGE sql AS 'SELECT $$$$'",
         "told(x integer) answers otherwise"),
        ("REVOKE SELECT ON one FROM gateway_runtime",
         "gateway_runtime may not any more: one SELECT"),
        ("REVOKE UPDATE (y) ON one FROM gateway_runtime",
         "gateway_runtime may not any more: one.y UPDATE"),
        ("UPDATE one SET y = 1", "one: UPDATE of what is stored"),
        ("-- as said\nWITH all_of AS (SELECT x FROM one) DELETE FROM one USING all_of",
         "one: DELETE of what is stored"),
    ],
)  # fmt: skip
async def test_what_a_running_gateway_cannot_bear_is_found(
    migrated: str, change: str, finding: str
) -> None:
    owner = await asyncpg.connect(migrated)
    await owner.execute(BEFORE)
    before = await seen(owner)
    await owner.execute(change)
    found = felt(before, await seen(owner), change)
    await owner.close()
    assert finding in found


async def test_what_it_can_bear_is_not(migrated: str) -> None:
    owner = await asyncpg.connect(migrated)
    await owner.execute(BEFORE)
    before = await seen(owner)
    change = """
        ALTER TABLE one ADD z int, ADD w int NOT NULL DEFAULT 0;
        CREATE TABLE two (x int NOT NULL CHECK (x > 0)); CREATE INDEX two_x ON two (x);
        CREATE OR REPLACE VIEW seen_one AS SELECT x, y, z FROM one;
        CREATE OR REPLACE FUNCTION told(x int) RETURNS int LANGUAGE plpgsql AS $$
        BEGIN UPDATE one SET y = 1; RETURN 2; END $$;
        INSERT INTO two SELECT x FROM one; GRANT UPDATE ON one TO gateway_runtime;
    """
    await owner.execute(change)
    assert felt(before, await seen(owner), change) == set()
    await owner.close()
