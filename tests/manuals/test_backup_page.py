"""runbooks/backup-and-restore.md: its own lines, run on a server, bring back the last commit."""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.postgres.embedded.binaries import throwaway_folder
from adapters.postgres.embedded.server import ADMIN, PORT, EmbeddedPostgres
from adapters.postgres.health import health
from gateway.examining.examine import database
from gateway.examining.finding import State
from gateway.settings import Secrets

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "backup-and-restore.md"
LOOK_S = 0.05


def _blocks(kind: str) -> list[str]:
    """The fenced lines of the page of that kind, in order."""
    found = re.findall(rf"^ *```{kind}\n(.*?)^ *```", PAGE.read_text("utf-8"), re.DOTALL | re.M)
    return ["".join(line.strip() + "\n" for line in block.splitlines()) for block in found]


ARCHIVING = _blocks("ini")[0]
KEPT, PUT_BACK = _blocks("sh")


class Server(EmbeddedPostgres):
    """A server whose operator types what the page says, as the server's own user."""

    def type(self, lines: str, **named: str) -> subprocess.CompletedProcess[str]:
        """In the folder in which `data` lies."""
        said = "".join(f"export {name}='{value}'\n" for name, value in named.items())
        return self._run(Path("/bin"), ["bash", "-euc", f"{said}{lines}"])

    def archive(self) -> None:
        self.type(f"mkdir -p {self.wal}")
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(ARCHIVING.replace("/backup/wal", str(self.wal)))
        self.stop()
        self.start()

    def copy(self) -> None:
        password = (self.folder / "password").read_text("ascii").strip()
        reached = f"host={self._sockets} port={PORT} user={ADMIN} password={password}"
        ran = self._run(
            self._binaries(),
            ["pg_basebackup", "-d", reached, "-D", str(self.base), "-X", "none", "-c", "fast"],
        )
        assert ran.returncode == 0, ran.stdout

    def opened(self) -> None:
        """Started, until it has replayed all there is."""
        self.start()
        while self.ask("SELECT pg_is_in_recovery()") == "t":
            time.sleep(LOOK_S)

    def ask(self, statement: str) -> str:
        return self._psql(statement)

    def put_back(self, lost: Path) -> None:
        ran = self.type(PUT_BACK, BASE=str(self.base), WAL=str(self.wal), LOST=str(lost))
        assert ran.returncode == 0, ran.stdout

    @property
    def wal(self) -> Path:
        return self.folder / "backup" / "wal"

    @property
    def base(self) -> Path:
        return self.folder / "backup" / "base"


@pytest.fixture
def server() -> Iterator[Server]:
    folder = throwaway_folder()
    one = Server(folder)
    try:
        one.start()
        one.archive()
        yield one
    finally:
        one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_copy_that_opened_too_early_is_not_the_one_that_a_second_attempt_follows(
    server: Server,
) -> None:
    server.ask("CREATE TABLE payment AS SELECT 1 AS number")
    server.copy()
    server.ask("INSERT INTO payment VALUES (2)")
    server.ask("SELECT pg_switch_wal()")
    server.ask("INSERT INTO payment VALUES (3)")
    server.crash()
    kept = server.type(KEPT.replace("/backup/base-DATE", str(server.base)))
    assert kept.returncode == 0, kept.stdout
    lost, archived = server.folder / "data.lost", _names(server.wal)

    server.put_back(server.folder / "no-disk")  # what the lost disk holds is not read
    server.opened()
    assert server.ask("SELECT count(*) FROM payment") in ("1", "2")
    server.ask("INSERT INTO payment VALUES (-1)")
    server.ask("SELECT pg_switch_wal()")
    server.ask("CHECKPOINT")
    server.stop()
    assert _names(server.wal) == archived, "it wrote nothing into the archive"
    server.type("mv -T data data.try1")

    server.put_back(lost)
    server.opened()
    assert (
        server.ask("SELECT string_agg(number::text, ' ' ORDER BY number) FROM payment") == "1 2 3"
    )


def test_what_is_kept_of_the_old_server_is_never_written_over(server: Server) -> None:
    server.crash()
    moved = KEPT.replace("/backup/base-DATE", str(server.base))
    assert server.type(moved).returncode == 0
    server.type("mkdir data")
    again = server.type(moved)
    assert again.returncode != 0 and (server.folder / "data.lost" / "PG_VERSION").exists()
    assert not (server.folder / "data.lost" / "data").exists()


def test_a_file_that_a_full_disk_cut_off_does_not_end_the_archiving(server: Server) -> None:
    server.type(f"mkdir -p {server.folder}/pg_wal; head -c 4096 /dev/urandom > pg_wal/0001")
    (command,) = re.findall(r"archive_command = '(.*)'", ARCHIVING)
    typed = command.replace("/backup/wal", str(server.wal)).replace("%f", "0001")
    typed = typed.replace("%p", "pg_wal/0001")
    server.type(f"head -c 100 pg_wal/0001 > {server.wal}/0001.part")
    assert server.type(typed).returncode == 0
    whole = (server.folder / "pg_wal" / "0001").read_bytes()
    assert (server.wal / "0001").read_bytes() == whole
    assert server.type(typed).returncode == 0, "archived, and the server died before it noted so"
    server.type("head -c 4096 /dev/urandom > pg_wal/0001")
    assert server.type(typed).returncode != 0, "another server's file of that name stays"
    assert (server.wal / "0001").read_bytes() == whole


async def test_doctor_says_at_which_file_the_archiving_stopped(server: Server) -> None:
    dsn = server.create_database("gateway")
    secrets = Secrets(database=dsn, passphrase=b"", commitment=b"")
    assert not (await health(dsn)).unarchived
    server.type(f"mv {server.wal} {server.wal}.away")
    server.ask("SELECT pg_switch_wal()")
    while not (await health(dsn)).unarchived:  # noqa: ASYNC110  another's state
        await asyncio.sleep(LOOK_S)
    found = [each async for each in database(secrets) if each.part == "archive"]
    assert [each.state for each in found] == [State.BAD]
    server.type(f"mv {server.wal}.away {server.wal}")
    server.ask("CREATE TABLE more ()")
    server.ask("SELECT pg_switch_wal()")
    while (await health(dsn)).unarchived:  # noqa: ASYNC110  it is tried again by itself
        await asyncio.sleep(LOOK_S)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
