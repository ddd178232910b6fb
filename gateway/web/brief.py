"""Brief visits, of anybody and without TLS: bounded in number, by address, and each in its time.

A visit has so many seconds, whatever it does meanwhile: stays silent, sends its head or its
question slowly, takes no answer. Whoever comes in time is answered. At the operators' port what was
asked in time begins the visit anew, since who watches keeps his connection.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, cast

import attrs
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from doors.whatever_comes import answers_whatever_comes

STOP_S = 2.0


@attrs.frozen(kw_only=True)
class Bounds:
    connections_max: int = 256
    connections_per_address_max: int = 32
    """Not of this host itself, where a proxy may stand for everybody."""
    visit_s: float = 10.0
    """From the moment it comes in; a client that keeps its connection opens another then."""
    kept: bool = False
    """Whether another visit begins then, if something was asked since the last one began."""


OPERATORS = Bounds(visit_s=30.0, kept=True)
"""Prometheus asks every 15 s or so, and reads at once what it is told."""


@asynccontextmanager
async def brief_door(
    application: web.Application, host: str, port: int, bounds: Bounds | None = None
) -> AsyncIterator[int]:
    """Listens until the block ends; yields the port. Raises OSError."""
    runner = web.AppRunner(
        application, access_log=None, auto_decompress=False, shutdown_timeout=STOP_S
    )
    await runner.setup()
    assert runner.server
    answers_whatever_comes(runner.server)
    reception = Reception(runner.server, bounds or Bounds())
    listening = None
    try:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: Guest(reception), host, port)
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        if listening is not None:
            listening.close()
        await runner.cleanup()


class Reception:
    """Counts who is inside of `server`."""

    def __init__(self, server: web.Server, bounds: Bounds) -> None:
        self.server = server
        self.bounds = bounds
        self._guests: dict[Guest, str] = {}
        self._by_address: Counter[str] = Counter()

    def enter(self, guest: "Guest", address: str) -> bool:
        """Whether one more may come in. Of a full house the one goes that has been there longest
        and has asked nothing yet that is not answered."""
        crowded = self._by_address[address] >= self.bounds.connections_per_address_max
        if crowded and not ip_address(address).is_loopback:
            return False
        if len(self._guests) >= self.bounds.connections_max:
            waits = next((each for each in self._guests if each.waits), None)
            if waits is None:
                return False
            self.leave(waits)
            waits.hang_up()
        self._guests[guest] = address
        self._by_address[address] += 1
        return True

    def leave(self, guest: "Guest") -> None:
        address = self._guests.pop(guest, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]  # addresses are without end


class Guest(RequestHandler):
    """One visit."""

    def __init__(self, reception: Reception) -> None:
        # The server keeps what its runner was given to itself, and hands it to its own class only.
        server = reception.server
        super().__init__(server, loop=server._loop, **server._kwargs)
        self._reception = reception
        self._ends: asyncio.TimerHandle | None = None
        self._asked = 0

    @property
    def waits(self) -> bool:
        """Whether nothing was asked that is not answered."""
        return self._current_request is None

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        visitor = cast("asyncio.Transport", transport)
        peer: Any = visitor.get_extra_info("peername")
        if peer is None or not self._reception.enter(self, str(peer[0])):  # None: gone already
            visitor.abort()
            return
        self._begin()
        super().connection_made(transport)

    def _begin(self) -> None:
        self._asked = self._request_count
        self._ends = self._loop.call_later(self._reception.bounds.visit_s, self._end)

    def _end(self) -> None:
        if self._reception.bounds.kept and self._request_count > self._asked:
            self._begin()
        else:
            self.hang_up()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._reception.leave(self)
            super().connection_lost(exc)
