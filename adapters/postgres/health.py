"""A look at the database before relying on it: reachable, durable, of this program's schema."""

import asyncpg
import attrs

from adapters.postgres.migrate import MIGRATIONS, MigrationRefused, unapplied
from adapters.postgres.reach import connect
from adapters.postgres.session import CONNECT_DEADLINE_S, LOST, Connection
from adapters.postgres.statements import statements
from gateway.domain.faults import DatabaseUnreached, LedgerUnavailable

_SQL = statements("session")


@attrs.frozen(kw_only=True)
class Health:
    server: str
    """Its version, such as `15.4`."""
    synchronous_commit: str
    fsync: str
    standbys: int
    """Servers that follow this one."""
    synchronous: str
    """`synchronous_standby_names`: which of them a commit waits for; empty for none."""
    log_kept_mib: int
    """`min_wal_size`: how much of the write-ahead log's files stay to be used again."""
    unarchived: str
    """At which file of the write-ahead log archiving stopped; empty: it goes on, or is off."""
    read_only: bool
    """A standby, or a server that was told to take no writes."""
    full: bool
    """Its disk has no room for a file of half a megabyte."""
    schema: str
    """Name of the newest migration applied; empty if there is none."""
    missing: tuple[str, ...]
    """Migrations of this program that are not applied yet."""
    edited: str
    """Why the history of migrations cannot be this program's; empty if it can."""


FULL = "no room left: it answers, and takes nothing until there is (runbooks/database-down)"


async def is_full(dsn: str) -> bool:
    """Changes nothing. Raises LedgerUnavailable with the driver's own words."""
    connection = await _reached(dsn)
    try:
        return await _is_full(connection)
    except LOST as error:
        raise LedgerUnavailable(f"{type(error).__name__}: {error}") from error
    finally:
        await connection.close()


async def health(dsn: str) -> Health:
    """Changes nothing. Raises LedgerUnavailable with the driver's own words."""
    connection = await _reached(dsn)
    try:
        durability = await connection.fetchrow(_SQL["durability"])
        assert durability is not None
        version = connection.get_server_version()
        try:
            schema, missing, edited = *await unapplied(connection, MIGRATIONS), ""
        except MigrationRefused as refused:
            schema, missing, edited = "", [], str(refused)
        return Health(
            server=f"{version.major}.{version.minor}",
            synchronous_commit=durability["synchronous_commit"],
            fsync=durability["fsync"],
            standbys=durability["standbys"],
            synchronous=durability["synchronous"],
            log_kept_mib=durability["log_kept_mib"],
            unarchived=durability["unarchived"] or "",
            read_only=durability["read_only"],
            full=await _is_full(connection),
            schema=schema,
            missing=tuple(missing),
            edited=edited,
        )
    except LOST as error:
        raise LedgerUnavailable(f"{type(error).__name__}: {error}") from error
    finally:
        await connection.close()


async def _reached(dsn: str) -> Connection:
    try:
        return await connect(dsn, deadline_s=CONNECT_DEADLINE_S)
    except (*LOST, ValueError) as error:
        words = (
            str(error)
            if isinstance(error, DatabaseUnreached)
            else f"{type(error).__name__}: {error}"
        )
        raise LedgerUnavailable(words) from error


async def _is_full(connection: Connection) -> bool:
    """A server whose disk is full answers every question, and takes nothing: found by trying only.
    What is tried is a sort's temporary file, which changes nothing and leaves nothing."""
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL work_mem = '64kB'")
            await connection.fetchval(_SQL["spill"])
    except asyncpg.DiskFullError:
        return True
    except asyncpg.ConfigurationLimitExceededError:  # temp_file_limit: nothing is known
        return False
    return False
