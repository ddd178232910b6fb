"""The listener and the door in one process, on real TLS: bounds on number, time and size."""

import asyncio
import contextlib
import itertools
import socket
import ssl
from typing import Any

import attrs
import pytest
from structlog.testing import capture_logs

from gateway.domain.faults import LedgerUnavailable
from gateway.web import shares
from gateway.web.visit import UNREAD_BYTES_MAX
from tests.patience import until
from tests.web.besieged import HOST, read_reply
from tests.web.inn import BOUNDS, MANY, PATIENT_S, REQUEST, Inn

NEVER_S = 3600.0


async def test_a_request_is_answered_and_the_connection_is_kept(open_inn: Any) -> None:
    inn = await open_inn()
    inn.line.go.set()
    reader, writer = await inn.connect()
    for _ in range(3):
        writer.write(REQUEST)
        assert (await read_reply(reader)).status == 503, "the line's ledger is down"
    assert inn.line.carried == 3 and not inn.told


@pytest.mark.slow
async def test_headers_that_drip_are_given_up_but_a_silent_kept_connection_is_not(
    open_inn: Any,
) -> None:
    inn = await open_inn()
    inn.line.go.set()
    reader, writer = await inn.connect()
    closed = asyncio.create_task(_closed(reader))
    drips = itertools.chain(b"POST /v1/instructions HTTP/1.1\r\nX: ", itertools.repeat(ord("a")))
    while not closed.done():
        writer.write(bytes([next(drips)]))
        await asyncio.wait({closed}, timeout=BOUNDS.header_s / 6)
    assert await closed and inn.told["header"] == 1
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
    inn = await open_inn(attrs.evolve(BOUNDS, header_s=PATIENT_S))
    inn.line.go.set()
    reader, writer = await inn.connect()
    writer.write(REQUEST[:30])
    await until(lambda: any(visit._slow for visit in inn.listener._connections))
    (clock,) = (visit._slow for visit in inn.listener._connections)
    writer.write(REQUEST[30:])
    assert (await read_reply(reader)).status == 503
    assert clock and clock.cancelled(), "it would hang up on whoever was in time"
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
        await _come_in(inn)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await inn.connect()
    assert inn.told["connections"] == 1


async def test_strangers_who_never_shake_hands_keep_nobody_out(open_inn: Any) -> None:
    inn = await open_inn()
    for _ in range(12):
        await inn.call()
    reply = await inn.say(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.status == 404
    assert inn.told["handshakes"] >= 8, "the oldest made room"


async def test_a_crowd_in_one_breath_takes_no_more_than_the_places_of_handshakes(
    open_inn: Any,
) -> None:
    """Strangers who come faster than one of them is hung up on filled the whole house, and the
    next party was turned away."""
    inn = await open_inn(attrs.evolve(BOUNDS, connections_max=20))
    with contextlib.ExitStack() as crowd:
        for _ in range(40):  # the system takes them in; the loop has not run yet
            crowd.enter_context(socket.create_connection((HOST, inn.port)))
        reply = await inn.say(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply.status == 404
        assert inn.told["connections"] == 0 and inn.told["handshakes"] >= 36


async def test_a_handshake_makes_room_in_a_full_house_too(open_inn: Any) -> None:
    """While parties had all other places, strangers' handshakes kept the last ones for 5 s each."""
    inn = await open_inn(attrs.evolve(BOUNDS, connections_max=3))
    await _come_in(inn)
    for _ in range(2):
        await inn.call()
    await _come_in(inn, "b")
    assert inn.told["connections"] == 0 and inn.told["handshakes"] == 1


async def _come_in(inn: Inn, name: str = "a") -> None:
    """And be answered: whoever has only shaken hands on his side is not inside yet."""
    reader, writer = await inn.connect(name)
    writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await read_reply(reader)).status == 404


async def test_a_handshake_has_its_deadline(open_inn: Any) -> None:
    inn = await open_inn(attrs.evolve(BOUNDS, handshake_s=0.3))
    reader, _ = await inn.call()
    assert await _closed(reader)
    await until(lambda: inn.told["handshake"] == 1)


async def test_beyond_the_bound_the_answer_is_503_at_once_while_the_rest_go_on(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "WAITING_S", NEVER_S)
    inn = await open_inn(MANY, in_flight_max=8)
    inn.line.breaks = LedgerUnavailable("the database is down")
    going = [asyncio.create_task(inn.say(REQUEST)) for _ in range(8)]
    await until(lambda: inn.line.carried == 8)
    with capture_logs() as told:
        for _ in range(20):
            reader, writer = await inn.connect()
            writer.write(REQUEST)
            refused = await read_reply(reader)
            assert (refused.status, refused.code) == (503, "overloaded")
            assert int(refused.headers["retry-after"]) > 0
            writer.transport.abort()
    reasons = [line["reason"] for line in told if line["event"] == "instruction.refused"]
    assert reasons == ["too many instructions at once; send again later"] * 20, "one code, why"
    assert inn.line.carried == 8 and not any(task.done() for task in going)
    inn.line.go.set()
    with capture_logs() as told:
        codes = {reply.code for reply in await asyncio.gather(*going)}
    assert codes == {"ledger_unavailable"}, "those on the line had their own answer"
    assert {line["reason"] for line in told} == {"the database is down"}, (
        "the operators hear what the senders do not"
    )


async def test_one_partys_flood_waits_for_itself_and_the_others_are_carried(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inn: Inn = await open_inn(MANY, in_flight_max=8, share=2)
    going = [asyncio.create_task(inn.say(REQUEST, "quiet"))]
    await until(lambda: inn.line.carried == 1)
    odd = REQUEST.replace(b"Host: x", b"Host: x\r\nTE: trailers")  # aiohttp's road
    going += [asyncio.create_task(inn.say(each, "flood")) for each in (REQUEST, odd, REQUEST, odd)]
    await until(lambda: inn.line.carried == 3)
    going.append(asyncio.create_task(inn.say(REQUEST, "another")))
    await until(lambda: inn.line.carried == 4)
    inn.line.go.set()
    codes = {reply.code for reply in await asyncio.gather(*going)}
    assert codes == {"ledger_unavailable"}, "those who waited were carried too"
    assert inn.line.carried == 6

    inn.line.go.clear()
    monkeypatch.setattr(shares, "WAITING_S", 0.0)
    more = [asyncio.create_task(inn.say(REQUEST, "flood")) for _ in range(3)]
    done, rest = await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)
    (refused,) = (task.result() for task in done)
    assert (refused.status, refused.code) == (503, "party_overloaded")
    assert int(refused.headers["retry-after"]) > 0
    inn.line.go.set()
    assert {reply.code for reply in await asyncio.gather(*rest)} == {"ledger_unavailable"}


async def test_who_waits_for_a_place_when_the_gateway_stops_is_not_carried_any_more(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "WAITING_S", NEVER_S)
    inn: Inn = await open_inn(MANY, in_flight_max=8, share=1)
    going = [asyncio.create_task(inn.say(REQUEST, name)) for name in "ab"]
    await until(lambda: inn.line.carried == 2)
    waits = asyncio.create_task(inn.say(REQUEST, "a"))
    places = inn.listener.intake._places
    await until(lambda: any(places._waiting.values()))
    inn.listener.intake.stopping = True
    inn.line.go.set()
    assert (await waits).code == "stopping"
    assert {(await each).code for each in going} == {"ledger_unavailable"}
    assert (inn.line.carried, places.taken) == (2, 0)


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
    async with asyncio.timeout(PATIENT_S):
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


@pytest.mark.slow
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
