"""Migrations: once each, in order, all or nothing, and never edited afterwards."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.migrate import MIGRATIONS, MigrationFailed, MigrationRefused, migrate
from adapters.postgres.statements import statements

pytestmark = pytest.mark.postgres


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


async def tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_every_file_is_applied_once_and_in_order(database: str) -> None:
    names = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert await migrate(database) == names
    assert await migrate(database) == []
    assert {"instruction", "limit_line", "log_record", "register_snapshot"} <= await tables(
        database
    )


async def test_two_programs_that_start_together_migrate_once(database: str) -> None:
    first, second = await asyncio.gather(migrate(database), migrate(database))
    assert sorted([first == [], second == []]) == [False, True]


async def test_a_file_that_fails_leaves_nothing_of_itself(database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_good.sql", "CREATE TABLE good (x int)")
    write(tmp_path, "0002_half.sql", "CREATE TABLE half (x int); SELECT 1 / 0")
    with pytest.raises(MigrationFailed, match="DivisionByZero"):
        await migrate(database, tmp_path)
    assert await tables(database) == {"good", "migration"}
    write(tmp_path, "0002_half.sql", "CREATE TABLE half (x int)")
    assert await migrate(database, tmp_path) == ["0002_half.sql"]


async def test_the_role_that_a_gateway_runs_as_finds_nothing_to_do_or_says_who_must(
    database: str, tmp_path: Path
) -> None:
    await migrate(database)
    runtime = f"{database}{'&' if '?' in database else '?'}role=gateway_runtime"
    assert await migrate(runtime) == []
    newer = shutil.copytree(MIGRATIONS, tmp_path / "newer")
    (newer / "9999_more.sql").write_text("CREATE TABLE more (id integer)")
    with pytest.raises(MigrationFailed, match=r"9999_more\.sql .*migrate as the database's owner"):
        await migrate(runtime, newer)
    assert await migrate(database, newer) == ["9999_more.sql"]
    assert await migrate(runtime, newer) == []


async def test_an_owner_who_may_make_no_role_hears_at_which_file_and_what_is_lacking(
    database: str, tmp_path: Path
) -> None:
    await migrate(database)  # the role of the next line is there
    files = {
        "0001_good.sql": "CREATE TABLE good (x int)",
        "0002_role.sql": "CREATE ROLE another_runtime NOLOGIN",
        "0003_never.sql": "CREATE TABLE never (x int)",
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    connection = await asyncpg.connect(database)
    await connection.execute("DROP TABLE migration; GRANT CREATE ON SCHEMA public TO PUBLIC")
    await connection.close()
    owner = f"{database}{'&' if '?' in database else '?'}role=gateway_runtime"
    with pytest.raises(
        MigrationFailed, match=r"apply 0002_role\.sql \(permission denied.*CREATEROLE"
    ):
        await migrate(owner, tmp_path)


async def test_history_is_not_edited(database: str, tmp_path: Path) -> None:
    write(tmp_path, "0002_two.sql", "CREATE TABLE two (x int)")
    await migrate(database, tmp_path)
    write(tmp_path, "0001_late.sql", "CREATE TABLE late (x int)")
    with pytest.raises(MigrationRefused, match="sorts before"):
        await migrate(database, tmp_path)
    (tmp_path / "0001_late.sql").unlink()
    write(tmp_path, "0002_two.sql", "CREATE TABLE two (x bigint)")
    with pytest.raises(MigrationRefused, match="was changed"):
        await migrate(database, tmp_path)
    (tmp_path / "0002_two.sql").unlink()
    write(tmp_path, "0003_three.sql", "CREATE TABLE three (x int)")
    with pytest.raises(MigrationRefused, match="is gone"):
        await migrate(database, tmp_path)
    assert await tables(database) == {"two", "migration"}


def test_every_statement_says_what_an_empty_result_means() -> None:
    for file in ("ledger", "log", "registers", "migrate", "session"):
        assert statements(file)
