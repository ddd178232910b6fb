"""One connection: plain requests answered straight away, one by one; anything else is aiohttp's.

As long as a visitor sends plain requests (`plain.py`), this small protocol serves it. With the
first byte that is not plain the connection is handed to aiohttp's server, and stays with it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, cast

from aiohttp.web_protocol import RequestHandler

from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import Received
from gateway.web.body import BODY_DEADLINE_S
from gateway.web.intake import Intake, Reply
from gateway.web.plain import HEAD_BYTES_MAX, PLAIN_BODY_BYTES_MAX, Plain, recognised
from gateway.web.worded import busy, written

UNREAD_BYTES_MAX = HEAD_BYTES_MAX + PLAIN_BODY_BYTES_MAX
"""What is kept of requests that come before the one on the line is answered."""


class House(Protocol):
    """What a visit needs of the listener that let it in."""

    server: Callable[[], RequestHandler]
    intake: Intake
    header_s: float
    idle_s: float
    closing: bool
    arriving: memoryview
    """Where bytes arrive before they are copied out; one for all, as they come one at a time."""

    def enter(self, visit: "Visit", tls: object) -> str | None:
        """The party's name if it may come in; None if it has enough connections already."""
        ...

    def leave(self, visit: "Visit") -> None: ...

    def told(self, reason: str, /) -> None: ...

    def carry(self, visit: "Visit", received: Received, path: str, since: float) -> None:
        """See to it that `visit.answer` is called, even if the visitor hangs up meanwhile."""
        ...


class Visit(asyncio.BufferedProtocol):
    """Buffered: a plain protocol's every read costs TLS two texts of 256 KiB, made and shrunk."""

    __slots__ = (
        "_blocked", "_handler", "_house", "_idle", "_last", "_loop", "_paused", "_request",
        "_serving", "_slow", "_stuck", "_transport", "_unread", "party",
    )  # fmt: skip

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._handler: RequestHandler | None = None
        self._unread = b""
        self._request: Plain | None = None
        self._serving = False
        self._blocked = False
        self._paused = False
        self._slow: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._last = self._loop.time()
        self.party: str | None = None

    @property
    def serving(self) -> bool:
        """A plain request of it is on the line."""
        return self._serving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        party = self._house.enter(self, transport.get_extra_info("ssl_object"))
        if party is None:
            self._house.told("party")
            self._transport.write(busy())
            self._transport.close()
        elif self._house.intake.knows(party):
            self._watch_idleness()
        else:
            self._hand_over()  # a stranger gets the refusal that aiohttp's road has for it

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._house.arriving

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._house.arriving[:nbytes]))

    def data_received(self, data: bytes) -> None:
        if self._handler is not None:
            self._to_aiohttp(data)
        elif self._transport is None or self._transport.is_closing():
            return
        else:
            self._unread = self._unread + data if self._unread else data
            if self._serving or self._blocked:
                if len(self._unread) > UNREAD_BYTES_MAX and not self._paused:
                    self._paused = True
                    self._transport.pause_reading()
            else:
                self._go_on()

    def answer(self, reply: Reply) -> None:
        """The answer to the request that `House.carry` was given."""
        self._serving = False
        self._last = self._loop.time()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        last = reply.last or self._house.closing
        transport.write(written(reply, last=last))
        if last:
            transport.close()
        elif self._unread and not self._blocked:
            self._go_on()

    def leave_unless(self, may_stay: Callable[[object], bool]) -> bool:
        """Hang up at once, without a word more, if its certificate is no longer good; True then.

        What of it is on the line goes on: whoever is cut off stops no payment.
        """
        transport = self._transport
        if transport is None or may_stay(transport.get_extra_info("ssl_object")):
            return False
        transport.abort()
        return True

    def hang_up(self) -> None:
        """Without an answer: there is none, and an open connection would promise one."""
        self._serving = False
        if self._transport is not None:
            self._transport.abort()

    def leave_if_plain(self) -> None:
        """Hang up unless aiohttp has it, which closes its own."""
        if self._handler is None and self._transport is not None:
            self._transport.close()

    def eof_received(self) -> None:
        if self._handler is not None:
            self._handler.eof_received()

    def pause_writing(self) -> None:
        """Answers are not read: on both roads that keeps memory, and may not do so for ever."""
        self._blocked = True
        self._stuck = self._loop.call_later(self._house.idle_s, self._unheard)
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._blocked = False
        self._stop_waiting()
        if self._handler is not None:
            self._handler.resume_writing()
        elif self._unread and not self._serving:
            self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._stop_clock()
        self._stop_waiting()
        if self._idle is not None:
            self._idle.cancel()
        self._house.leave(self)
        if self._handler is not None:
            self._handler.connection_lost(exc)

    def _go_on(self) -> None:
        """Begin the next request if it is here whole, wait for its rest, or hand over."""
        data = self._unread
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        request = self._request or recognised(data)
        if request is None:
            self._hand_over()
        elif request == "more":
            self._start_clock(self._house.header_s)
        elif len(data) < request.end:
            if self._request is None:
                self._request = request
                self._stop_clock()
                self._start_clock(BODY_DEADLINE_S)
        else:
            self._stop_clock()
            self._request = None
            self._unread = data[request.end :]
            self._serving = True
            received = Received(
                raw=data[request.body_at : request.end],
                format=request.format,
                signature=request.signature,
                party=self.party or "",
            )
            self._house.carry(self, received, request.path, time.perf_counter())

    def _hand_over(self) -> None:
        """Give the connection, and all bytes that were not answered, to aiohttp for good."""
        assert self._transport is not None
        self._stop_clock()
        if self._idle is not None:
            self._idle.cancel()
        self._handler = self._house.server()
        self._handler.connection_made(self._transport)
        data, self._unread = self._unread, b""
        if data:
            self._to_aiohttp(data)

    def _to_aiohttp(self, data: bytes) -> None:
        assert self._handler is not None
        self._handler.data_received(data)
        if _still_in_headers(self._handler):
            self._start_clock(self._house.header_s)
        else:
            self._stop_clock()

    def _start_clock(self, seconds: float) -> None:
        """From the first byte on: whoever drips does not wind it up again."""
        if self._slow is None:
            self._slow = self._loop.call_later(seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _too_slow(self) -> None:
        self._slow = None
        if self._transport is None:
            return
        if self._request is None:
            self._house.told("header")
            self._transport.abort()
            return
        late = Unreadable(
            FaultCode.BODY_INCOMPLETE, f"the body did not arrive within {BODY_DEADLINE_S:g} s"
        )
        self.answer(self._house.intake.refuse(late, self.party or "", self._request.path))

    def _unheard(self) -> None:
        self._house.told("unread")
        if self._transport is not None:
            self._transport.abort()

    def _stop_waiting(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _watch_idleness(self) -> None:
        """One timer for a connection, not one for each request."""
        left = self._last + self._house.idle_s - self._loop.time()
        if self._serving or self._unread:
            left = self._house.idle_s
        if left > 0:
            self._idle = self._loop.call_later(left, self._watch_idleness)
        elif self._transport is not None:
            self._transport.close()


def _still_in_headers(handler: RequestHandler) -> bool:
    """Whether it waits for a request although bytes have come. aiohttp tells nobody else."""
    waiter = handler._waiter
    if waiter is None:
        return handler._request_count == 0
    return not waiter.done()
