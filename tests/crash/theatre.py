"""A stage whose programs can be killed, stopped and healed while a day is being sent to it."""

import asyncio
import datetime as dt
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import attrs

from adapters.postgres.embedded.binaries import throwaway_folder
from adapters.postgres.embedded.crash import signal_all
from adapters.postgres.embedded.server import PORT
from certs.tls import client_context
from deploy.demo.__main__ import ask
from deploy.demo.agency import AgencyClient
from deploy.demo.day import DIVISION, Day, DayItem, day
from deploy.demo.free_ports import free_port
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.processes import Crew
from deploy.demo.stage import BANK_CODE, HOST, Plot, Stage
from gateway.domain.legal_day import legal_day
from gateway.pipeline.line import FORWARD_WITHIN_S
from tests.crash.disk import SmallDisk, WalDisk
from tests.crash.patroni import Cluster
from tests.crash.shims import FailingFsync, WallClock
from tests.crash.standby import Standby
from tests.crash.wires import Wires
from tests.raised import raise_curtain

POSTGRES = "postgres"
ORDER = (POSTGRES, "bank", "bureau")
"""Who must be up before the gateways can start; the gateways come last."""
BANK_DEADLINE_S = 0.7
BANK_HORIZON_S = 5.0
ENQUIRED_AFTER_S = FORWARD_WITHIN_S + BANK_DEADLINE_S
PATIENT_S = 20.0
"""A bank's deadline for days of which nothing is to be left to the enquiry: a busy machine may be
late, and no payment is."""
PRESUMED_LOST_S = 2 * ENQUIRED_AFTER_S + BANK_HORIZON_S + 2
"""More than it takes the enquiry to conclude that a payment was never taken."""
UNFOUND_S = ENQUIRED_AFTER_S + 0.9
"""The late and the forgotten: found only after the first enquiry, and before the horizon."""
BANK_HABITS = (
    "--reject-share", "0.02", "--late-share", "0.03", "--late-s", str(UNFOUND_S),
    "--pending-share", "0.01", "--silence-share", "0.03", "--double-answer-share", "0.03",
    "--forget-share", "0.02", "--forget-s", str(UNFOUND_S), "--delay-ms", "2",
)  # fmt: skip
CLOCK_BACK = dt.timedelta(days=1)
"""How far a clock may be set back before its gateway's certificates are not valid yet."""


class Ground(Enum):
    """What PostgreSQL stands on."""

    SOUND = "a sound disk"
    SMALL = "a small disk"
    SMALL_WAL = "a small disk for the write-ahead log"
    FAILING = "a disk that fails"


