"""The arena: the real programs staged for measuring, and one measured burst of load on them."""

import datetime as dt
import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import msgspec

from adapters.postgres.embedded.binaries import throwaway_folder
from bench.load import Orders, Report, write_requests
from bench.machine import cpu_seconds, descendants, title
from bench.pgbench import said_by
from bench.workload import Sign, Workload, sender_of
from certs.tls import Credentials
from deploy.demo.day import DIVISION
from deploy.demo.identities import Identities
from deploy.demo.processes import Crew
from deploy.demo.stage import HOST, Plot, Stage
from gateway.domain.instruction import Instruction

DRAIN_DEADLINE_S = 60.0
LOG_FILE_MIB = 16
_FILLED = ("SELECT pg_logical_emit_message(false, 'bench', '')", "SELECT pg_switch_wal()")
"""One file of that log is made, and left for the next."""
BUREAU_DATABASE = " bureau "
"""In the titles of PostgreSQL's processes: which serve the bureau, another party."""


@attrs.frozen(kw_only=True)
class Costs:
    """CPU seconds by program since some moment."""

    gateway: float
    postgres: float
    """All of PostgreSQL's processes but those that serve the bureau's own database."""
    postgres_bureau: float
    bank: float
    bureau: float

    def since(self, before: "Costs") -> "Costs":
        return Costs(
            **{name: getattr(self, name) - value for name, value in attrs.asdict(before).items()}
        )


@attrs.frozen(kw_only=True)
class Burst:
    """One measured run of the generator."""

    clients: int
    report: Report
    costs: Costs
    drained_s: float
    """From the last answer until the bureau had acknowledged every record."""

    @property
    def answered(self) -> int:
        return len(self.report.milliseconds)

    @property
    def rate(self) -> float:
        return self.answered / self.report.seconds

    def us_each(self, seconds: float) -> float:
        """Microseconds an instruction."""
        return seconds * 1e6 / self.answered

    @property
    def cpu_ms(self) -> float:
        """Gateway and PostgreSQL, the bureau's backends included, until all is delivered."""
        costs = self.costs
        return (costs.gateway + costs.postgres + costs.postgres_bureau) * 1000 / self.answered


