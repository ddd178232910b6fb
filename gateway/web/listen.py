"""Listening for parties: connections bounded in number, in handshake, in silence, in slow headers.

aiohttp bounds none of these by itself. A stranger can hold a place only while its handshake lasts,
and the oldest handshake makes room for a newer one; a party has a share, so none takes the door.
"""

import asyncio
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import attrs
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

BACKLOG = 1024
BREATH_S = 0.05
"""When the system has no descriptor left: how long to wait before asking it again."""
SHUTDOWN_S = 1.0
"""How long a peer may take to say goodbye in TLS."""
_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
    b"Retry-After: 2\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
)
_BUSY_BODY = (
    b'{"type":"urn:treasury-gateway:fault:overloaded","title":"Overloaded; try again later",'
    b'"status":503,"code":"overloaded","detail":"this party has too many connections","errors":[]}'
)


@attrs.frozen(kw_only=True)
class Bounds:
    """What one process grants its visitors."""

    connections_max: int = 4096
    connections_per_party_max: int = 256
    handshakes_max: int = 1024
    handshake_s: float = 5.0
    header_s: float = 5.0
    """From a request's first byte to the end of its headers."""
    idle_s: float = 75.0
    """Between two requests of one connection."""


class Listener:
    """Accepts, shakes hands, and hands connections to aiohttp's `server`.

    `told` hears why a connection was refused: `connections`, `party`, `handshakes`, `handshake`,
    `descriptors`, `header`; what TLS itself refused is told by the context.
    """

    def __init__(
        self, server: web.Server, tls: ssl.SSLContext, party_of: Callable[[Any], str | None],
        bounds: Bounds, told: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.server = server
        self.bounds = bounds
        self.told = told
        self._tls = tls
        self._party_of = party_of
        self._by_party: Counter[str] = Counter()
        self._connections: set[Visit] = set()
        self._handshakes: dict[asyncio.Task[None], None] = {}
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    def open(self, host: str, port: int, *, shared: bool = False) -> int:
        """Start to accept; the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, reuse_port=shared
        )
        listening.setblocking(False)
        self._socket = listening
        self._accepting = asyncio.create_task(self._accept(listening))
        return int(listening.getsockname()[1])

    async def close(self) -> None:
        """Accept no more. Connections that stand go on; aiohttp's runner closes them."""
        tasks = [task for task in (self._accepting, *self._handshakes) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._socket:
            self._socket.close()

    def enter(self, visit: "Visit", tls: Any) -> str | None:
        """The party's name if it may come in; None if it has enough connections already."""
        self._connections.add(visit)
        party = self._party_of(tls) or ""
        self._by_party[party] += 1
        visit.party = party
        return party if self._by_party[party] <= self.bounds.connections_per_party_max else None

    def leave(self, visit: "Visit") -> None:
        self._connections.discard(visit)
        if visit.party is not None:
            self._by_party[visit.party] -= 1
            if not self._by_party[visit.party]:
                del self._by_party[visit.party]

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                visitor, _ = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in _SHORT_OF:
                    self.told("descriptors")
                    await asyncio.sleep(BREATH_S)
                # Whatever else is wrong is wrong with that one visitor, who has hung up.
                continue
            self._receive(visitor)

    def _receive(self, visitor: socket.socket) -> None:
        if len(self._connections) + len(self._handshakes) >= self.bounds.connections_max:
            self.told("connections")
            visitor.close()
            return
        if len(self._handshakes) >= self.bounds.handshakes_max:
            self.told("handshakes")
            next(iter(self._handshakes)).cancel()
        task = asyncio.create_task(self._shake_hands(visitor))
        self._handshakes[task] = None
        task.add_done_callback(lambda done: self._handshakes.pop(done, None))

    async def _shake_hands(self, visitor: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Visit(self),
                visitor,
                ssl=self._tls,
                ssl_handshake_timeout=self.bounds.handshake_s,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except ssl.SSLError:
            return  # the context has told of it
        except OSError:
            self.told("handshake")


class Visit(asyncio.Protocol):
    """One connection: aiohttp's handler, with a clock on the headers."""

    __slots__ = ("_handler", "_house", "_slow", "_transport", "party")

    def __init__(self, house: Listener) -> None:
        self._house = house
        self._handler: RequestHandler | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self.party: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        if self._house.enter(self, tls) is None:
            self._house.told("party")
            self._transport.write(BUSY % (len(_BUSY_BODY), _BUSY_BODY))
            self._transport.close()
            return
        self._handler = self._house.server()
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        handler = self._handler
        if handler is None:
            return
        handler.data_received(data)
        if _still_in_headers(handler):
            if self._slow is None:
                loop = asyncio.get_running_loop()
                self._slow = loop.call_later(self._house.bounds.header_s, self._hang_up)
        elif self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def eof_received(self) -> None:
        if self._handler is not None:
            self._handler.eof_received()

    def pause_writing(self) -> None:
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        if self._handler is not None:
            self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._slow is not None:
            self._slow.cancel()
        self._house.leave(self)
        if self._handler is not None:
            self._handler.connection_lost(exc)

    def _hang_up(self) -> None:
        self._house.told("header")
        if self._transport is not None:
            self._transport.abort()


def _still_in_headers(handler: RequestHandler) -> bool:
    """Whether it waits for a request although bytes have come. aiohttp tells nobody else."""
    waiter = handler._waiter
    if waiter is None:
        return handler._request_count == 0
    return not waiter.done()
