"""Lets visitors in at the inbox's door and the desk: bounded in number, in handshake, in silence.

aiohttp bounds none of these by itself, and both share the program's open files with the database. A
stranger can hold a place at the door only while its handshake lasts, and an older handshake makes
room for a newer one; a party has a share, so none takes the door. At the desk nobody needs a
certificate to come in: an address has a share, and who waits longest makes room.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import attrs
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from certs.tls import party_of
from doors.porter import Porter
from doors.whatever_comes import answers_whatever_comes

BACKLOG = 256
STOP_S = 5.0
SHUTDOWN_S = 1.0
"""How long a peer may take to say goodbye in TLS."""

_log = structlog.get_logger("bureau.reception")

Refusing = Callable[[int], web.Response]
REFUSING: web.AppKey[Refusing] = web.AppKey("REFUSING")
"""An application's own answer to what aiohttp's parser refuses to read; without it aiohttp's."""


@attrs.frozen(kw_only=True)
class Bounds:
    """What the inbox grants its visitors; a gateway has some ten connections."""

    connections_max: int = 512
    connections_per_party_max: int = 64
    handshakes_max: int = 128
    handshake_s: float = 5.0
    idle_s: float = 75.0
    """Between two requests, and until a request's head is whole."""
    makes_room: bool = False
    """Whether who is inside and asks for nothing goes when somebody else comes."""


DESK = Bounds(connections_per_party_max=128, makes_room=True)


@asynccontextmanager
async def door(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext,
    bounds: Bounds | None = None,
) -> AsyncIterator[int]:  # fmt: skip
    """Listens until the block ends; yields the port. Requests under way get STOP_S to finish."""
    async with _opened(application, host, port, tls, bounds or Bounds(), "door.port") as opened:
        yield opened


@asynccontextmanager
async def site(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None,
    bounds: Bounds = DESK, *, setting: str = "desk.port",
) -> AsyncIterator[int]:  # fmt: skip
    """The desk's: over TLS of which people need show no certificate, or plain on loopback.

    Raises OSError, with the setting that asks for an address that cannot be had.
    """
    async with _opened(application, host, port, tls, bounds, setting) as opened:
        yield opened


@asynccontextmanager
async def _opened(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext | None,
    bounds: Bounds, setting: str,
) -> AsyncIterator[int]:  # fmt: skip
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
    reception = Reception(runner.server, tls, bounds, application.get(REFUSING))
    try:
        try:
            opened = reception.open(host, port)
        except OSError as failed:  # an address that cannot be had is told with the setting
            raise OSError(failed.errno, f"{setting}: {failed.strerror}") from failed
        yield opened
    finally:
        await reception.close()
        await runner.cleanup()
        _log.info("site.stopped", setting=setting, host=host)


class Reception:
    """`server` answers whoever has come in; its runner gives it `idle_s`, and closes it."""

    def __init__(
        self, server: web.Server, tls: ssl.SSLContext | None, bounds: Bounds,
        refusing: Refusing | None = None,
    ) -> None:  # fmt: skip
        """`refusing`: the answer to what is no request, where it is not aiohttp's own."""
        self.server = server
        self.refusing = refusing
        self._tls = tls
        self._bounds = bounds
        self._guests: dict[Guest, None] = {}
        self._by_party: Counter[str] = Counter()
        self._porter: Porter | None = None

    def open(self, host: str, port: int) -> int:
        """Start to accept; the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)  # visitors inherit it
        self._porter = Porter(
            listening, self._shake_hands, lambda: len(self._guests), lambda _: None,
            visitors_max=self._bounds.connections_max, handshakes_max=self._bounds.handshakes_max,
            vacates=self._has_made_room,
        )  # fmt: skip
        return int(listening.getsockname()[1])

    async def close(self) -> None:
        """Accept no more, and end the handshakes; who is inside stays."""
        if self._porter:
            await self._porter.close()

    def party_of(self, transport: asyncio.BaseTransport) -> str | None:
        """Whose share a connection is of: its certificate's party, at the desk its address; None,
        of nobody's, where all come from one address because they can come from no other."""
        if not self._bounds.makes_room:
            return party_of(transport.get_extra_info("ssl_object")) or ""
        return str(transport.get_extra_info("peername")[0]) if self._tls else None

    def enter(self, guest: "Guest", party: str | None) -> bool:
        """Whether one more of this party may come in; counted then, until it leaves."""
        if party is not None:
            if self._by_party[party] >= self._bounds.connections_per_party_max:
                return False
            self._by_party[party] += 1
        self._guests[guest] = None
        return True

    def leave(self, guest: "Guest", party: str | None) -> None:
        self._guests.pop(guest, None)
        if self._porter:
            self._porter.went()
        if party is not None:
            self._by_party[party] -= 1
            if not self._by_party[party]:
                del self._by_party[party]  # addresses are without end

    def _has_made_room(self) -> bool:
        if not self._bounds.makes_room:
            return False
        waits = next((guest for guest in self._guests if guest.waits), None)
        if waits is None:
            return False
        self._guests.pop(waits)
        waits.hang_up()
        return True

    async def _shake_hands(self, visitor: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Guest(self),
                visitor,
                ssl=self._tls,
                ssl_handshake_timeout=self._bounds.handshake_s if self._tls else None,
                ssl_shutdown_timeout=SHUTDOWN_S if self._tls else None,
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
        self._inside = False

    @property
    def waits(self) -> bool:
        """Whether nothing was asked that is not answered."""
        return self._current_request is None

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:  # fmt: skip
        """aiohttp's own answer, the connection closed, in the application's words. What it logs is
        not heard (bureau/journal.py), so what broke of ours is told here."""
        plain = super().handle_error(request, status, exc, message)
        if status != 400:
            _log.error("site.broken", status=status, error=type(exc).__name__)
        if self._reception.refusing is None:
            return plain
        answer = self._reception.refusing(status)
        answer.force_close()
        return answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        party = self._reception.party_of(transport)
        if self._reception.enter(self, party):
            self._party, self._inside = party, True
            super().connection_made(transport)
        else:
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._inside:
            self._reception.leave(self, self._party)
            super().connection_lost(exc)
