"""A standby of the stage's PostgreSQL, made as an operator makes one, and its promotion."""

import asyncio
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from adapters.postgres.embedded.server import ADMIN, PORT, EmbeddedPostgres

NAME = "standby_a"
LOOK_S = 0.05


class Standby(EmbeddedPostgres):
    """`copy` once from a primary that runs; then `start`, and at last `promote`."""

    def __init__(self, folder: Path, primary: EmbeddedPostgres) -> None:
        super().__init__(folder, throwaway=True)
        self._primary = primary

    def copy(self) -> None:
        """pg_basebackup, and where to follow the primary from then on."""
        self._own_folder(self.folder)
        shutil.copy2(self._primary.folder / "password", self.folder / "password")
        if self._user is not None:
            shutil.chown(self.folder / "password", self._user.pw_uid, self._user.pw_gid)
        password = (self.folder / "password").read_text("ascii").strip()
        [sockets] = parse_qs(urlsplit(self._primary.dsn("postgres")).query)["host"]
        self._conninfo = (
            f"host={sockets} port={PORT} user={ADMIN} password={password} application_name={NAME}"
        )
        data = self.folder / "data"
        ran = self._run(
            self._binaries(),
            ["pg_basebackup", "-d", self._conninfo, "-D", str(data), "-c", "fast", "-X", "stream"],
        )
        assert ran.returncode == 0, ran.stdout
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{self._conninfo}'\n")
        (data / "standby.signal").touch()
        if self._user is not None:
            shutil.chown(data / "standby.signal", self._user.pw_uid, self._user.pw_gid)

    async def followed(self, *, synchronous: bool) -> None:
        """Until the primary has it as a standby; then, if wanted, commits wait for it."""
        primary = await asyncpg.connect(self._primary.dsn("postgres"))
        try:
            if synchronous:
                await primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
                await primary.execute("SELECT pg_reload_conf()")
            wanted = "sync" if synchronous else "async"
            state = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
            while await primary.fetchval(state) != wanted:  # noqa: ASYNC110  another's state
                await asyncio.sleep(LOOK_S)
        finally:
            await primary.close()

    async def cut_off(self) -> None:
        """It hears no more of the primary, as after a cut line: what is committed now is lost."""
        own = await asyncpg.connect(self.dsn("postgres"))
        try:
            await own.execute("ALTER SYSTEM SET primary_conninfo = ''")
            await own.execute("SELECT pg_reload_conf()")
            hearing = "SELECT count(*) FROM pg_stat_wal_receiver"
            while await own.fetchval(hearing):  # noqa: ASYNC110  another process's state
                await asyncio.sleep(LOOK_S)
        finally:
            await own.close()

    async def promote(self) -> None:
        own = await asyncpg.connect(self.dsn("postgres"))
        try:
            assert await own.fetchval("SELECT pg_promote(true, 120)")
        finally:
            await own.close()

    def beside(self, database: str) -> str:
        """The address of a database on both, the primary first."""
        first, second = urlsplit(self._primary.dsn(database)), urlsplit(self.dsn(database))
        hosts = [parse_qs(each.query)["host"][0] for each in (first, second)]
        return (
            f"postgresql://{first.netloc}/{database}?host={','.join(hosts)}&port={PORT},{PORT}"
            "&target_session_attrs=read-write"
        )