class Arena:
    def __init__(self, stage: Stage, sign: Mapping[str, Sign]) -> None:
        self.stage = stage
        self.sign = sign
        self._bursts = 0

    @property
    def host(self) -> str:
        return f"{HOST}:{self.stage.ports.door}"

    @property
    def bank_host(self) -> str:
        return f"{HOST}:{self.stage.ports.bank}"

    def gateways(self) -> list[int]:
        crew = self.stage.crew
        return [crew.pid(name) for name in self.stage.gateway_names if crew.running(name)]

    def costs(self, gateways: Sequence[int] = ()) -> Costs:
        """`gateways`: processes that stand in the place of ours."""
        postgres = descendants(self.postmaster)
        bureau = [pid for pid in postgres if BUREAU_DATABASE in title(pid)]
        crew = self.stage.crew
        return Costs(
            gateway=cpu_seconds(gateways or self.gateways()),
            postgres=cpu_seconds(set(postgres) - set(bureau)),
            postgres_bureau=cpu_seconds(bureau),
            bank=cpu_seconds([crew.pid("bank")]),
            bureau=cpu_seconds([crew.pid("bureau")]),
        )

    def season(self, log_mib: int) -> None:
        """As on a server that has served for a while: the files of its write-ahead log are there
        and are used again. A new one of 16 MiB holds up the commit that needs it by 75 to 115 ms,
        on our server one in two seconds of load, in service none (`min_wal_size`). `log_mib`:
        how much of it what follows may write; no more than our server keeps (`SETTINGS`)."""
        settle = *_FILLED * (log_mib // LOG_FILE_MIB), "CHECKPOINT"
        words = (word for statement in settle for word in ("-c", statement))
        dsn = self.stage.postgres.dsn("postgres")
        said_by("psql", "-Xqv", "ON_ERROR_STOP=1", *words, dsn)

    def burst(
        self, requests: Sequence[bytes], clients: int, *, port: int | None = None,
        per_second: float | None = None, warming: int = 0, gateways: Sequence[int] = (),
    ) -> Burst:  # fmt: skip
        """Send all requests; the CPU counted includes sealing and delivery of what they left.
        `gateways`: as in `costs`."""
        with self.generator(requests, clients, port=port, per_second=per_second,
                            warming=warming) as generator:  # fmt: skip
            self.drain()
            before = self.costs(gateways)
            generator.go()
            report = generator.report()
            drained_s = self.drain()
            spent = self.costs(gateways).since(before)
        return Burst(clients=clients, report=report, costs=spent, drained_s=drained_s)

    @contextmanager
    def generator(
        self, requests: Sequence[bytes], clients: int, *, who: Credentials | None = None,
        port: int | None = None, **how: Any,
    ) -> Iterator["Generator"]:  # fmt: skip
        """One that is connected, as `who` (else the channel), and ready; ended at the end.
        `how`: as in `Orders`."""
        self._bursts += 1
        file = self.stage.folder / f"requests-{self._bursts}"
        write_requests(file, list(requests))
        orders = Orders(
            host=HOST, port=port or self.stage.ports.door, requests=str(file), connections=clients,
            **_paths(who or self.stage.client), **how,
        )  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            try:
                yield Generator(process, orders)
            finally:
                process.kill()
        file.unlink()

    @property
    def postmaster(self) -> int:
        note = self.stage.postgres.folder / "data" / "postmaster.pid"
        return int(note.read_text().split()[0])

    def drain(self) -> float:
        """Wait until every record is with the bureau."""
        started = time.monotonic()
        while not self._backlog()["done"]:
            if time.monotonic() - started > DRAIN_DEADLINE_S:
                raise RuntimeError("the records are not delivered")
            time.sleep(0.1)
        return time.monotonic() - started

    def _backlog(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{HOST}:{self.stage.ports.ops}/backlog") as answer:
            fields: dict[str, Any] = json.loads(answer.read())
            return fields


class Generator:
    """A process of `bench.load`, ready to begin."""

    def __init__(self, process: "subprocess.Popen[bytes]", orders: Orders) -> None:
        self._process = process
        self._tell(msgspec.json.encode(orders))
        if self._hear() != b"ready\n":
            raise RuntimeError("the load generator did not get ready")

    def go(self) -> None:
        self._tell(b"go")

    def report(self) -> Report:
        """Once all of its requests are answered. Raises RuntimeError."""
        said = self._hear()
        if not said:
            raise RuntimeError(f"the load generator ended with {self._process.wait()}")
        return msgspec.json.decode(said, type=Report)

    def _hear(self) -> bytes:
        assert self._process.stdout
        return self._process.stdout.readline()

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()


@contextmanager
def arena(
    workload: Workload, instructions: Sequence[Instruction], *, gateways: int = 1,
    channel: str = "",
) -> Iterator[Arena]:  # fmt: skip
    """Stage everything but the gateways beyond the first. The workload must be drawn by now.
    `channel`: a party that signs beside the agencies."""
    folder = throwaway_folder()
    folder.chmod(0o711)
    with Crew() as crew:
        identities = Identities.create(folder / "keys", dt.datetime.now(dt.UTC))
        signers = identities.signers(sorted({*map(sender_of, instructions), channel} - {""}))
        plot = Plot(division=DIVISION, gateways=gateways, books=False)
        stage = Stage(folder, crew, identities, plot)
        try:
            stage.start_database()
            load_registers(stage, workload.registers(), stage.gateway_database)
            stage.start_bank()
            stage.start_bureau()
            stage.start_gateways()
            yield Arena(stage, {party: signer.document for party, signer in signers.items()})
        finally:
            crew.stop_all()
            stage.postgres.stop()
            shutil.rmtree(folder, ignore_errors=True)


def load_registers(stage: Stage, registers: bytes, database: str) -> None:
    """By the same command that an operator uses; it also migrates the database."""
    file = stage.folder / "registers.json"
    file.write_bytes(registers)
    subprocess.run(
        [sys.executable, "-m", "gateway", "registers", "load", str(file)],
        env=stage.environment({**stage.gateway_environment, "GATEWAY_DATABASE": database}),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _paths(credentials: Credentials) -> dict[str, Any]:
    return {
        "certificate": str(credentials.certificate),
        "key": str(credentials.key),
        "passphrase": credentials.passphrase.decode(),
        "authorities": str(credentials.authorities),
    }