@attrs.define(kw_only=True)
class Theatre:
    """The stage, the day that is played on it, and who is down or stopped at the moment."""

    stage: Stage
    plan: Day
    sign: Mapping[str, Any]
    disk: SmallDisk | FailingFsync | None = None
    """PostgreSQL's own, where it has one that can be filled, or that fails."""
    clocks: Mapping[str, WallClock] = attrs.field(factory=dict)
    """Each gateway's own by its name, where it can be set."""
    standby: Standby | None = None
    """A second PostgreSQL that follows the first, where there is one."""
    cluster: Cluster | None = None
    """Three nodes of PostgreSQL instead of the one, where there are."""
    down: set[str] = attrs.field(factory=set)
    stopped: set[str] = attrs.field(factory=set)
    kills: dict[str, int] = attrs.field(factory=dict)
    stops: dict[str, int] = attrs.field(factory=dict)

    @property
    def programs(self) -> tuple[str, ...]:
        return (*ORDER, *self.stage.gateway_names)

    def client(self, *, connections: int = 32, patience_s: float = 150.0) -> AgencyClient:
        return AgencyClient(
            HOST, self.stage.reached.door, client_context(self.stage.client), self.sign,
            connections=connections, patience_s=patience_s,
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """kill -9; PostgreSQL dies as a whole cluster."""
        if name == POSTGRES:
            self.stage.postgres.crash()
        else:
            assert self.stage.crew.running(name), f"{name} ended by itself: {self.log_tail(name)}"
            self.stage.crew.kill(name)
        self.down.add(name)
        self.kills[name] = self.kills.get(name, 0) + 1

    def stop(self, name: str) -> None:
        """SIGSTOP: it is there, it holds its sockets and locks, and it does nothing."""
        self._signal(name, signal.SIGSTOP)
        self.stopped.add(name)
        self.stops[name] = self.stops.get(name, 0) + 1

    def resume(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)
        self.stopped.discard(name)

    async def restart(self, name: str) -> None:
        """As before; the load goes on meanwhile."""
        if name == POSTGRES:
            await asyncio.to_thread(self.stage.postgres.start)
        else:
            self.stage.crew.relaunch(name)
            await self.stage.crew.await_ready(name)
        self.down.discard(name)

    async def fail_over(self) -> None:
        """The primary dies as a whole and stays down; its standby takes its place."""
        assert self.standby
        self.kill(POSTGRES)
        await self.standby.promote()
        self.stage.gateway_database = self.standby.dsn("gateway")
        self.stage.bureau_database = self.standby.dsn("bureau")

    async def revive_database(self) -> bool:
        """Start PostgreSQL where it gave up by itself; whether it had."""
        gone = self.stage.postgres.gave_up
        if gone:
            self.stage.postgres.stop()
            await self.restart(POSTGRES)
        return gone

    async def heal(self) -> None:
        for name in self.programs:
            if name in self.stopped:
                self.resume(name)
        for name in self.programs:
            if name in self.down:
                await self.restart(name)
        for name in self.stage.gateway_names + ORDER[1:]:
            assert self.stage.crew.running(name), f"{name} ended by itself: {self.log_tail(name)}"

    async def journal(self) -> dict[str, Any]:
        """The bank's own books."""
        return await ask(self.stage, f"https://{HOST}:{self.stage.ports.bank}/v1/journal")

    async def summary(self) -> dict[str, Any]:
        """What the bureau has, its log proven anew."""
        address = f"https://{HOST}:{self.stage.ports.bureau}/v1/summary?division={DIVISION}"
        return await ask(self.stage, address)

    def log_of(self, name: str) -> str:
        return (self.stage.folder / f"{name}.log").read_text("utf-8", "replace")

    def log_tail(self, name: str) -> str:
        return self.log_of(name)[-3000:]

    def _signal(self, name: str, number: signal.Signals) -> None:
        if name == POSTGRES:
            signal_all(self.stage.postgres.processes, number)
        else:
            os.kill(self.stage.crew.pid(name), number)


@asynccontextmanager
async def theatre(
    seed: int, instructions: int, *, gateways: int = 1, habits: tuple[str, ...] = BANK_HABITS,
    files: bool = False, wires: Wires | None = None, on: Ground = Ground.SOUND,
    with_standby: bool = False, with_clocks: bool = False, with_cluster: bool = False,
    bank_deadline_s: float = BANK_DEADLINE_S, wire: str = "json",
) -> AsyncIterator[Theatre]:  # fmt: skip
    """Everything started and registers loaded; with `wires`, what agencies, bank, bureau and the
    gateway's database say to each other goes through one of each name. Afterwards everything is
    gone; only where the test failed, the folder with the programs' logs stays, and is named.
    """
    folder = throwaway_folder()
    folder.chmod(0o711)
    now = dt.datetime.now(dt.UTC)
    with Crew() as crew, ExitStack() as fittings:
        # A clock that is set back comes to before the certificates, unless they are old enough.
        identities = Identities.create(folder / "keys", now - CLOCK_BACK if with_clocks else now)
        plan = _spoken(day(seed, instructions, legal_day(now), trust_domain=TRUST_DOMAIN), wire)
        signers = identities.signers([*plan.senders, uri("bank", BANK_CODE)])
        plot = Plot(
            division=DIVISION, bank_habits=(*habits, "--seed", str(seed)), gateways=gateways,
            bank_wire=wire, bank_horizon_s=BANK_HORIZON_S, bank_deadline_s=bank_deadline_s,
            files=files,
        )  # fmt: skip
        stage = Stage(folder, crew, identities, plot)
        sign = {party: signer.document for party, signer in signers.items()}
        made = Theatre(stage=stage, plan=plan, sign=sign)
        if with_clocks:
            made.clocks = {name: WallClock(folder, name) for name in stage.gateway_names}
            stage.gateway_more = {name: each.environment for name, each in made.clocks.items()}
        if with_cluster:
            made.cluster = stage.postgres = Cluster(folder / "cluster", crew)
        failed = True
        try:
            made.disk = _lay_ground(on, stage, fittings)
            made.standby = _open(stage, plan, wires, with_standby=with_standby)
            yield made
            failed = False
        finally:
            for name in list(made.stopped):
                made.resume(name)
            crew.stop_all()
            if made.standby:
                made.standby.stop()
            stage.postgres.stop()
            fittings.close()
            if failed:
                sys.stdout.write(f"\nthe programs' logs: {folder}\n")
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _spoken(plan: Day, wire: str) -> Day:
    """Of the day what a core of this wire can be handed: the bytes go to it as they came."""
    format = {"voucher_store": "voucher", "iso20022": "iso20022"}.get(wire)
    if format is None:
        return plan
    places: dict[int, int] = {}
    items: list[DayItem] = []
    for place, item in enumerate(plan.items):
        if item.format == format and (item.after is None or item.after in places):
            places[place] = len(items)
            after = None if item.after is None else places[item.after]
            items.append(attrs.evolve(item, after=after))
    return attrs.evolve(plan, items=tuple(items))


def _lay_ground(on: Ground, stage: Stage, fittings: ExitStack) -> SmallDisk | FailingFsync | None:
    folder = stage.folder / "postgres"
    if on is Ground.SMALL:
        return fittings.enter_context(SmallDisk(folder))
    if on is Ground.SMALL_WAL:
        stage.postgres.start()
        stage.postgres.crash()
        return fittings.enter_context(WalDisk(folder / "data" / "pg_wal"))
    if on is Ground.FAILING:
        failing = FailingFsync(stage.folder)
        stage.postgres.environment = failing.environment
        return failing
    return None


def _open(stage: Stage, plan: Day, wires: Wires | None, *, with_standby: bool) -> Standby | None:
    stage.start_database()
    standby = Standby(stage.folder / "standby", stage.postgres) if with_standby else None
    if wires:
        _lay(wires, stage)
    if standby:
        standby.copy()
        standby.start()
        stage.database_reached = standby.beside("gateway")
        stage.bureau_database = standby.beside("bureau")
    raise_curtain(stage, plan.registers)
    return standby


def _lay(wires: Wires, stage: Stage) -> None:
    stage.reached = attrs.evolve(
        stage.ports, door=free_port(HOST), bank=free_port(HOST), bureau=free_port(HOST)
    )
    for name, place in (("agencies", "door"), ("bank", "bank"), ("bureau", "bureau")):
        near, far = (getattr(ports, place) for ports in (stage.reached, stage.ports))
        wires.add(name, (HOST, near), (HOST, far))
    [sockets] = parse_qs(urlsplit(stage.gateway_database).query)["host"]
    wired, socket = stage.folder / "wired", f".s.PGSQL.{PORT}"
    wires.add("database", wired / socket, Path(sockets) / socket)
    stage.database_reached = stage.gateway_database.replace(
        quote(sockets, safe=""), quote(str(wired), safe="")
    )
