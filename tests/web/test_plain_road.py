"""The road past aiohttp under attack: cut anywhere, mixed, smuggled, dripped, never read."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from gateway.web.plain import recognised
from gateway.web.visit import Visit
from tests.patience import soon
from tests.web.besieged import read_reply
from tests.web.inn import BOUNDS, MANY, REQUEST, Inn, PlainWords

ODD = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@attrs.define
class Ear:
    """How many bytes the visits have heard."""

    heard: int = 0

    async def until(self, total: int) -> None:
        await soon(lambda: self.heard >= total)


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    ear, hear = Ear(), Visit.data_received

    def heard(visit: Visit, data: bytes) -> None:
        ear.heard += len(data)
        hear(visit, data)

    monkeypatch.setattr(Visit, "data_received", heard)
    yield ear


@pytest.mark.slow
@pytest.mark.parametrize("second", [REQUEST, ODD], ids=["plain", "odd"])
async def test_two_requests_cut_at_any_byte_are_the_same_two_requests(
    open_inn: Any, ear: Ear, second: bytes
) -> None:
    inn = await open_inn(MANY)
    inn.line.go.set()
    both = REQUEST + second
    expected = ["ledger_unavailable", "route_unknown" if second is ODD else "ledger_unavailable"]
    reader, writer = await inn.connect()
    for cut in range(1, len(both)):
        if second is ODD:  # which hands the connection over for good
            writer.transport.abort()
            reader, writer = await inn.connect()
        writer.write(both[:cut])
        await ear.until(ear.heard + cut)
        writer.write(both[cut:])
        assert [(await read_reply(reader)).code for _ in expected] == expected, cut
    carried = len(both) - 1 if second is ODD else 2 * (len(both) - 1)
    assert inn.line.carried == carried
    assert {received.raw for received in inn.line.seen} == {b"{}"}


async def test_no_byte_and_no_name_of_one_connection_is_taken_for_anothers(
    open_inn: Any, ear: Ear
) -> None:
    """Five parties' requests, cut anywhere and sent in turns: all arrive in one buffer."""
    inn = await open_inn(MANY)
    inn.line.go.set()
    dice = random.Random(14)
    sent: dict[str, list[bytes]] = {}
    streams: dict[str, bytes] = {}
    for name in "abcde":
        bodies = [name.encode() * dice.randrange(1, 9000) for _ in range(12)]
        sent[f"spiffe://treasury.jilin.example/channel/220000000/{name}"] = bodies
        streams[name] = b"".join(
            POST + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies
        )
    ends = {name: await inn.connect(name) for name in streams}
    while any(streams.values()):
        name = dice.choice([name for name, left in streams.items() if left])
        cut = dice.randrange(1, 4000)
        piece, streams[name] = streams[name][:cut], streams[name][cut:]
        ends[name][1].write(piece)
        if dice.random() < 0.5:
            await ear.until(ear.heard + 1)
    for reader, _ in ends.values():
        for _ in range(12):
            assert (await read_reply(reader)).status == 503
    arrived: dict[str, list[bytes]] = {}
    for received in inn.line.seen:
        arrived.setdefault(received.party, []).append(received.raw)
    assert arrived == sent


