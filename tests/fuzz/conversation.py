"""Whole conversations: any bytes, cut anywhere, on one connection of the real visit and door.

The same bytes go to aiohttp's road alone, one by one. What the line is given must be the same on
both, in the same order, each request once; answers come in the order of the requests; no exception
escapes, and what a visitor may leave unread is bounded.
"""

import asyncio
import hashlib
import logging
import re
import time
from itertools import pairwise
from typing import Any, cast

import attrs
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from structlog.testing import capture_logs

from doors.whatever_comes import answers_whatever_comes
from gateway.domain.faults import Fault, FaultCode, LedgerUnavailable, Unready
from gateway.domain.instruction import Received
from gateway.pipeline.tell import Origin
from gateway.web.door import Door
from gateway.web.intake import Doorway, Intake
from gateway.web.listen import ARRIVING_BYTES, Bounds, Listener
from gateway.web.metrics import Metrics
from gateway.web.shares import Company, Shares
from gateway.web.visit import UNREAD_BYTES_MAX, Visit

PARTY = "spiffe://treasury.test/channel/220000000/a"
CUTS = 4
"""So many bytes of the input say where the rest is cut; one more, how slow the line is."""
STILL_TURNS = 12
"""Of the loop without anything new: then nothing more will come of what was said."""
TURNS_MAX = 4000
GIVES_UP = 32
"""aiohttp closes a connection on which so many requests wait behind one another, or does not, as
they come cut."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_TOLD = re.compile(rb'"told":"([0-9a-f]{64})"')


class Words:
    media_type = problem_media_type = "application/json"

    def problem(self, fault: Fault, instance: str) -> bytes:
        assert fault.status != 500, fault.detail
        return f'{{"told":"{fault.detail}","code":"{fault.code}"}}'.encode()


class Line:
    """Refuses every instruction in words that tell which it was, after some turns of the loop."""

    def __init__(self) -> None:
        self.seen: list[Received] = []
        self.turns = 0

    async def carry(self, received: Received) -> Any:
        self.seen.append(received)
        told = hashlib.sha256(received.raw).hexdigest()
        for _ in range(self.turns):
            await asyncio.sleep(0)
        raise Unready(FaultCode.OVERLOADED, told)


class Down:
    async def standing_for(self, agency: str | None, key: object) -> Any:
        raise LedgerUnavailable("down")


class Wire(asyncio.Transport):
    """What a visit is given to write to."""

    def __init__(self) -> None:
        super().__init__({"ssl_object": object(), "peername": ("127.0.0.1", 1)})
        self.said = bytearray()
        self.closed = self.paused = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.said += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_reading(self) -> bool:
        return not self.paused

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return


@attrs.define
class Heard:
    """What came of one conversation."""

    seen: list[Received]
    statuses: list[bytes]
    told: list[bytes]
    closed: bool
    unended: bool
    """The visit waits for the end of a head; aiohttp refuses some at their first wrong byte."""
    stalled: bool
    """aiohttp waits for a body that does not end, or was none, until a clock ends that."""


class House:
    """Door and listener in this process, without a socket; one for all conversations."""

    def __init__(self) -> None:
        self.line = Line()
        self.broken: list[dict[str, Any]] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.broken.append(context))
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
        self.listener = self.loop.run_until_complete(self._open())

    async def _open(self) -> Listener:
        down = Down()
        doorway = Doorway(
            line=cast("Any", self.line), ledger=cast("Any", down), records=cast("Any", down),
            wordings=dict.fromkeys(("json", "voucher", "iso20022"), cast("Any", Words())),
            party_of=lambda _: PARTY, origin=Origin(bank="103", uri="spiffe://treasury.test/gateway/103"),
            metrics=Metrics(), places=Shares(64, 64, Company(time.monotonic)),
        )  # fmt: skip
        intake = Intake(doorway)
        runner = web.AppRunner(
            Door(doorway, intake).application(), access_log=None, lingering_time=0
        )
        await runner.setup()
        assert runner.server
        answers_whatever_comes(runner.server)
        return Listener(
            runner.server, intake, cast("Any", None), lambda _: PARTY, Bounds(), lambda _: None
        )

    def hear(self, pieces: list[bytes], turns: int, *, plain: bool) -> Heard:
        return self.loop.run_until_complete(self._hear(pieces, turns, plain))

    async def _hear(self, pieces: list[bytes], turns: int, plain: bool) -> Heard:
        self.line.seen, self.line.turns = [], turns
        wire = Wire()
        end = Visit(self.listener) if plain else self.listener.server()
        with capture_logs() as logs:
            end.connection_made(wire)
            for piece in pieces:
                if wire.closed:
                    break
                end.data_received(piece)
                if isinstance(end, Visit):
                    assert len(end._unread) <= UNREAD_BYTES_MAX + ARRIVING_BYTES
                if plain or turns:
                    await self._still(wire, 1 if wire.paused else 0)
                if wire.paused:
                    await self._still(wire)
                if wire.paused and not wire.closed:
                    assert not (isinstance(end, Visit) and end._handler is None), "reads no more"
                    break
            await self._still(wire)
            heard = Heard(
                self.line.seen, _STATUS.findall(wire.said), _TOLD.findall(wire.said), wire.closed,
                isinstance(end, Visit) and end._handler is None and b"\r\n\r\n" not in end._unread,
                not wire.closed and (wire.paused or _waits_for_a_body(end)),
            )  # fmt: skip
            wire.closed = True
            task = _handler_of(end)._task_handler if _handler_of(end) else None
            end.connection_lost(None)
            await self._still(wire)
        if task is not None and task.done() and not task.cancelled():
            assert task.exception() is None, "the connection's own task has broken"
        assert not self.broken, self.broken
        assert not [log for log in logs if log["event"] in ("door.broken", "line.broken")], logs
        return heard

    async def _still(self, wire: Wire, most: int = TURNS_MAX) -> None:
        quiet, before = 0, (-1, -1)
        for _ in range(most):
            await asyncio.sleep(0)
            now = len(wire.said), len(self.line.seen)
            quiet = quiet + 1 if now == before else 0
            if quiet > STILL_TURNS + self.line.turns:
                return
            before = now


def _waits_for_a_body(end: Visit | RequestHandler) -> bool:
    handler = _handler_of(end)
    return handler is not None and handler._current_request is not None


def _handler_of(end: Visit | RequestHandler) -> RequestHandler | None:
    return end._handler if isinstance(end, Visit) else end


_HOUSES: list[House] = []


def conversation(data: bytes) -> None:
    """The first bytes of `data` say where the rest is cut."""
    if len(data) <= CUTS + 1:
        return
    if not _HOUSES:
        _HOUSES.append(House())
    house, stream = _HOUSES[0], data[CUTS + 1 :]
    cuts = sorted({cut * len(stream) // 256 for cut in data[:CUTS]} | {0, len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(cuts)]
    turns = data[CUTS] % 5
    heard = house.hear(pieces, turns, plain=True)
    alone = house.hear([stream[at : at + 1] for at in range(len(stream))], 0, plain=False)
    assert heard.told == [hashlib.sha256(one.raw).hexdigest().encode() for one in heard.seen]
    both = min(len(heard.seen), len(alone.seen))
    assert heard.seen[:both] == alone.seen[:both]
    if alone.closed and len(alone.statuses) >= GIVES_UP:
        return
    assert len(heard.seen) == both
    if not heard.stalled and not alone.stalled:
        _alike(heard, alone)


def _alike(heard: Heard, alone: Heard) -> None:
    """aiohttp drops what it has read of one piece when that piece ends in what is no HTTP: then
    fewer may be carried, and the last word is 400."""
    final = [status for status in heard.statuses if status != b"100"]
    reference = [status for status in alone.statuses if status != b"100"]
    if final == reference:
        assert heard.seen == alone.seen and heard.closed == alone.closed
    elif heard.unended and not heard.closed:
        assert [*final, b"400"] == reference and heard.seen == alone.seen
    else:
        assert final[-1:] == [b"400"] and heard.closed and alone.closed
        assert final[:-1] == reference[: len(final) - 1]
