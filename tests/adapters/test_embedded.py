"""The embedded PostgreSQL: private, durable, restartable, and never left behind."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.embedded import server as embedded
from adapters.postgres.embedded.binaries import (
    ROOTS_STAND_IN,
    EmbeddedUnavailable,
    installed_binaries,
    refuse_unnamed_user,
    throwaway_folder,
)
from adapters.postgres.embedded.server import EmbeddedPostgres
from tests.patience import wait_until

try:
    BINARIES = installed_binaries()
    refuse_unnamed_user()
except EmbeddedUnavailable as missing:
    pytest.skip(str(missing), allow_module_level=True)

PROGRAM = """
import sys
from pathlib import Path
from adapters.postgres.embedded.server import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), throwaway=len(sys.argv) > 2)
server.start()
print("ready", flush=True)
sys.stdin.read()
server.stop()
"""

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    made = throwaway_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def test_the_database_of_a_test_is_empty_and_durable(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert await connection.fetchval(tables) == 0
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await connection.close()


async def test_nobody_else_gets_in(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        dsn = server.create_database("bank")
        assert (_mode(folder), _mode(folder / "password")) == (0o700, 0o600)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn, password="guessed")
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SHOW listen_addresses") == ""
        await connection.close()


@pytest.mark.slow
async def test_a_second_start_finds_the_data_even_after_a_kill(folder: Path) -> None:
    first = _program(folder)
    server = _server_of(folder)
    first.kill()
    first.communicate()
    _await_gone(server)
    with EmbeddedPostgres(folder) as again:
        connection = await asyncpg.connect(again.create_database("bank"))
        await connection.execute("CREATE TABLE kept (n int)")
        await connection.close()
    with EmbeddedPostgres(folder) as again:
        connection = await asyncpg.connect(again.create_database("bank"))
        assert await connection.fetchval("SELECT count(*) FROM kept") == 0
        await connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_its_program_and_takes_its_folder_along(
    folder: Path, ending: signal.Signals
) -> None:
    program = _program(folder, "throwaway")
    server = _server_of(folder)
    program.send_signal(ending)
    program.communicate()
    _await_gone(server)
    wait_until(lambda: not folder.exists())


@pytest.mark.slow
def test_killed_by_somebody_it_leaves_its_data_and_says_where(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = EmbeddedPostgres(folder, throwaway=True)
    server.start()
    os.kill(server.processes[0], signal.SIGKILL)
    assert server._keeper is not None
    server._keeper.wait(30)
    server.stop()
    assert server.died and (folder / "data" / "PG_VERSION").exists()
    assert str(folder) in capfd.readouterr().err
    assert "ended by itself (-9)" in (folder / "postgres.log").read_text("utf-8")
    again = EmbeddedPostgres(folder, throwaway=True)
    again.start()
    again.stop()
    assert not again.died and not folder.exists(), "what ends in order leaves nothing"


@pytest.mark.slow
def test_it_stops_when_its_keeper_is_killed(folder: Path) -> None:
    program = _program(folder)
    server = _server_of(folder)
    keeper = _parent_of(server)
    assert keeper != program.pid
    os.kill(keeper, signal.SIGKILL)
    _await_gone(server)
    program.communicate()


@pytest.mark.slow
def test_a_pid_file_that_names_a_living_stranger_is_no_hindrance(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        note = (folder / "data" / "postmaster.pid").read_text()
    stranger = subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, user=_owner(folder)
    )
    lines = note.split("\n")
    (folder / "data" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]))
    try:
        with EmbeddedPostgres(folder) as server:
            server.create_database("bank")
    finally:
        stranger.communicate()


@pytest.mark.slow
async def test_after_a_crash_of_the_whole_cluster_it_starts_on_what_was_committed(
    folder: Path,
) -> None:
    server = EmbeddedPostgres(folder, throwaway=True)
    with server:
        dsn = server.create_database("bank")
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE kept (n int)")
        crashed = server.processes
        server.crash()
        with pytest.raises((ConnectionError, asyncpg.PostgresConnectionError)):
            await connection.execute("INSERT INTO kept VALUES (1)")
        assert server.start() == dsn.replace("/bank?", "/postgres?")
        assert set(server.processes).isdisjoint(crashed)
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT count(*) FROM kept") == 0
        await connection.close()
    wait_until(lambda: not folder.exists())


@pytest.mark.slow
def test_a_socket_lock_that_names_a_living_stranger_is_no_hindrance(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        lock = folder / "run" / ".s.PGSQL.5432.lock"
        note = lock.read_text()
    lock.write_text("\n".join(["1", *note.split("\n")[1:]]))
    with EmbeddedPostgres(folder) as server:
        server.create_database("bank")


@pytest.mark.slow
def test_a_folder_in_use_is_refused_by_name(folder: Path) -> None:
    with (
        EmbeddedPostgres(folder),
        pytest.raises(EmbeddedUnavailable, match=f"in use by process {os.getpid()}"),
    ):
        EmbeddedPostgres(folder).start()


@pytest.mark.slow
def test_a_first_start_that_was_cut_short_is_done_again(folder: Path) -> None:
    (folder / "data.half").mkdir()
    (folder / "data.half" / "PG_VERSION").write_text("18\n")
    (folder / "password").write_text("an older attempt\n")
    with EmbeddedPostgres(folder) as server:
        server.create_database("bank")


@pytest.mark.slow
def test_a_deep_folder_keeps_its_socket_elsewhere_and_removes_it(folder: Path) -> None:
    deep = folder / ("d" * 100)
    folder.chmod(0o711)
    with EmbeddedPostgres(deep) as server:
        server.create_database("bank")
        sockets = server._sockets
        assert sockets.parent != deep
    assert not sockets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")
def test_root_is_told_that_the_folder_is_out_of_reach_and_nothing_is_opened(folder: Path) -> None:
    with pytest.raises(EmbeddedUnavailable, match=f"user {ROOTS_STAND_IN} .* cannot reach"):
        EmbeddedPostgres(folder / "pg").start()
    assert _mode(folder) == 0o700


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")
def test_root_runs_binaries_that_only_root_can_reach(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = BINARIES.parent.parent
    shutil.copytree(BINARIES.parent, tmp_path / package.name / BINARIES.parent.name)
    libraries = package.with_name(package.name + ".libs")
    shutil.copytree(libraries, tmp_path / libraries.name)
    tmp_path.chmod(0o700)
    hidden = tmp_path / package.name / BINARIES.parent.name / "bin"
    monkeypatch.setattr(embedded, "installed_binaries", lambda _version=None: hidden)
    with EmbeddedPostgres(folder) as server:
        server.create_database("bank")
        started = Path("/proc", str(_server_of(folder)), "exe").resolve()
        assert started.is_relative_to(folder / "binaries")


def _program(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(embedded.__file__).parents[3],
    )
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    return program


def _server_of(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])


def _parent_of(pid: int) -> int:
    return int(Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[1])


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _owner(folder: Path) -> int:
    return pwd.getpwuid(folder.stat().st_uid).pw_uid


def _await_gone(pid: int) -> None:
    wait_until(lambda: not Path("/proc", str(pid)).exists())
