"""A bureau, or a gateway, that never ends its answer: given up in time, and told in a few words."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import adapters.bureau.https
import adapters.gateways.https
from adapters.bureau.https import HttpsBureau
from adapters.gateways.https import HttpsGateway
from certs.tls import server_context
from gateway.domain.faults import BureauUnavailable, GatewayUnavailable
from tests.bureau.words import BANK, Door

Said = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def _nothing(_: asyncio.StreamWriter) -> None: ...


async def _half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


async def _promises(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


async def _header(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"b" * 200_000)


@contextlib.asynccontextmanager
async def _saying(door: Door, said: Said) -> AsyncIterator[str]:
    ended: list[asyncio.Future[None]] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = asyncio.get_running_loop().create_future()
        ended.append(end)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await said(writer)
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        end.set_result(None)

    tls = server_context(door.house.credentials(door.folder, "bureau/229900000"))
    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*ended)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "words"),
    [(_nothing, "no whole answer within"), (_half, "no whole answer within"),
     (_promises, "no whole answer within"), (_header, "8190 bytes")],
)  # fmt: skip
async def test_an_answer_without_end_is_none_and_is_told_in_a_few_words(
    door: Door, said: Said, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was `TimeoutError: ` and nothing more, or eight thousand bytes of what it had sent."""
    monkeypatch.setattr(adapters.bureau.https, "NOTIFY_DEADLINE_S", 1.0)
    monkeypatch.setattr(adapters.gateways.https, "DEADLINE_S", 1.0)
    tls = door.client(f"gateway/{BANK}")
    async with _saying(door, said) as url:
        async with HttpsBureau(url, tls) as bureau:
            (heard,) = await bureau.notify("220000000", [(b"{}", "x")])
        assert isinstance(heard, BureauUnavailable)
        with pytest.raises(GatewayUnavailable) as refused:
            await HttpsGateway(url, tls).publish("registers", b"{}", "x")
    for told in (str(heard), str(refused.value)):
        assert words in told and len(told) <= 300


async def _late(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1.5)
    body = b'{"receipt":"r","version":1}'
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.mark.slow
async def test_what_a_large_body_takes_on_a_slow_line_is_granted_beside_the_deadline(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is never there in time is sent again for ever, and all that come after it wait."""
    monkeypatch.setattr(adapters.bureau.https, "NOTIFY_DEADLINE_S", 0.5)
    monkeypatch.setattr(adapters.gateways.https, "DEADLINE_S", 0.5)
    for module in (adapters.bureau.https, adapters.gateways.https):
        monkeypatch.setattr(module, "SLOWEST_BYTES_A_SECOND", 1_000)
    tls, large = door.client(f"gateway/{BANK}"), b"x" * 60_000
    async with _saying(door, _late) as url:
        async with HttpsBureau(url, tls) as bureau:
            (small,) = await bureau.notify("220000000", [(b"{}", "x")])
            assert isinstance(small, BureauUnavailable)
            assert await bureau.notify("220000000", [(large, "x")]) == ["r"]
        way = HttpsGateway(url, tls)
        with pytest.raises(GatewayUnavailable):
            await way.publish("registers", b"{}", "x")
        assert await way.publish("registers", large, "x") == 1


async def _long(writer: asyncio.StreamWriter) -> None:
    body = b'{"feeds":"%b","version":1}' % (b'\\"' * 2**20)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.mark.slow
async def test_the_largest_order_that_a_gateway_takes_is_read_back_whole(door: Door) -> None:
    """One that overrides five findings of each of 499 details has 400 KB: a bureau that was
    restored asked for it for ever."""
    async with _saying(door, _long) as url:
        told = await HttpsGateway(url, door.client(f"gateway/{BANK}")).ask("held", b"{}", "x")
    assert len(told) > 2 * 2**20 and told.endswith(b'"version":1}')


async def test_a_connection_that_is_not_made_is_told_as_that(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`no whole answer within 30 s` stood in the log five seconds after a bureau was frozen."""
    for module in (adapters.bureau.https, adapters.gateways.https):
        monkeypatch.setattr(module, "CONNECT_DEADLINE_S", 0.3)
    tls = door.client(f"gateway/{BANK}")
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # the kernel takes it, nobody answers
        url = f"https://localhost:{deaf.getsockname()[1]}"
        async with HttpsBureau(url, tls) as bureau:
            (heard,) = await bureau.notify("220000000", [(b"{}", "x")])
        with pytest.raises(GatewayUnavailable) as refused:
            await HttpsGateway(url, tls).publish("registers", b"{}", "x")
    for told in (str(heard), str(refused.value)):
        assert told == "no connection within 0.3 s"
