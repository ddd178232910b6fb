"""Listening for parties: connections bounded in number, in handshake, in silence, in slow headers.

aiohttp bounds none of these by itself. A stranger can hold a place only while its handshake lasts,
and of handshakes an older one makes room for a newer one; a party has a share, so none takes the
door.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from doors.porter import Porter
from gateway.domain.instruction import Received
from gateway.web.doubtful import ProblemHandler
from gateway.web.intake import Intake
from gateway.web.visit import Visit

BACKLOG = 1024
ARRIVING_BYTES = 64 * 1024
"""Read at a time; most requests are shorter, and what is longer is read in several."""
SHUTDOWN_S = 1.0
"""How long a peer may take to say goodbye in TLS."""

log = structlog.get_logger()


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
    """Between two requests of one connection, and while answers are not read."""
    finish_s: float = 10.0
    """How long instructions on the line may take to end once the door is closed."""


class Listener:
    """Accepts, shakes hands, and makes a `Visit` of each connection: plain requests go to `intake`,
    all else to aiohttp's `server`.

    `told` hears why a connection was refused: `connections`, `party`, `handshakes`, `handshake`,
    `descriptors`, `header`, `unread`, `certificate`; what TLS refused is told by the context.
    """

    def __init__(
        self, server: web.Server, intake: Intake, tls: ssl.SSLContext,
        party_of: Callable[[Any], str | None], bounds: Bounds, told: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.server: Callable[[], RequestHandler] = partial(ProblemHandler, server, intake)
        self.intake = intake
        self.bounds = bounds
        self.header_s, self.idle_s = bounds.header_s, bounds.idle_s
        self.told = told
        self.closing = False
        self._loop = asyncio.get_running_loop()
        self.arriving = memoryview(bytearray(ARRIVING_BYTES))
        self._tls = tls
        self._party_of = party_of
        self._by_party: Counter[str] = Counter()
        self._connections: set[Visit] = set()
        self._carried: set[asyncio.Task[None]] = set()
        self._porter: Porter | None = None

    def open(self, host: str, port: int, *, shared: bool = False) -> int:
        """Start to accept; the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, reuse_port=shared
        )
        # Visitors inherit it. uvloop does it by itself, asyncio not for sockets that we accept.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self._porter = Porter(
            listening, self._shake_hands, lambda: len(self._connections), self.told,
            visitors_max=self.bounds.connections_max, handshakes_max=self.bounds.handshakes_max,
        )  # fmt: skip
        return int(listening.getsockname()[1])

    async def close(self) -> None:
        """Accept no more, let plain requests on the line end, and hang up where they came from.

        What aiohttp serves goes on; its runner closes it.
        """
        self.closing = True
        if self._porter:
            await self._porter.close()
        for visit in [visit for visit in self._connections if not visit.serving]:
            visit.leave_if_plain()
        if self._carried:
            await asyncio.wait(self._carried, timeout=self.bounds.finish_s)
        for visit in tuple(self._connections):
            visit.leave_if_plain()

    def carry(self, visit: Visit, received: Received, path: str, since: float) -> None:
        """Take an instruction in and answer it; whoever hangs up meanwhile stops no payment."""
        task = self._loop.create_task(self._carry(visit, received, path, since))
        self._carried.add(task)
        task.add_done_callback(self._carried.discard)

    def enter(self, visit: Visit, tls: Any) -> str | None:
        """The party's name if it may come in; None if it has enough connections already."""
        self._connections.add(visit)
        party = self._party_of(tls) or ""
        self._by_party[party] += 1
        visit.party = party
        return party if self._by_party[party] <= self.bounds.connections_per_party_max else None

    def leave(self, visit: Visit) -> None:
        self._connections.discard(visit)
        if self._porter:
            self._porter.went()
        if visit.party is not None:
            self._by_party[visit.party] -= 1
            if not self._by_party[visit.party]:
                del self._by_party[visit.party]

    def expel(self, may_stay: Callable[[object], bool]) -> int:
        """Hang up on everybody whose certificate is no longer good; how many they were."""
        gone = [visit for visit in tuple(self._connections) if visit.leave_unless(may_stay)]
        for _ in gone:
            self.told("certificate")
        return len(gone)

    async def _carry(self, visit: Visit, received: Received, path: str, since: float) -> None:
        try:
            reply = await self.intake.take(received, path, since)
        except Exception:
            # Our own mistake, beyond all that the intake words: silence, which says "ask again".
            log.exception("visit.broken", party=received.party)
            visit.hang_up()
        else:
            visit.answer(reply)

    async def _shake_hands(self, visitor: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Visit(self),
                visitor,
                ssl=self._tls,
                ssl_handshake_timeout=self.bounds.handshake_s,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except ConnectionAbortedError:
            self.told("handshake")  # too slow
        except OSError:
            return  # refused, of which the context has told, or gone by himself
