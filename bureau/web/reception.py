"""Lets parties in at the inbox's door: bounded in number, in handshake, in silence, and for each.

aiohttp bounds none of these by itself. A stranger can hold a place only while its handshake lasts,
and the oldest handshake makes room for a newer one; a party has a share, so none takes the door.
"""

import asyncio
import errno
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import attrs
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from bureau.serving import answers_whatever_comes
from certs.tls import party_of

BACKLOG = 256
BREATH_S = 0.05
"""When the system has no descriptor left: how long to wait before asking it again."""
STOP_S = 5.0
SHUTDOWN_S = 1.0
"""How long a peer may take to say goodbye in TLS."""
_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = structlog.get_logger("bureau.reception")


@attrs.frozen(kw_only=True)
class Bounds:
    """What the inbox grants its visitors; a gateway has some ten connections."""

    connections_max: int = 512
    connections_per_party_max: int = 64
    handshakes_max: int = 128
    handshake_s: float = 5.0
    idle_s: float = 75.0
    """Between two requests, and until a request's head is whole."""


@asynccontextmanager
async def door(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext,
    bounds: Bounds | None = None,
) -> AsyncIterator[int]:  # fmt: skip
    """Listens until the block ends; yields the port. Requests under way get STOP_S to finish."""
    bounds = bounds or Bounds()
    runner = web.AppRunner(
        application,
        access_log=None,
        handler_cancellation=False,
        auto_decompress=False,
        keepalive_timeout=bounds.idle_s,
        shutdown_timeout=STOP_S,
    )
    await runner.setup()
    assert runner.server
    answers_whatever_comes(runner.server)
    reception = Reception(runner.server, tls, bounds)
    try:
        yield reception.open(host, port)
    finally:
        await reception.close()
        await runner.cleanup()
        _log.info("door.closed", host=host)


class Reception:
    """`server` answers whoever has come in; its runner gives it `idle_s`, and closes it."""

    def __init__(self, server: web.Server, tls: ssl.SSLContext, bounds: Bounds) -> None:
        self.server = server
        self._tls = tls
        self._bounds = bounds
        self._by_party: Counter[str] = Counter()
        self._handshakes: dict[asyncio.Task[None], None] = {}
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    def open(self, host: str, port: int) -> int:
        """Start to accept; the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as failed:  # an address that cannot be had is told with the setting
            raise OSError(failed.errno, f"door.port: {failed.strerror}") from failed
        listening.setblocking(False)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)  # visitors inherit it
        self._socket = listening
        self._accepting = asyncio.create_task(self._accept(listening))
        return int(listening.getsockname()[1])

    async def close(self) -> None:
        """Accept no more, and end the handshakes; who is inside stays."""
        tasks = [task for task in (self._accepting, *self._handshakes) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._socket:
            self._socket.close()

    def enter(self, party: str) -> bool:
        """Whether one more of this party may come in; counted then, until it leaves."""
        if self._by_party[party] >= self._bounds.connections_per_party_max:
            return False
        self._by_party[party] += 1
        return True

    def leave(self, party: str) -> None:
        self._by_party[party] -= 1

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                visitor, _ = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in _SHORT_OF:
                    await asyncio.sleep(BREATH_S)
                # Whatever else is wrong is wrong with that one visitor, who has hung up.
                continue
            self._receive(visitor)

    def _receive(self, visitor: socket.socket) -> None:
        inside = self._by_party.total() + len(self._handshakes)
        if inside >= self._bounds.connections_max:
            visitor.close()
            return
        if len(self._handshakes) >= self._bounds.handshakes_max:
            next(iter(self._handshakes)).cancel()
        task = asyncio.create_task(self._shake_hands(visitor))
        self._handshakes[task] = None
        task.add_done_callback(lambda done: self._handshakes.pop(done, None))

    async def _shake_hands(self, visitor: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Guest(self),
                visitor,
                ssl=self._tls,
                ssl_handshake_timeout=self._bounds.handshake_s,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except OSError:  # ssl.SSLError is one
            return


class Guest(RequestHandler):
    """One connection of `server`, if its party may have one more."""

    def __init__(self, reception: Reception) -> None:
        # The server keeps what its runner was given to itself, and hands it to its own class only.
        server = reception.server
        super().__init__(server, loop=server._loop, **server._kwargs)
        self._reception = reception
        self._party: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        party = party_of(transport.get_extra_info("ssl_object")) or ""
        if self._reception.enter(party):
            self._party = party
            super().connection_made(transport)
        else:
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._party is not None:
            self._reception.leave(self._party)
            super().connection_lost(exc)
