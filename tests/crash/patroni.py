"""Three database nodes under Patroni and etcd, by the file that operators fill in (deploy/patroni).

A node is Patroni with its PostgreSQL in a process namespace of their own: `kill` ends it as a host
that loses its power, all at once.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import string
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from adapters.postgres.embedded.binaries import library_folder
from adapters.postgres.embedded.server import ADMIN, EmbeddedPostgres
from deploy.demo.free_ports import free_port
from deploy.demo.processes import Crew
from deploy.demo.stage import HOST

TEMPLATE = Path(__file__).parents[2] / "deploy" / "patroni" / "node.yml"
NODES = ("node-a", "node-b", "node-c")
ETCD = "etcd"
ETCD_CLIENT = Path("/usr/lib/python3/dist-packages/etcd")
"""Debian's python3-etcd, by which Patroni speaks to etcd: our own list takes wheels only, and there
is none of it."""
LOOK_S = 0.1
CONTROL_S = 60
_PATRONICTL = "from patroni.ctl import ctl; ctl(prog_name='patronictl')"
_AS_A_HOST = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
_AS_NOBODY = (
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
"""PostgreSQL does not run as root; the interpreter's files may be readable to root only."""


def need_patroni() -> None:
    """Skips the test, and names what is missing."""
    missing = [name for name in (ETCD, "setpriv", "unshare") if not shutil.which(name)]
    if find_spec("patroni") is None:
        missing.append("patroni")
    if not ETCD_CLIENT.is_dir():
        missing.append("python3-etcd")
    if missing:
        pytest.skip(f"three database nodes under Patroni need {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("three database nodes under Patroni: a process namespace needs root")
    tried = subprocess.run([*_AS_A_HOST, *_AS_NOBODY, "true"], capture_output=True, text=True)
    if tried.returncode:  # root of a container that may not make one
        pytest.skip(f"three database nodes under Patroni: {tried.stderr.strip()}")


class Cluster(EmbeddedPostgres):
    """In the place of the one server: addresses name all three nodes."""

    def __init__(self, folder: Path, crew: Crew) -> None:
        super().__init__(folder)
        self._crew = crew
        self._etcd, self._etcd_peers = free_port(HOST), free_port(HOST)
        self._ports = {name: free_port(HOST) for name in NODES}
        self._rest = {name: free_port(HOST) for name in NODES}
        self._password = "only-on-loopback"

    def start(self) -> str:
        self._own_folder(self.folder)
        self._client = self.folder / "client"
        self._client.mkdir()
        (self._client / ETCD_CLIENT.name).symlink_to(ETCD_CLIENT)
        client, peers = f"http://{HOST}:{self._etcd}", f"http://{HOST}:{self._etcd_peers}"
        self._crew.start(
            ETCD,
            ["etcd", "--name", ETCD, "--data-dir", str(self.folder / ETCD),
             "--listen-client-urls", client, "--advertise-client-urls", client,
             "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
             "--initial-cluster", f"{ETCD}={peers}"],
            None, self.folder / "etcd.log", ready="ready to serve client requests",
        )  # fmt: skip
        for name in NODES:  # the first makes the database, the others copy it
            self._start_node(name)
        return self.dsn("postgres")

    def dsn(self, database: str) -> str:
        hosts = ",".join(HOST for _ in NODES)
        ports = ",".join(str(port) for port in self._ports.values())
        return (
            f"postgresql://{ADMIN}:{self._password}@/{database}?host={hosts}&port={ports}"
            "&target_session_attrs=read-write"
        )

    def stop(self) -> None:
        """The crew stops them."""

    @property
    def gave_up(self) -> bool:
        return False

    def role(self, name: str) -> str:
        """`primary`, `replica`, `quorum_standby`, ...; empty where nobody answers."""
        try:
            with urllib.request.urlopen(
                f"http://{HOST}:{self._rest[name]}/cluster", timeout=2
            ) as a:
                members = msgspec.json.decode(a.read())["members"]
        except (urllib.error.URLError, OSError, ValueError, RecursionError):
            return ""
        found = [each for each in members if each["name"] == name]
        return found[0]["role"] if found and found[0]["state"] in ("running", "streaming") else ""

    async def stand(self, count: int) -> str:
        """Until a primary has so many synchronous standbys; its name."""
        while True:
            roles = [await asyncio.to_thread(self.role, name) for name in NODES]
            if "leader" in roles and roles.count("quorum_standby") >= count:
                return NODES[roles.index("leader")]
            await asyncio.sleep(LOOK_S)

    def kill(self, name: str) -> None:
        """A host without power: Patroni and all of its PostgreSQL, in one moment."""
        self._crew.kill(name)

    def revive(self, name: str) -> None:
        self._crew.relaunch(name)

    def control(self, name: str, *words: str) -> str:
        """What an operator types on that host: `patronictl -c node.yml ...`."""
        ran = subprocess.run(
            [sys.executable, "-c", _PATRONICTL, "-c", str(self.folder / name / "node.yml"), *words],
            env={**os.environ, "PYTHONPATH": str(self._client), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CONTROL_S,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def crash_server(self, name: str) -> None:
        """PostgreSQL alone, under a Patroni that lives on."""
        data = str(self.folder / name / "data").encode()
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                words = (place / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"/postgres") and data in words:
                    os.kill(int(place.name), signal.SIGKILL)
                    return
        raise AssertionError(f"{name} has no server")

    def _start_node(self, name: str) -> None:
        folder = self.folder / name
        self._own_folder(folder)
        binaries = self._binaries()
        filled = {
            "NODE": name, "HOST": HOST, "REST_PORT": self._rest[name],
            "ETCD": f"{HOST}:{self._etcd}",
            "PORT": self._ports[name], "DATA": folder / "data", "BIN": binaries,
            "PGPASS": folder / "pgpass", "SUPERUSER": ADMIN, "NETWORK": "127.0.0.1/32",
            "WATCHDOG": "off",
        }  # fmt: skip
        file = folder / "node.yml"
        file.write_text(string.Template(TEMPLATE.read_text("utf-8")).substitute(filled), "utf-8")
        secrets = {
            f"PATRONI_{who}_PASSWORD": self._password
            for who in ("SUPERUSER", "REPLICATION", "REWIND")
        }
        environment = {
            "PATH": os.defpath,
            "LC_ALL": "C",
            "LD_LIBRARY_PATH": library_folder(binaries),
            "PYTHONPATH": str(self._client),
        }
        self._crew.start(
            name,
            [*_AS_A_HOST, *_AS_NOBODY, sys.executable, "-m", "patroni", str(file)],
            {**os.environ, **environment, **secrets}, self.folder / f"{name}.log",
            ready=lambda: self.role(name) in ("leader", "replica", "quorum_standby"),
        )  # fmt: skip

    def _psql(self, statement: str) -> str:
        binaries = self._binaries()
        ran = subprocess.run(
            [str(binaries / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement,
             self.dsn("postgres")],
            env={"LD_LIBRARY_PATH": library_folder(binaries)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return ran.stdout.strip()
