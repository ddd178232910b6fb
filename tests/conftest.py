"""What every test may ask for, a fresh and empty PostgreSQL database; and no process left behind.

GATEWAY_DATABASE, the DSN of a role that may create databases, is used when set; otherwise one
embedded server is started at the first test that needs it and stopped after the last.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.embedded_binaries import (
    EmbeddedUnavailable,
    installed_binaries,
    refuse_unnamed_user,
    throwaway_folder,
)
from tests import sweeper

MARK = f"GATEWAY_TEST_RUN={secrets.token_hex(8)}"
LEFT_DEADLINE_S = 5.0
LOOK_S = 0.02
SWEEPER: pytest.StashKey[subprocess.Popen[bytes]] = pytest.StashKey()
MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES_MIN = 3 << 30


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many vectors that nobody here wrote have passed, by source."""
    counts: dict[str, object] = {}
    for report in terminalreporter.stats.get("passed", []):
        counts |= {
            str(name): number for name, number in report.user_properties
            if str(name).startswith("vectors: ")
        }  # fmt: skip
    for name in sorted(counts):
        terminalreporter.write_line(f"{name}: {counts[name]} passed")


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[SWEEPER] = subprocess.Popen(
        [sys.executable, "-I", "-S", sweeper.__file__, MARK],
        env={},  # bears no mark itself, not even that of a run around this one
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    name, _, value = MARK.partition("=")
    os.environ[name] = value


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that leaves a process behind fails the run; the sweeper then ends the process."""
    deadline = time.monotonic() + LEFT_DEADLINE_S
    while (left := sweeper.marked(MARK)) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    for pid, command in left.items():
        sys.stderr.write(f"\nleft behind by a test: process {pid}: {command}\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    session.config.stash[SWEEPER].communicate()


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The DSN of an administrator on the session's server."""
    if named := os.environ.get("GATEWAY_DATABASE"):
        yield named
        return
    try:
        installed_binaries()
        refuse_unnamed_user()
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
