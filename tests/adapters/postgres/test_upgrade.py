"""Upgrading: files that landed late, a database that is newer, a program killed in the midst."""

import asyncio
import shutil
import sys
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.ledger.groupcommit import HUNG_AFTER_S
from adapters.postgres.migrate import LATE, MIGRATIONS, MigrationRefused, migrate
from tests.patience import until

pytestmark = pytest.mark.postgres

BUREAU = MIGRATIONS.with_name("migrations_bureau")
KILLED = """
import asyncio, sys
from pathlib import Path
from adapters.postgres.migrate import migrate
asyncio.run(migrate(sys.argv[1], Path(sys.argv[2])))
"""
RUNS = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> $1"
WAITS = """
SELECT count(*) FROM pg_locks
WHERE relation = to_regclass('one') AND mode = 'AccessExclusiveLock' AND NOT granted
"""
DEFINED = """
SELECT 'table', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
        || coalesce(c.relacl, '{}')::text
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef, '' FROM pg_indexes
WHERE schemaname = 'public'
UNION ALL SELECT 'function', proname, pg_get_function_identity_arguments(oid),
    CASE prokind WHEN 'a' THEN '' ELSE pg_get_functiondef(oid) END, coalesce(proacl, '{}')::text
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4, 5
"""


def copied(folder: Path, target: Path, keep: str, without: frozenset[str] = frozenset()) -> Path:
    """The files of a folder up to the number `keep`."""
    shutil.copytree(folder, target)
    for path in target.glob("*.sql"):
        if path.name[:4] > keep or path.name in without:
            path.unlink()
    return target


async def defined(dsn: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(DEFINED)
    await connection.close()
    return [tuple(row) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "newest", "late"),
    [
        (MIGRATIONS, "0056", ("0046", "0047", "0052", "0053")),
        (MIGRATIONS, "0065", ("0047",)),
        (BUREAU, "0055", ("0029", "0030", "0034", "0035", "0036", "0041")),
    ],
)
async def test_an_installation_of_the_days_on_which_files_landed_late_is_upgraded(
    database: str, tmp_path: Path, migrated_once, folder: Path, newest: str,
    late: tuple[str, ...],
) -> None:  # fmt: skip
    without = frozenset(name for name in LATE if name[:4] in late and (folder / name).exists())
    assert len(without) == len(late)
    await migrate(database, copied(folder, tmp_path / "then", newest, without))
    assert without <= set(await migrate(database, folder))
    async with migrated_once(folder) as fresh:
        assert await defined(database) == await defined(fresh)


async def test_no_other_file_comes_late(database: str, tmp_path: Path) -> None:
    without = frozenset({"0050_refund_signature.sql"})
    await migrate(database, copied(MIGRATIONS, tmp_path / "then", "0056", without))
    with pytest.raises(MigrationRefused, match="sorts before"):
        await migrate(database)


@pytest.mark.parametrize("folder", [MIGRATIONS, BUREAU])
async def test_a_program_that_is_older_than_the_database_is_told_so_and_changes_nothing(
    tmp_path: Path, migrated_once, folder: Path
) -> None:
    older = copied(folder, tmp_path / "older", "0060")
    ends = max(path.name for path in older.glob("*.sql"))
    async with migrated_once(folder) as dsn:
        before = await defined(dsn)
        with pytest.raises(MigrationRefused, match=f"newer than this program: .* ends at {ends}"):
            await migrate(dsn, older)
        assert await defined(dsn) == before


async def test_a_migration_that_was_killed_in_the_midst_is_run_again(
    database: str, tmp_path: Path
) -> None:
    """The server notices that the program is gone while a statement still runs."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (x int)")
    midst = tmp_path / "0002_two.sql"
    midst.write_text("CREATE TABLE two (x int); SELECT pg_sleep(600)")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, database, str(tmp_path)
    )
    watching = await asyncpg.connect(database)
    await until(lambda: watching.fetchval(RUNS, watching.get_server_pid()))
    program.kill()
    await program.wait()
    midst.write_text("CREATE TABLE two (x int)")
    assert await migrate(database, tmp_path) == ["0002_two.sql"]
    assert await watching.fetchval("SELECT count(*) FROM migration") == 2
    await watching.close()


async def test_payments_are_kept_by_no_migration_that_waits_for_a_long_reader(
    database: str, tmp_path: Path
) -> None:
    """Whoever wants the table stands behind the migration: it gives way, and tries again."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (x int)")
    assert await migrate(database, tmp_path)
    (tmp_path / "0002_more.sql").write_text("ALTER TABLE one ADD y int")
    dump = await asyncpg.connect(database)
    reading = dump.transaction()
    await reading.start()
    await dump.execute("SELECT FROM one")
    line = await asyncpg.connect(
        database, server_settings={"lock_timeout": str(round(HUNG_AFTER_S * 1000))}
    )
    migrating = asyncio.create_task(migrate(database, tmp_path))
    async with asyncio.timeout(60):
        for _ in range(2):
            while not await line.fetchval(WAITS):  # noqa: ASYNC110  another session is watched
                await asyncio.sleep(0.02)
            await line.execute("INSERT INTO one VALUES (1)")
        await reading.rollback()
        assert await migrating == ["0002_more.sql"]
    await line.close()
    await dump.close()
