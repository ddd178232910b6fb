"""Admission alone: the ledger's group commit in this process, with so many waiting at a time."""

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import attrs
import uvloop

from adapters.formats.json.instruction import JsonFormat
from adapters.formats.registers.division import read_registers
from adapters.postgres.ledger.ledger import PostgresLedger
from bench.machine import tended
from bench.workload import sender_of as uri_of
from certs.commitments import Commitments
from certs.people import PeopleVault
from deploy.demo.identities import uri
from deploy.demo.writers import json_of
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import Instruction, Received
from gateway.domain.ledger import Admission, Admitted, Limit, LimitKey
from gateway.domain.parties import Sender, sender_of
from gateway.domain.registers import Registers
from gateway.pipeline.line import Line, Rooms
from gateway.pipeline.tell import Origin
from policies.book.load import LIBRARY, load

SIGNATURE = "x" * 250
JILIN = LIBRARY / "jilin"
VAULT = PeopleVault(b"bench-key" + b"x" * 23)


@attrs.frozen(kw_only=True)
class AdmissionRun:
    rate: float
    cpu_us: float
    """Of this process, per admission."""


def admissions(
    instructions: Sequence[Instruction], registers: bytes, policies: Path = JILIN
) -> list[Admission]:
    """What the real line hands to its ledger for these instructions.

    `policies`: those of the stage it is measured beside; by night all of them add a finding each.
    """
    keeping = _Keeping(read_registers(registers))
    rooms: Any = keeping
    line = Line(
        Rooms(
            gatekeeper=rooms, formats={"json": JsonFormat()}, shelf=keeping, book=load(policies),
            committer=Commitments(b"bench" * 8), ledger=rooms, bank=rooms, clock=keeping,
            origin=Origin(bank="bench", uri=uri("gateway", "bench")),
            divisions=frozenset(one.key.division for one in instructions),
        )
    )  # fmt: skip
    for instruction in instructions:
        received = Received(
            raw=json_of(instruction), format="json", signature=SIGNATURE, party=uri_of(instruction)
        )
        try:
            line.carry(received).send(None)
        except LedgerUnavailable:
            continue
    return keeping.kept


def admit_all(dsn: str, wanted: Sequence[Admission], waiters: int) -> AdmissionRun:
    """Admit them with so many waiting at a time; every one must be admitted. Memory is tended as in
    the gateway: one collection over all that was drawn would stop the clock for a second."""
    with tended():
        return uvloop.run(_admit_all(dsn, wanted, waiters))


async def _admit_all(dsn: str, wanted: Sequence[Admission], waiters: int) -> AdmissionRun:
    async with PostgresLedger(dsn, instance="bench", sealing=VAULT) as ledger:
        seconds, cpu_ns = await admitted(ledger, wanted, waiters)
    return AdmissionRun(rate=len(wanted) / seconds, cpu_us=cpu_ns / 1e3 / len(wanted))


async def admitted(
    ledger: PostgresLedger, wanted: Sequence[Admission], waiters: int
) -> tuple[float, int]:
    """Admit all, `waiters` at once: seconds, and this process's CPU in ns."""
    waiting = iter(wanted)

    async def work() -> None:
        for admission in waiting:
            if not isinstance(await ledger.admit(admission), Admitted):
                raise RuntimeError(f"{admission.key} was not admitted")

    cpu, began = time.process_time_ns(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(waiters):
            group.create_task(work())
    return time.perf_counter() - began, time.process_time_ns() - cpu


class _Keeping:
    """What the line asks of its rooms as far as commit 1; the ledger keeps what it is handed."""

    strain = ""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self.kept: list[Admission] = []

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def authenticate(self, received: Received, now: dt.datetime) -> Sender:
        sender = sender_of(received.party)
        assert sender is not None
        return sender

    def of(self, division: str, now: dt.datetime) -> Registers:
        return self._registers

    async def limits(self, division: str, keys: Sequence[LimitKey]) -> dict[LimitKey, Limit]:
        """What would be held asks: here nothing is short."""
        return {}

    async def admit(self, admission: Admission) -> NoReturn:
        self.kept.append(admission)
        raise LedgerUnavailable("kept")
