"""A bank core that never ends its answer: unknown, bounded in time and in bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from adapters.bank.exchange import ANSWER_BYTES_MAX
from adapters.bank.http_core import HttpBank
from gateway.domain.bank import BankOutcome, EnquiryOutcome
from tests.adapters.bank.scripted import CONDUCT, key

OK = b"HTTP/1.1 200 OK\r\n"
DEADLINE_S = 1.0
ENDLESS = {
    "a body of a gigabyte": (OK + b"Content-Length: 1000000000\r\n\r\n", b"x" * 65536),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "a chunk's extension": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"e" * 4096),
    "headers": (OK, b"X-A: " + b"b" * 1000 + b"\r\n"),
    "one header": (OK + b"X: ", b"b" * 4096),
    "promises": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
}
SLOW = {
    "a byte at a time": (b"", b"H"),
    "blanks": (OK + b"Content-Length: 60000\r\n\r\n", b" "),
}


@contextlib.asynccontextmanager
async def _core(first: bytes, again: bytes, pause_s: float) -> AsyncIterator[tuple[int, list[int]]]:
    """Its port, and how many bytes each connection took of it."""
    took: list[int] = []
    ended: list[asyncio.Future[None]] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, end = len(took), asyncio.get_running_loop().create_future()
        took.append(0)
        ended.append(end)
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(first)
            while not writer.transport.is_closing():
                writer.write(again)
                await writer.drain()
                took[number] += len(again)
                await asyncio.sleep(pause_s)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        end.set_result(None)

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], took
        await asyncio.gather(*ended)


@pytest.mark.slow
@pytest.mark.parametrize("what", [*ENDLESS, *SLOW])
async def test_an_answer_without_end_is_unknown_and_ends_with_its_bound(what: str) -> None:
    first, again = {**ENDLESS, **SLOW}[what]
    async with _core(first, again, 0.0 if what in ENDLESS else 0.01) as (port, took):
        bank = HttpBank("127.0.0.1", port, None, CONDUCT, 2, DEADLINE_S, 4)
        answer = await bank.submit(key(1), b"{}", "json")
        assert answer.outcome is BankOutcome.UNKNOWN
        assert (await bank.enquire(key(1))).outcome is EnquiryOutcome.SILENT
        assert not bank.in_use, "its connection is gone"
        await bank.aclose()
    system_bytes = 16 << 20  # what the two ends of a connection may hold that nobody has read
    assert len(took) == 2 and max(took) < ANSWER_BYTES_MAX + system_bytes
