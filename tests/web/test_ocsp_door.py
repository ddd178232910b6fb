"""The small door for OCSP and lists: answered from the registry, never asked by a payment."""

import asyncio
import base64
import datetime as dt
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.domain.certificates import RevocationList
from gateway.domain.faults import LedgerUnavailable
from gateway.web.brief import Bounds, Guest, Reception, brief_door
from gateway.web.ocsp import ANSWER, FRESH_S, REQUEST, Recent, ocsp_application

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
LIST = RevocationList(
    issuer="ab12", number=4, this_update=NOW, next_update=NOW + dt.timedelta(days=7), pem=b"PEM"
)


class Registry:
    def __init__(self) -> None:
        self.down = False

    async def answer(self, question: bytes) -> bytes:
        if self.down:
            raise LedgerUnavailable("down")
        return b"answer to " + question

    async def lists(self) -> list[RevocationList]:
        if self.down:
            raise LedgerUnavailable("down")
        return [LIST]


def _decode(text: bytes) -> bytes:
    return base64.b64decode(text, validate=True)


async def test_questions_come_by_post_and_by_get_and_lists_by_name() -> None:
    registry = Registry()
    application = ocsp_application(registry.answer, registry.lists, _decode)
    async with TestClient(TestServer(application)) as client:
        question = b"\x30\x03\xff\xfe\x00"
        posted = await client.post("/ocsp", data=question, headers={"Content-Type": REQUEST})
        assert (posted.status, posted.content_type) == (200, ANSWER)
        assert await posted.read() == b"answer to " + question
        path = quote(base64.b64encode(question).decode(), safe="")
        got = await client.get(f"/ocsp/{path}")
        assert await got.read() == b"answer to " + question
        assert (await client.post("/ocsp", data=b"x")).status == 415
        assert (await client.get("/ocsp/not_base64!")).status == 400
        assert await (await client.get("/crl/ab12")).read() == b"PEM"
        assert (await client.get("/crl/ffff")).status == 404
        big = await client.post("/ocsp", data=b"x" * 20_000, headers={"Content-Type": REQUEST})
        assert big.status == 413


async def test_a_registry_that_is_down_is_said_to_be_down() -> None:
    """No answer is better than a wrong one: nobody is told `good` from memory."""
    registry = Registry()
    registry.down = True
    application = ocsp_application(registry.answer, registry.lists, _decode)
    async with TestClient(TestServer(application)) as client:
        asked = await client.post("/ocsp", data=b"x", headers={"Content-Type": REQUEST})
        assert asked.status == 503
        assert (await client.get("/crl/ab12")).status == 503


async def test_a_flood_of_questions_asks_the_database_twice_a_second() -> None:
    """Each question of anybody read every case of the registry, certificates and all."""
    now, reads = [0.0], [0]

    async def read() -> int:
        reads[0] += 1
        if reads[0] == 2:
            raise LedgerUnavailable("down")
        await asyncio.sleep(0)
        return reads[0]

    registry = Recent(read, lambda: now[0])
    assert await asyncio.gather(*(registry() for _ in range(100))) == [1] * 100
    now[0] += FRESH_S
    with pytest.raises(LedgerUnavailable):
        await registry()
    assert await registry() == 3, (
        "what could not be read is asked for again, never told from memory"
    )


async def test_a_database_that_hangs_is_not_asked_once_more_for_each_who_waited() -> None:
    """Nobody hangs up a question for its sender: a hundred would have waited a hundred times."""
    reads = [0]

    async def read() -> int:
        reads[0] += 1
        await asyncio.sleep(0)
        raise LedgerUnavailable("no answer in time")

    registry = Recent(read)
    asked = await asyncio.gather(*(registry() for _ in range(100)), return_exceptions=True)
    assert {type(each) for each in asked} == {LedgerUnavailable} and reads[0] == 1
    with pytest.raises(LedgerUnavailable):
        await registry()
    assert reads[0] == 2, "who asks later asks anew"


HEAD = b"GET /crl/ab12 HTTP/1.1\r\nHost: here\r\n"


async def hung_up(reader: asyncio.StreamReader) -> bool:
    """Waits for it; whatever is answered before."""
    try:
        return b"200" not in await reader.read()
    except ConnectionResetError:
        return True


def _open(bounds: Bounds) -> AbstractAsyncContextManager[int]:
    registry = Registry()
    application = ocsp_application(registry.answer, registry.lists, _decode)
    return brief_door(application, "127.0.0.1", 0, bounds)


async def _asked(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"Connection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "sent",
    [b"", HEAD, b"POST /ocsp HTTP/1.1\r\nHost: here\r\nContent-Type: " + REQUEST.encode()
     + b"\r\nContent-Length: 9\r\n\r\nhalf"],
    ids=["silent", "half a head", "half a question"],
)  # fmt: skip
async def test_who_is_slow_is_hung_up_on_in_its_time(sent: bytes) -> None:
    """It was for ever: neither a head nor a question had to come to an end."""
    async with _open(Bounds(visit_s=0.05)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await hung_up(reader)
        writer.close()


@pytest.mark.parametrize("sent", [b"", HEAD], ids=["silent", "half a head"])
@pytest.mark.parametrize("asks", [0, 2])
async def test_who_watches_keeps_his_connection_until_he_asks_no_more(
    sent: bytes, asks: int
) -> None:
    """Prometheus asks again and again; at the operators' port nobody else had an end either."""
    async with _open(Bounds(visit_s=0.2, kept=True)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(asks):
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"PEM")).startswith(b"HTTP/1.1 200")
        writer.write(sent)
        assert await hung_up(reader)
        writer.close()


async def test_a_visit_begins_anew_with_what_was_asked_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guests: list[Guest] = []
    begin = Guest._begin

    def seen(self: Guest) -> None:
        guests.append(self)
        begin(self)

    monkeypatch.setattr(Guest, "_begin", seen)
    async with _open(Bounds(visit_s=60.0, kept=True)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for visits in (1, 2, 3):
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"PEM")).startswith(b"HTTP/1.1 200")
            assert len(guests) == visits
            guests[-1]._end()
        guests[-1]._end()
        assert await hung_up(reader)
        writer.close()


async def test_the_silent_make_room_for_who_asks_however_many_they_are() -> None:
    async with _open(Bounds(connections_max=4)) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        assert (await _asked(port)).endswith(b"PEM")
        gone = [reader for reader, _ in silent[:8]]
        assert all(await asyncio.gather(*map(hung_up, gone)))
        for _, writer in silent:
            writer.close()


async def test_an_address_has_a_share_but_for_this_host_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with _open(Bounds(connections_per_address_max=1)) as port:
        first = await asyncio.open_connection("127.0.0.1", port)
        assert (await _asked(port)).endswith(b"PEM"), "perhaps a proxy"
        first[1].close()
        seen = Reception.enter
        monkeypatch.setattr(
            Reception, "enter", lambda self, guest, _: seen(self, guest, "10.0.0.9")
        )
        first = await asyncio.open_connection("127.0.0.1", port)
        first[1].write(HEAD + b"\r\n")
        assert b"200" in await first[0].readline()
        second, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await hung_up(second)
        for each in (writer, first[1]):
            each.close()
