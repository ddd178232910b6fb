"""What every test may ask for: a fresh, empty PostgreSQL database.

GATEWAY_DATABASE, the DSN of a role that may create databases, is used when set; otherwise one
embedded server is started at the first test that needs it and stopped after the last.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.embedded_binaries import (
    EmbeddedUnavailable,
    installed_binaries,
    throwaway_folder,
)

MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES_MIN = 3 << 30


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The DSN of an administrator on the session's server."""
    if named := os.environ.get("GATEWAY_DATABASE"):
        yield named
        return
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    with EmbeddedPostgres(throwaway_folder(*_memory()), throwaway=True) as server:
        yield server.dsn("postgres")


@pytest.fixture
async def database(database_server: str) -> AsyncIterator[str]:
    """The DSN of a database that is empty, this test's own, and dropped after it."""
    name = f"t_{secrets.token_hex(8)}"
    await _execute(database_server, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlunsplit(urlsplit(database_server)._replace(path=f"/{name}"))
    finally:
        await _execute(database_server, f"DROP DATABASE {name} WITH (FORCE)")


def _memory() -> list[Path]:
    """A file system in memory with room to spare. A fresh database for each test waits for hundreds
    of disk writes otherwise; settings stay as in service, and killing a process loses nothing."""
    if not MEMORY.is_dir():
        return []
    facts = os.statvfs(MEMORY)
    roomy = facts.f_bavail * facts.f_frsize >= MEMORY_FREE_BYTES_MIN
    return [MEMORY] if roomy and not facts.f_flag & os.ST_NOEXEC else []


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
