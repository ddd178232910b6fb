"""One kept HTTP/1.1 connection to a bank core: one request, one answer, or silence.

It never sends anything twice and never reads an answer that nobody waits for: whatever is out of
order (a second answer, an answer while idle, an answer too long) ends the connection.
"""

import asyncio
import contextlib
from typing import cast

import httptools
import msgspec

ANSWER_BYTES_MAX = 64 * 1024
FINAL = 200
"""The first status that ends an answer; 100 Continue and its like come before one."""
ARRIVING_BYTES = 16 * 1024
"""Read at a time: what comes in one breath is judged together."""


class Reply(msgspec.Struct, frozen=True):
    """What one HTTP answer said."""

    status: int
    body: bytes


class Exchange(asyncio.BufferedProtocol):
    """Use: `reply = await exchange.ask(request, deadline)`; None is silence, and then it is closed.

    Cancelling the wait closes the connection too: the answer still on its way must not become the
    answer to the next request. Buffered: a plain protocol's every read costs TLS two texts of
    256 KiB, made and shrunk.
    """

    answer_bytes_max = ANSWER_BYTES_MAX

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._arriving = memoryview(bytearray(ARRIVING_BYTES))
        self._waiting: asyncio.Future[Reply | None] | None = None
        self._chunks: list[bytes] = []
        self._replies: list[Reply] = []
        self._received_bytes = 0
        self._begun = 0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._kept = True
        self.idle_since = self._loop.time()

    @property
    def usable(self) -> bool:
        """False once the connection is known to be ending: then nothing has been written on it."""
        transport = self._transport
        return transport is not None and not transport.is_closing()

    async def ask(self, request: bytes, deadline: float) -> Reply | None:
        """Write `request` and wait until `deadline` (loop clock) for its answer."""
        assert self._waiting is None and self._transport is not None, "one request at a time"
        waiting: asyncio.Future[Reply | None] = self._loop.create_future()
        self._waiting = waiting
        self._expect_by(deadline)
        self._transport.write(request)
        try:
            return await waiting
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiting = None

    async def stays(self, until: float) -> bool:
        """Whether nobody has hung up by `until` (loop clock). Nothing is written."""
        self._waiting = self._loop.create_future()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._waiting
        finally:
            self._waiting = None
        return self.usable

    def abort(self) -> None:
        """Close at once; whoever waits hears silence.

        The parser knows us as we know it: left so, a closed connection and what it holds would
        stay until the collector comes, which is seldom.
        """
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self._finish(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._arriving

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._arriving[:nbytes]))

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        parser = self._parser
        waited_for = self._waiting is not None and not self._waiting.done()
        if parser is None or not waited_for or self._received_bytes > self.answer_bytes_max:
            self.abort()
            return
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort()
            return
        if self._replies:
            self._answer()

    def eof_received(self) -> None:
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.abort()

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        parser = self._parser
        assert parser is not None, "it is calling"
        if parser.get_status_code() < FINAL:
            # Asked for or not, it answers nothing: the answer is still to come (RFC 9110, 15.2).
            # Behind an answer it is one that nobody waits for.
            if not self._replies:
                self._begun -= 1
            return
        self._kept = parser.should_keep_alive()  # only true to the answer in here
        self._replies.append(self.reply(parser.get_status_code(), b"".join(self._chunks)))
        self._chunks.clear()

    def reply(self, status: int, body: bytes) -> Reply:
        """The answer just read; a kind of exchange that keeps headers says more here."""
        return Reply(status, body)

    def _answer(self) -> None:
        """Two answers in one breath that say the same are one; two that differ are none."""
        replies, self._replies = self._replies, []
        begun, self._begun = self._begun, 0
        self._received_bytes = 0
        self.idle_since = self._loop.time()
        if any(reply != replies[0] for reply in replies):
            self.abort()
            return
        self._finish(replies[0])
        if begun > 1 or not self._kept:
            self.abort()

    def _expect_by(self, deadline: float) -> None:
        """One timer for a connection, not one for each request: it is left to run, and looks then
        by when the answer of that moment is expected."""
        self._deadline = deadline
        if self._timer is not None and self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        else:
            self.abort()

    def _finish(self, reply: Reply | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(reply)
