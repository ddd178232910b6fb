"""The listener and the door in one process, on real TLS: bounds on number, time and size."""

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
import pytest
from aiohttp import web

from certs.tls import Credentials, client_context, party_of, server_context
from deploy.demo.identities import Identities, uri
from gateway.domain.faults import LedgerUnavailable
from gateway.pipeline.tell import Origin
from gateway.web.door import Door
from gateway.web.intake import Doorway, Intake
from gateway.web.listen import Bounds, Listener
from gateway.web.metrics import Metrics
from gateway.web.visit import UNREAD_BYTES_MAX
from tests.web.besieged import HOST, Reply, read_reply, until

DIVISION = "220000000"
REQUEST = (
    b"POST /v1/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
BOUNDS = Bounds(connections_per_party_max=3, handshakes_max=4, handshake_s=0.3, header_s=0.3)
MANY = attrs.evolve(BOUNDS, connections_per_party_max=99, handshakes_max=99, handshake_s=5.0)


class SlowLine:
    """Carries nothing until told; then breaks as told."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.carried = 0
        self.breaks: Exception = LedgerUnavailable()

    async def carry(self, received: object) -> Any:
        self.carried += 1
        await self.go.wait()
        raise self.breaks


class Broken:
    """A ledger and record log that is down, or broken in a way nobody foresaw."""

    error: Exception = LedgerUnavailable("down")

    async def standing(self, key: object) -> Any:
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


@pytest.fixture
async def open_inn(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    async with contextlib.AsyncExitStack() as stack:

        async def open_inn(bounds: Bounds = BOUNDS, in_flight_max: int = 8) -> Inn:
            identities = Identities.create(tmp_path, dt.datetime.now(dt.UTC))
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
                in_flight_max=in_flight_max,
            )
            intake = Intake(doorway)
            door = Door(doorway, intake)
            runner = web.AppRunner(
                door.application(), access_log=None, lingering_time=0.2,
                keepalive_timeout=bounds.idle_s, shutdown_timeout=0.5,
            )  # fmt: skip
            await runner.setup()
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
                folder=tmp_path,
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


async def test_a_request_is_answered_and_the_connection_is_kept(open_inn: Any) -> None:
    inn = await open_inn()
    inn.line.go.set()
    reader, writer = await inn.connect()
    for _ in range(3):
        writer.write(REQUEST)
        assert (await read_reply(reader)).status == 503, "the line's ledger is down"
    assert inn.line.carried == 3 and not inn.told


async def test_headers_that_drip_are_given_up_but_a_silent_kept_connection_is_not(
    open_inn: Any,
) -> None:
    inn = await open_inn()
    inn.line.go.set()
    reader, writer = await inn.connect()
    for byte in (b"P", b"O", b"S"):
        writer.write(byte)
        await writer.drain()
    began = time.monotonic()
    assert await _closed(reader)
    assert time.monotonic() - began < 2 and inn.told["header"] == 1
    # One that has answered once and then drips its second request.
    reader, writer = await inn.connect()
    writer.write(REQUEST)
    assert (await read_reply(reader)).status == 503
    writer.write(REQUEST[:20])
    assert await _closed(reader)
    assert inn.told["header"] == 2
    # Idle, with nothing begun, is allowed for far longer.
    reader, writer = await inn.connect()
    writer.write(REQUEST)
    await read_reply(reader)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(BOUNDS.header_s * 3):
            await reader.read()


async def test_a_header_in_two_pieces_is_in_time(open_inn: Any) -> None:
    inn = await open_inn()
    inn.line.go.set()
    reader, writer = await inn.connect()
    writer.write(REQUEST[:30])
    await until(lambda: any(visit._slow for visit in inn.listener._connections))
    writer.write(REQUEST[30:])
    assert (await read_reply(reader)).status == 503
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(BOUNDS.header_s * 2):
            await reader.read()
    assert not inn.told


async def test_an_idle_connection_is_closed_in_the_end(open_inn: Any) -> None:
    inn = await open_inn(attrs.evolve(BOUNDS, idle_s=0.3))
    reader, _ = await inn.connect()
    assert await _closed(reader)


async def test_a_party_has_its_share_of_connections_and_no_more(open_inn: Any) -> None:
    inn = await open_inn()
    kept = [await inn.connect() for _ in range(3)]
    reader, _ = await inn.connect()
    refused = await read_reply(reader)
    assert (refused.status, refused.headers["retry-after"]) == (503, "2")
    assert refused.code == "overloaded" and inn.told["party"] == 1
    other, writer = await inn.connect("b")
    writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await read_reply(other)).status == 404, "another party comes in"
    kept.pop()[1].transport.abort()

    async def comes_in() -> bool:
        return (await inn.say(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")).status == 404

    await until(comes_in)


async def test_the_process_bounds_its_connections(open_inn: Any) -> None:
    inn = await open_inn(attrs.evolve(BOUNDS, connections_max=2))
    for _ in range(2):
        await inn.connect()
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await inn.connect()
    assert inn.told["connections"] == 1


async def test_strangers_who_never_shake_hands_keep_nobody_out(open_inn: Any) -> None:
    inn = await open_inn(attrs.evolve(BOUNDS, handshake_s=30.0))
    for _ in range(12):
        await inn.call()
    reply = await inn.say(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.status == 404
    assert inn.told["handshakes"] >= 8, "the oldest made room"


async def test_a_handshake_has_its_deadline(open_inn: Any) -> None:
    inn = await open_inn()
    reader, _ = await inn.call()
    assert await _closed(reader)
    await until(lambda: inn.told["handshake"] == 1)


async def test_beyond_the_bound_the_answer_is_503_at_once_while_the_rest_go_on(
    open_inn: Any,
) -> None:
    inn = await open_inn(MANY, in_flight_max=8)
    going = [asyncio.create_task(inn.say(REQUEST)) for _ in range(8)]
    await until(lambda: inn.line.carried == 8)
    took = []
    for _ in range(20):
        reader, writer = await inn.connect()
        began = time.perf_counter()
        writer.write(REQUEST)
        refused = await read_reply(reader)
        took.append(time.perf_counter() - began)
        assert (refused.status, refused.code) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) > 0
        writer.transport.abort()
    assert sorted(took)[10] < 0.05
    assert inn.line.carried == 8 and not any(task.done() for task in going)
    inn.line.go.set()
    codes = {reply.code for reply in await asyncio.gather(*going)}
    assert codes == {"ledger_unavailable"}, "those on the line had their own answer"


async def test_bodies_that_come_slowly_take_no_place_on_the_line(open_inn: Any) -> None:
    inn = await open_inn(MANY, in_flight_max=8)
    inn.line.go.set()
    slow = [await inn.connect() for _ in range(12)]
    for _, writer in slow:
        writer.write(REQUEST[:-1])
    assert (await inn.say(REQUEST)).code == "ledger_unavailable", "not overloaded"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(LedgerUnavailable("down"), 503, "ledger_unavailable"), (KeyError("张三"), 500, "internal")],
)
async def test_reading_fails_closed_with_a_code_too(
    open_inn: Any, error: Exception, status: int, code: str
) -> None:
    inn = await open_inn()
    inn.ledger.error = error
    reply = await inn.say(b"GET /v1/instructions/220000000/2026/8202/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (reply.status, reply.code) == (status, code)
    inn.line.breaks = error
    inn.line.go.set()
    reply = await inn.say(REQUEST)
    assert (reply.status, reply.code) == (status, code)


async def _closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        try:
            return await reader.read() == b""
        except (ConnectionError, ssl.SSLError):
            return True


async def test_plain_requests_are_answered_in_order_until_one_is_not_plain(open_inn: Any) -> None:
    """All in one write: three plain ones, one that aiohttp answers, and plain ones after it."""
    inn = await open_inn()
    inn.line.go.set()
    reader, writer = await inn.connect()
    odd = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write(REQUEST * 3 + odd + REQUEST * 2)
    codes = [(await read_reply(reader)).code for _ in range(6)]
    assert codes == ["ledger_unavailable"] * 3 + ["route_unknown"] + ["ledger_unavailable"] * 2
    (visit,) = inn.listener._connections
    assert visit._handler is not None, "handed over for good"
    assert inn.line.carried == 5


async def test_a_flood_of_plain_requests_is_read_no_faster_than_it_is_answered(
    open_inn: Any,
) -> None:
    inn = await open_inn()
    reader, writer = await inn.connect()
    many = 4000
    writer.write(REQUEST * many)
    await until(lambda: inn.line.carried == 1)
    (visit,) = inn.listener._connections
    await until(lambda: visit._paused)
    assert len(visit._unread) < 4 * UNREAD_BYTES_MAX
    inn.line.go.set()
    for _ in range(many):
        assert (await read_reply(reader)).code == "ledger_unavailable"
    assert visit._handler is None, "not one of them was aiohttp's"


async def test_a_plain_body_that_does_not_come_is_given_up(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web.visit.BODY_DEADLINE_S", 0.2)
    inn = await open_inn()
    reader, writer = await inn.connect()
    writer.write(REQUEST[:-1])
    reply = await read_reply(reader)
    assert (reply.status, reply.code) == (400, "body_incomplete")
    assert await _closed(reader)


async def test_what_is_on_the_line_is_answered_before_the_door_is_shut(open_inn: Any) -> None:
    inn = await open_inn()
    idle, _ = await inn.connect("b")
    reader, writer = await inn.connect()
    writer.write(REQUEST)
    await until(lambda: inn.line.carried == 1)
    closing = asyncio.create_task(inn.listener.close())
    assert await _closed(idle), "nothing was asked there"
    assert not closing.done()
    inn.line.go.set()
    reply = await read_reply(reader)
    assert (reply.code, reply.headers["connection"]) == ("ledger_unavailable", "close")
    await closing
    assert await _closed(reader)


async def test_a_visitor_who_hangs_up_stops_nothing(open_inn: Any) -> None:
    inn = await open_inn()
    _, writer = await inn.connect()
    writer.write(REQUEST)
    await until(lambda: inn.line.carried == 1)
    writer.transport.abort()
    await until(lambda: not inn.listener._connections)
    (carried,) = inn.listener._carried
    inn.line.go.set()
    await carried
    assert not carried.cancelled() and carried.exception() is None
