"""An inn: the listener and the door in one process, on real TLS, before a line that is slow."""

import asyncio
import contextlib
import datetime as dt
import json
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
from aiohttp import web

from certs.tls import Credentials, client_context, party_of, server_context
from deploy.demo.identities import Identities, uri
from doors.whatever_comes import answers_whatever_comes
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import Received
from gateway.pipeline.tell import Origin
from gateway.web.door import Door
from gateway.web.intake import Doorway, Intake
from gateway.web.listen import Bounds, Listener
from gateway.web.metrics import Metrics
from gateway.web.shares import Company, Shares
from tests.web.besieged import HOST, Reply, read_reply

DIVISION = "220000000"
REQUEST = (
    b"POST /v1/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
PATIENT_S = 60.0
"""For what a busy machine may take its time over."""
BOUNDS = Bounds(connections_per_party_max=3, handshakes_max=4, handshake_s=PATIENT_S, header_s=0.3)
MANY = attrs.evolve(BOUNDS, connections_per_party_max=99, handshakes_max=99, header_s=PATIENT_S)


class SlowLine:
    """Carries nothing until told; then breaks as told."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.carried = 0
        self.seen: list[Received] = []
        self.breaks: Exception = LedgerUnavailable()

    async def carry(self, received: Received) -> Any:
        self.carried += 1
        self.seen.append(received)
        await self.go.wait()
        raise self.breaks


class Broken:
    """A ledger and record log that is down, or broken in a way nobody foresaw."""

    error: Exception = LedgerUnavailable("down")

    async def standing_for(self, agency: str | None, key: object) -> Any:
        raise self.error


class PlainWords:
    media_type = problem_media_type = "application/json"

    def problem(self, fault: Any, instance: str) -> bytes:
        return json.dumps({"code": fault.code}).encode()


@attrs.define(kw_only=True)
class Inn:
    """A door that listens, and what it told."""

    port: int
    line: SlowLine
    ledger: Broken
    folder: Path
    identities: Identities
    told: Counter[str]
    metrics: Metrics
    listener: Listener
    tls: dict[str, ssl.SSLContext] = attrs.field(factory=dict)
    writers: list[asyncio.StreamWriter] = attrs.field(factory=list)

    async def call(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that never shakes hands."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        self.writers.append(writer)
        return reader, writer

    async def leave(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def connect(self, name: str = "a") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = self.tls.get(name)
        if context is None:
            who = self.identities.connection(name, uri("channel", DIVISION, name))
            context = self.tls[name] = client_context(who)
        reader, writer = await asyncio.open_connection(
            HOST, self.port, ssl=context, server_hostname=HOST
        )
        self.writers.append(writer)
        return reader, writer

    async def say(self, request: bytes, name: str = "a") -> Reply:
        reader, writer = await self.connect(name)
        writer.write(request)
        try:
            return await read_reply(reader)
        finally:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def inns(folder: Path) -> AsyncIterator[Callable[..., Any]]:
    """What opens an inn under `folder`; all are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_inn(bounds: Bounds = BOUNDS, in_flight_max: int = 8, share: int = 8) -> Inn:
            identities = Identities.create(folder, dt.datetime.now(dt.UTC))
            server = identities.connection("server", uri("gateway", "103"))
            told: Counter[str] = Counter()
            line, ledger, metrics = SlowLine(), Broken(), Metrics()
            doorway = Doorway(
                line=line,  # type: ignore[arg-type]
                ledger=ledger,  # type: ignore[arg-type]
                records=ledger,  # type: ignore[arg-type]
                wordings=dict.fromkeys(("json", "voucher"), PlainWords()),  # type: ignore[arg-type]
                party_of=party_of,
                origin=Origin(bank="103", uri=uri("gateway", "103")),
                metrics=metrics,
                places=Shares(in_flight_max, share, Company(time.monotonic)),
            )
            intake = Intake(doorway)
            door = Door(doorway, intake)
            runner = web.AppRunner(
                door.application(), access_log=None, lingering_time=0.2,
                keepalive_timeout=bounds.idle_s, shutdown_timeout=0.5,
            )  # fmt: skip
            await runner.setup()
            assert runner.server
            answers_whatever_comes(runner.server)
            stack.push_async_callback(runner.cleanup)
            assert runner.server
            listener = Listener(
                runner.server, intake, _context(server), party_of, bounds,
                lambda reason: told.update([reason]),
            )  # fmt: skip
            stack.push_async_callback(listener.close)
            port = listener.open(HOST, 0)
            inn = Inn(
                port=port,
                line=line,
                ledger=ledger,
                folder=folder,
                identities=identities,
                told=told,
                metrics=metrics,
                listener=listener,
            )
            stack.push_async_callback(inn.leave)
            stack.callback(line.go.set)
            return inn

        yield open_inn


def _context(server: Credentials) -> ssl.SSLContext:
    return server_context(server)
