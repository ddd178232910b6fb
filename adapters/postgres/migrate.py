"""Forward-only migrations: plain SQL files in order, applied once, known by their checksums."""

import asyncio
import hashlib
import time
from pathlib import Path

import asyncpg

from adapters.postgres.reach import connect
from adapters.postgres.session import LOST
from adapters.postgres.statements import statements
from gateway.domain.faults import DatabaseUnreached

MIGRATIONS = Path(__file__).parent / "migrations"
CONNECT_DEADLINE_S = 10.0
OTHERS_WAIT_MS = 5_000
"""So long another program that migrates this database is waited for."""
TABLE_WAIT_MS = 300
"""A file waits no longer for a table that is in use. Whoever comes after it waits behind it, the
payments of the gateways that run on among them, which give up after 1.5 s (HUNG_AFTER_S)."""
TRIES_PAUSE_S = 0.7
"""Between two tries of a file, so that all who waited behind it have their turn."""
TRIES_DEADLINE_S = 60.0
"""A file is tried for so long, each time whole; then the rest is left for another run."""
GONE_CHECK_MS = 1_000
"""The server looks so often whether we are still there: of a program that was killed in the midst
the statement ends, and with it the lock, before the next one has given up waiting."""
LATE = frozenset(
    {
        "0046_one_commit.sql",
        "0047_lines_weighed_as_locked.sql",
        "0052_register_vouchers.sql",
        "0053_one_index_by_time.sql",
        "0029_seating.sql",
        "0030_seal_salt.sql",
        "0034_trail_searches.sql",
        "0035_withdrawn_state.sql",
        "0036_rare_searches.sql",
        "0041_policy_questions.sql",
    }
)
"""Numbered before others and landed after them: there are databases that have the others only. In
either order they make the same schema (decision 0082). No file is added here: number it last."""

_SQL = statements("migrate")


class MigrationFailed(OSError):
    """The database could not be reached, or refused a statement; what was applied before stays."""


class MigrationRefused(ValueError):
    """The database is newer than this program, or a file that was applied has changed or is gone:
    history is never edited."""


async def migrate(dsn: str, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing; the names of the files applied now, in order. Safe to run twice.

    Each file is one transaction. Raises MigrationRefused before anything is applied,
    MigrationFailed.
    """
    try:
        return await _migrate(dsn, folder)
    except DatabaseUnreached as error:
        raise MigrationFailed(str(error)) from error
    except LOST as error:
        raise MigrationFailed(f"{type(error).__name__}: {error}") from error


async def _migrate(dsn: str, folder: Path) -> list[str]:
    waits = {
        "lock_timeout": str(OTHERS_WAIT_MS),
        "client_connection_check_interval": str(GONE_CHECK_MS),
    }
    connection = await connect(dsn, deadline_s=CONNECT_DEADLINE_S, settings=waits)
    missing, done = ["the history"], list[str]()
    try:
        newest, missing = await unapplied(connection, folder)
        if newest and not missing:  # the runtime role may look, and no more
            return []
        await connection.execute(_SQL["lock"])
        await connection.execute(_SQL["wait_for_tables"], str(TABLE_WAIT_MS))
        await connection.execute(_SQL["create_history"])
        applied = {row["name"]: row["checksum"] for row in await connection.fetch(_SQL["history"])}
        files = _files(folder)
        _refuse_edited_history(applied, files)
        missing = [name for name in files if name not in applied]
        for name in missing:
            await _apply(connection, name, files[name])
            done.append(name)
        return done
    except asyncpg.InsufficientPrivilegeError as error:
        why = str(error).splitlines()[0]
        raise MigrationFailed(
            f"this role may not apply {missing[len(done)]} ({why}): migrate as the database's"
            " owner, who needs CREATEROLE where the database is new, then start again"
        ) from error
    except asyncpg.LockNotAvailableError as error:
        raise MigrationFailed(
            "another program migrates this database, or a table is in use by a long statement:"
            " what was applied so far stays, the rest is untouched; run it again"
        ) from error
    finally:
        await connection.close()


async def unapplied(connection: asyncpg.Connection, folder: Path) -> tuple[str, list[str]]:
    """The newest applied file's name and the names of those to apply; changes nothing.

    Raises MigrationRefused.
    """
    there = await connection.fetchval(_SQL["has_history"])
    rows = await connection.fetch(_SQL["history"]) if there else []
    applied = {row["name"]: row["checksum"] for row in rows}
    files = _files(folder)
    _refuse_edited_history(applied, files)
    return max(applied, default=""), [name for name in files if name not in applied]


def newest_known() -> str:
    """The number of the last migration that this program knows."""
    return max(_files(MIGRATIONS))[:4]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[0-9]*_*.sql"))}


async def _apply(connection: asyncpg.Connection, name: str, body: bytes) -> None:
    """Raises LockNotAvailableError: a table was in use all the time."""
    deadline = time.monotonic() + TRIES_DEADLINE_S
    while True:
        try:
            return await _try(connection, name, body)
        except asyncpg.LockNotAvailableError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(TRIES_PAUSE_S)


async def _try(connection: asyncpg.Connection, name: str, body: bytes) -> None:
    async with connection.transaction():
        await connection.execute(body.decode("utf-8"))
        await connection.execute(_SQL["remember"], name, _checksum(body))


def _refuse_edited_history(applied: dict[str, bytes], files: dict[str, bytes]) -> None:
    last = max(files, default="")
    if (newest := max(applied, default="")) > last and newest not in files:
        raise MigrationRefused(
            f"this database is newer than this program: {newest} is applied to it, and this program"
            f" ends at {last}; start the program that migrated it, or a newer one"
        )
    for name, checksum in applied.items():
        if name not in files:
            raise MigrationRefused(f"{name} was applied to this database but its file is gone")
        if _checksum(files[name]) != checksum:
            raise MigrationRefused(f"{name} was changed after it had been applied")
    for name in files:
        if name < newest and name not in applied and name not in LATE:
            raise MigrationRefused(f"{name} sorts before {newest}, which is already applied")


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
