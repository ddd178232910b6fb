"""A bank that says exactly what a test's script says, byte for byte, on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from adapters.bank.http_core import HttpBank
from gateway.domain.bank import BankConduct
from gateway.domain.instruction import InstructionKey

CONDUCT = BankConduct(idempotent=False, enquiry=True, horizon_s=60.0)

Speak = Callable[["Heard", asyncio.StreamWriter], Awaitable[None]]


class Heard:
    """One request as it came off the wire."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
        }
        self.body = body
        self.key = self.headers.get("instruction-key") or self.line.split(" ")[1][13:]


class ScriptedBank:
    def __init__(self, speak: Speak) -> None:
        self._speak = speak
        self._writers: list[asyncio.StreamWriter] = []
        self.heard: list[Heard] = []
        self.connections = 0
        self.gone = asyncio.Event()
        """Set each time a client has closed its end."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heard = Heard(head, b"")
                heard.body = await reader.readexactly(int(heard.headers.get("content-length", 0)))
                self.heard.append(heard)
                await self._speak(heard, writer)
        self.gone.set()
        writer.close()

    async def hung_up(self) -> None:
        self.hang_up()
        for writer in self._writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


@contextlib.asynccontextmanager
async def bank_saying(speak: Speak) -> AsyncIterator[tuple[ScriptedBank, int]]:
    """The bank and its port."""
    bank = ScriptedBank(speak)
    server = await asyncio.start_server(bank.serve, "127.0.0.1", 0)
    try:
        yield bank, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await bank.hung_up()


def key(number: int = 1) -> InstructionKey:
    return InstructionKey(
        division="220000000", fiscal_year=2026, voucher_type="8202", voucher_no=f"V{number:05d}"
    )


def http(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


def accepted(name: str) -> bytes:
    return http(b'{"key":"%b","outcome":"accepted","reference":"JH1"}' % name.encode())


async def accept(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(accepted(heard.key))


async def say_nothing(heard: Heard, writer: asyncio.StreamWriter) -> None:
    return


def saying(*said: bytes | None) -> Speak:
    """Say each in turn (`KEY` stands for the request's key); None hangs up."""

    async def speak(heard: Heard, writer: asyncio.StreamWriter) -> None:
        for each in said:
            if each is None:
                writer.close()
            else:
                writer.write(each.replace(b"KEY", heard.key.encode()))

    return speak


def core(
    port: int, *, connections: int = 2, deadline_s: float = 5.0, waiting_max: int = 8
) -> HttpBank:
    return HttpBank("127.0.0.1", port, None, CONDUCT, connections, deadline_s, waiting_max)


@contextlib.asynccontextmanager
async def dialogue(
    speak: Speak, *, connections: int = 2, deadline_s: float = 5.0, waiting_max: int = 8
) -> AsyncIterator[tuple[HttpBank, ScriptedBank]]:
    async with bank_saying(speak) as (scripted, port):
        bank = core(port, connections=connections, deadline_s=deadline_s, waiting_max=waiting_max)
        try:
            yield bank, scripted
        finally:
            await bank.aclose()
