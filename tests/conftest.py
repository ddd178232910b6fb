"""What every test may ask for, a PostgreSQL database of its own; and no process left behind.

GATEWAY_DATABASE, the DSN of a role that may create databases, is used when set; otherwise one
embedded server is started at the first test that needs it and stopped after the last.
"""

import gc
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import typer.main
import typer.testing

from adapters.bureau import https
from adapters.postgres import session
from adapters.postgres.bureau import pool as bureau_pool
from adapters.postgres.embedded.binaries import (
    EmbeddedUnavailable,
    installed_binaries,
    refuse_unnamed_user,
    throwaway_folder,
)
from adapters.postgres.embedded.server import EmbeddedPostgres
from adapters.postgres.ledger import groupcommit
from adapters.postgres.log import recordlog
from adapters.postgres.migrate import MIGRATIONS, migrate
from certs import sealed_key
from tests import sweeper
from tests.examples import name_quick, try_nothing
from tests.halves import SECOND, Halves

MARK = f"GATEWAY_TEST_RUN={secrets.token_hex(8)}"
LEFT_DEADLINE_S = 30.0
LOOK_S = 0.02
BUSY_S = 20.0
CHEAP_KIB = 64
BOUNDS = {
    session: ("CONNECT_DEADLINE_S", "READ_DEADLINE_S"),
    bureau_pool: ("ACQUIRE_DEADLINE_S", "CONNECT_DEADLINE_S"),
    groupcommit: ("HUNG_AFTER_S", "FIND_DEADLINE_S"),
    recordlog: ("LEAD_DEADLINE_S",),
    https: ("CONNECT_DEADLINE_S", "NOTIFY_DEADLINE_S"),
}
SWEEPER: pytest.StashKey[subprocess.Popen[bytes]] = pytest.StashKey()
MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES_MIN = 3 << 30
DESK = Path(__file__).parent / "bureau"
ALL_SLOW = re.compile(r"^pytestmark = .*\bmark\.slow\b", re.MULTILINE)
Migrated = Callable[[Path], AbstractAsyncContextManager[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--halves", action="store_true", help="collect once, run in two processes")


@pytest.hookimpl(tryfirst=True)  # before a profile is asked for by its name
def pytest_configure(config: pytest.Config) -> None:
    name_quick()
    if config.getoption("--halves"):
        config.pluginmanager.register(Halves())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules, tests and the book stay to the end: no search for garbage looks there."""
    gc.disable()
    try:
        return (yield)
    finally:
        try_nothing()
        gc.freeze()
        gc.enable()


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


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file all of whose tests are slow is not even read when the quick ones are asked for."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return True if ALL_SLOW.search(collection_path.read_text("utf-8")) else None


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: of two workers neither shall begin a long one at the end. Of
    each file's tests on PostgreSQL the first is quick enough for `check`, of the desk's those that
    are marked as a walk; the others count as slow."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    seen: set[Path] = set()
    for item in items:
        if item.get_closest_marker("postgres") and not item.get_closest_marker("slow"):
            strays = DESK in item.path.parents and not item.get_closest_marker("walk")
            if strays or item.path in seen:
                item.add_marker(pytest.mark.slow)
            else:
                seen.add(item.path)


def pytest_sessionstart(session: pytest.Session) -> None:
    if _worker(session):  # started by the process that sweeps, and marked with all it starts
        return
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


@pytest.hookimpl(trylast=True)  # after the workers have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that leaves a process behind fails the run; the sweeper then ends the process."""
    if _worker(session):
        return
    deadline = time.monotonic() + LEFT_DEADLINE_S
    while (left := sweeper.marked(MARK)) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    for pid, command in left.items():
        sys.stderr.write(f"\nleft behind by a test: process {pid}: {command}\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    session.config.stash[SWEEPER].communicate()


def _worker(session: pytest.Session) -> bool:
    """Whether this process runs a share of the tests for another one, which tells of all."""
    return hasattr(session.config, "workerinput") or SECOND in session.config.stash


@pytest.fixture(scope="session", autouse=True)
def busy() -> Iterator[None]:
    """In service who waits for so long is told that a database or a bureau hangs; a machine that
    runs tests is busy, and takes that long over an honest answer. Programs keep their bounds."""
    with pytest.MonkeyPatch.context() as patch:
        for module, names in BOUNDS.items():
            for name in names:
                patch.setattr(module, name, BUSY_S)
        yield


@pytest.fixture(scope="session", autouse=True)
def cheap_keys() -> Iterator[None]:
    """Keys are sealed in no time; a sealed key says itself what it costs to open it. What that is
    in service stands in tests/certs/test_sealed_key.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_key, "MEMORY_KIB", CHEAP_KIB)
        yield


@pytest.fixture(scope="session", autouse=True)
def commands_once() -> Iterator[None]:
    """A hundred commands are made of functions once, as by a program, not for each that is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


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


@pytest.fixture(scope="session")
def administrator(database_server: str) -> Iterator[psycopg.Connection]:
    """Makes and drops databases: connected once, and on no event loop, of which each test has its
    own. To connect for either costs as much as to copy a database."""
    with psycopg.connect(database_server, autocommit=True) as connection:
        yield connection


@pytest.fixture
def database(administrator: psycopg.Connection, database_server: str) -> Iterator[str]:
    """The DSN of a database that is empty, this test's own, and dropped after it."""
    with _own(administrator, "template0") as name:
        yield _beside(database_server, name)


@pytest.fixture(scope="session")
def migrated_once(administrator: psycopg.Connection, database_server: str) -> Iterator[Migrated]:
    """Gives copies of a database to which the migrations of a folder were applied, once for all
    tests: to apply them takes ten times as long as to copy what came of them."""
    templates: dict[Path, str] = {}

    @asynccontextmanager
    async def copy(folder: Path) -> AsyncIterator[str]:
        if folder not in templates:
            name = f"m_{secrets.token_hex(8)}"
            _execute(administrator, f"CREATE DATABASE {name} TEMPLATE template0")
            templates[folder] = name
            await migrate(_beside(database_server, name), folder)
        with _own(administrator, templates[folder]) as name:
            yield _beside(database_server, name)

    yield copy
    for name in templates.values():
        _execute(administrator, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def migrated(migrated_once: Migrated) -> AsyncIterator[str]:
    """The DSN of a gateway's database, this test's own, that has all tables and no row."""
    async with migrated_once(MIGRATIONS) as dsn:
        yield dsn


def _memory() -> list[Path]:
    """A file system in memory with room to spare. A fresh database for each test waits for hundreds
    of disk writes otherwise; settings stay as in service, and killing a process loses nothing."""
    if not MEMORY.is_dir():
        return []
    facts = os.statvfs(MEMORY)
    roomy = facts.f_bavail * facts.f_frsize >= MEMORY_FREE_BYTES_MIN
    return [MEMORY] if roomy and not facts.f_flag & os.ST_NOEXEC else []


@contextmanager
def _own(administrator: psycopg.Connection, template: str) -> Iterator[str]:
    name = f"t_{secrets.token_hex(8)}"
    # By copying files, not through the log: half the time for a database that is this small.
    _execute(administrator, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield name
    finally:
        _execute(administrator, f"DROP DATABASE {name} WITH (FORCE)")


def _beside(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def _execute(administrator: psycopg.Connection, statement: str) -> None:
    administrator.execute(statement.encode())
