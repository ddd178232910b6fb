"""A bounded set of kept connections, and a bounded queue for them: full is said, not waited out."""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable

import attrs

from adapters.bank.exchange import Exchange, Reply

IDLE_S_MAX = 30.0
"""An older connection may have been given up by the other end without our knowing: replace it."""

HUNG_UP_WITHIN_S = 0.5
"""After a handshake: whoever looks for the bank waits so long to be hung up on."""
HANGS_UP = "the bank hangs up on whoever connects"

READY_SHARE = 0.5
"""Of a call's time for finding a connection: written with little time left, a request would most
likely end unknown, whereas one that was not written has a certain end."""


class NotSent(Exception):
    """Not one byte was written: no connection was free in time."""


class Unreachable(NotSent):
    """Not one byte was written: no connection could be made in time."""


@attrs.define(eq=False)
class Pool:
    """At most `size` calls under way and `waiting_max` waiting; each ends by its deadline."""

    host: str
    port: int
    ssl_context: ssl.SSLContext | None
    size: int
    waiting_max: int
    idle_s_max: float = IDLE_S_MAX
    exchange: Callable[[], Exchange] = Exchange
    in_use: int = 0
    _idle: deque[Exchange] = attrs.field(factory=deque, init=False)
    """The longest unused first."""
    _waiting: deque[asyncio.Future[None]] = attrs.field(factory=deque, init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """No connection is free and the queue for one is at its bound."""
        return self._closed or (self.in_use >= self.size and len(self._waiting) >= self.waiting_max)

    async def call(self, request: bytes, deadline_s: float) -> Reply | None:
        """One exchange on one connection within `deadline_s` seconds; None is silence.

        The request is written at most once, on a connection not known to be ending. Raises NotSent
        if it was not written at all (Unreachable: because the bank could not be reached).
        """
        began, now = time.monotonic(), asyncio.get_running_loop().time()
        deadline, ready_by = now + deadline_s, now + deadline_s * READY_SHARE
        if self.full:
            raise NotSent("all connections are taken")
        waited = self.in_use >= self.size
        if waited:
            await self._queue(ready_by)
        else:
            self.in_use += 1
        try:
            try:
                exchange = self._kept(now) or await self._connect(ready_by)
            except Unreachable as error:
                if waited and isinstance(error.__cause__, TimeoutError):
                    # His place came when little time was left: that says nothing of the bank.
                    raise NotSent("no connection became free in time") from error
                raise
            if time.monotonic() - began > deadline_s:
                # The process slept, and the loop's timers have not caught up yet.
                self._keep(exchange)
                raise NotSent("the deadline passed before anything was written")
            if not exchange.usable:  # hung up on in the moment in which it was made
                exchange.abort()
                raise Unreachable(HANGS_UP)
            reply = await exchange.ask(request, deadline)
            self._keep(exchange)
            return reply
        finally:
            self._hand_on()

    async def aclose(self) -> None:
        """Close what is idle and refuse what waits; calls under way end by themselves."""
        self._closed = True
        while self._idle:
            self._idle.pop().abort()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(NotSent("the pool was closed"))

    def _keep(self, exchange: Exchange) -> None:
        if exchange.usable and not self._closed:
            self._idle.append(exchange)
        else:
            exchange.abort()

    def _kept(self, now: float) -> Exchange | None:
        """The most recently used connection that is fit for use; unfit ones are closed.

        Those unused for longest too, or a moment's crowd would hold its connections for ever: a
        steady load never comes to them.
        """
        while self._idle and not self._fit(self._idle[0], now):
            self._idle.popleft().abort()
        while self._idle:
            exchange = self._idle.pop()
            if self._fit(exchange, now):
                return exchange
            exchange.abort()
        return None

    def _fit(self, exchange: Exchange, now: float) -> bool:
        return exchange.usable and now - exchange.idle_since < self.idle_s_max

    async def reach(self, within_s: float) -> None:
        """Make one connection, see that it stays, and drop it. Raises Unreachable.

        With TLS 1.3 we are through before the other end has looked at our certificate, and who
        stands before a core that is gone takes a visitor and then hangs up.
        """
        loop = asyncio.get_running_loop()
        exchange = await self._connect(loop.time() + within_s)
        stays = await exchange.stays(loop.time() + HUNG_UP_WITHIN_S)
        exchange.abort()
        if not stays:
            raise Unreachable(HANGS_UP)

    async def _connect(self, deadline: float) -> Exchange:
        loop = asyncio.get_running_loop()
        name = self.host if self.ssl_context else None
        try:
            async with asyncio.timeout_at(deadline):
                _, exchange = await loop.create_connection(
                    self.exchange, self.host, self.port, ssl=self.ssl_context, server_hostname=name
                )
        except (OSError, TimeoutError) as error:
            raise Unreachable("no connection to the bank could be made") from error
        return exchange

    async def _queue(self, deadline: float) -> None:
        """Wait for a place to be handed on by a call that ends."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except TimeoutError as error:
            self._leave(waiter)
            raise NotSent("no connection became free in time") from error
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def _leave(self, waiter: asyncio.Future[None]) -> None:
        """Give up waiting; a place that was handed over in the same moment goes to the next."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.in_use -= 1