@pytest.mark.parametrize(
    "doubtful",
    [
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nContent-Length: 300\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nX: y\r\n Content-Length: 300\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nContent-Length : 300\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nX: y\nContent-Length: 300\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nX: y\rContent-Length: 300\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2;x=\ny\r\n{}\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
        POST + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 2\r\n\r\n{}",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)  # fmt: skip
async def test_behind_a_plain_request_nothing_doubtful_hides_another(
    open_inn: Any, doubtful: bytes
) -> None:
    inn = await open_inn(MANY)
    inn.line.go.set()
    reader, writer = await inn.connect()
    writer.write(REQUEST + doubtful + REQUEST)
    assert (await read_reply(reader)).code == "ledger_unavailable"
    assert (await read_reply(reader)).status in (0, 400)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b"", "and the connection is closed"
    assert inn.line.carried == 1


@pytest.mark.parametrize(
    "odd",
    [
        b"POST http://x/v1/instructions HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/%69nstructions HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/instructions?x HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/instructions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n",
    ],
    ids=["absolute", "encoded", "query", "expect"],
)  # fmt: skip
async def test_another_spelling_is_the_same_request_and_its_body_is_no_request(
    open_inn: Any, odd: bytes
) -> None:
    """Its body is a whole request: whoever lost count of the bytes would carry it too."""
    inn = await open_inn(MANY)
    inn.line.go.set()
    reader, writer = await inn.connect()
    head = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(REQUEST)
    writer.write(odd + head + REQUEST + ODD)
    codes = []
    while "route_unknown" not in codes:
        reply = await read_reply(reader)
        if reply.status != 100:
            codes.append(reply.code)
    assert codes == ["ledger_unavailable", "route_unknown"]
    assert [received.raw for received in inn.line.seen] == [REQUEST]


async def test_the_body_of_a_question_that_has_none_is_no_request(open_inn: Any) -> None:
    inn = await open_inn(MANY)
    inn.line.go.set()
    reader, writer = await inn.connect()
    head = b"GET /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(REQUEST)
    writer.write(head + REQUEST + ODD)
    assert [(await read_reply(reader)).code for _ in range(2)] == ["route_unknown"] * 2
    assert inn.line.seen == []


async def test_what_stands_behind_an_upgrade_is_no_request(open_inn: Any) -> None:
    """aiohttp leaves what follows to a protocol that nobody speaks here."""
    inn = await open_inn(attrs.evolve(MANY, idle_s=2.0))
    inn.line.go.set()
    reader, writer = await inn.connect()
    head = b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(REQUEST)
    writer.write(POST + head + REQUEST + REQUEST)
    assert (await read_reply(reader)).code == "ledger_unavailable"
    assert (await read_reply(reader)).status == 0, "closed, without another answer"
    assert [received.raw for received in inn.line.seen] == [REQUEST]


async def test_a_request_without_a_target_is_answered_and_ends_the_connection(
    open_inn: Any,
) -> None:
    """aiohttp broke on it, and the connection stayed open without an answer for ever."""
    inn = await open_inn()
    reader, writer = await inn.connect()
    writer.write(b"CONNECT \r\n\r\n")
    assert (await read_reply(reader)).code == "http_malformed"
    assert (await read_reply(reader)).status == 0, "closed"


async def test_a_body_in_hand_counts_for_its_party_until_it_is_answered(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read quickly and carried slowly, 256 messages of 48 MiB would lie in memory."""
    monkeypatch.setattr("gateway.web.body.READING_BYTES_PER_PARTY_MAX", 100)
    inn: Inn = await open_inn(MANY, in_flight_max=99)
    body = b" " * 60
    large = POST + b"Connection: close\r\nContent-Length: 60\r\n\r\n" + body
    first = asyncio.create_task(inn.say(large))
    await soon(lambda: inn.line.carried)
    assert (await inn.say(large)).code == "overloaded"
    other = asyncio.create_task(inn.say(large, "b"))
    await soon(lambda: inn.line.carried == 2)
    inn.line.go.set()
    assert [(await each).code for each in (first, other)] == ["ledger_unavailable"] * 2
    assert (await inn.say(large)).code == "ledger_unavailable", "there is room again"


async def test_a_body_without_announcement_takes_room_as_it_comes(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted as the largest that it may become, two small ones of a channel were all it had."""
    monkeypatch.setattr("gateway.web.body.READING_BYTES_PER_PARTY_MAX", 100)
    inn: Inn = await open_inn(MANY, in_flight_max=99)
    head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    small, large = b"2\r\n{}\r\n0\r\n\r\n", b"80\r\n" + b" " * 128 + b"\r\n0\r\n\r\n"
    begun = [await inn.connect() for _ in range(5)]
    for _, writer in begun:
        writer.write(head)
    for _, writer in begun:
        writer.write(small)
    await soon(lambda: inn.line.carried == 5)
    assert (await inn.say(head + large)).code == "overloaded"
    inn.line.go.set()
    codes = [(await read_reply(reader)).code for reader, _ in begun]
    assert codes == ["ledger_unavailable"] * 5


@pytest.mark.slow
@pytest.mark.parametrize("request_bytes", [REQUEST, ODD], ids=["plain", "odd"])
async def test_who_does_not_read_the_answers_is_hung_up_on_in_the_end(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch, request_bytes: bytes
) -> None:
    """Kept for ever, with the answers and the requests behind them, on both roads."""
    monkeypatch.setattr(PlainWords, "problem", lambda *_: b"x" * 200_000)
    inn: Inn = await open_inn(attrs.evolve(BOUNDS, idle_s=2.0))
    inn.line.go.set()
    _, writer = await inn.connect()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(request_bytes * 150)
    await soon(lambda: inn.told["unread"] and not inn.listener._connections)


def test_a_head_that_drips_is_not_read_again_for_each_of_its_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """8,000 records of one byte, each followed by a look at all fields: a third of a second of
    work for every connection."""
    monkeypatch.setattr("gateway.web.plain._HEAD", None)
    assert recognised(POST + b"X: " + b"a" * 7000) == "more"


async def test_an_answer_that_nobody_can_word_ends_the_connection(
    open_inn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed open without an answer, and no clock ended it: 256 of them, and the party's other
    programs were outside."""

    def unsayable(*_: object) -> bytes:
        raise TypeError("surrogates not allowed")

    monkeypatch.setattr(PlainWords, "problem", unsayable)
    inn: Inn = await open_inn(BOUNDS)
    inn.line.go.set()
    reader, writer = await inn.connect()
    writer.write(REQUEST)
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.transport.abort()
