"""Reading a request's body: bounded in size and time, never decompressed, whole or not at all."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.domain.faults import FaultCode, Unreadable, Unready

BODY_BYTES_MAX = 1 << 20
BODY_DEADLINE_S = 5.0
MESSAGE_DEADLINE_S = 60.0
READING_BYTES_MAX = 512 << 20
"""Bytes of bodies that are on their way in or in hand at once, on aiohttp's road. On their way they
do not count as in flight: who sends slowly keeps nobody from the line."""
READING_BYTES_PER_PARTY_MAX = 128 << 20
"""Two messages of 10,000 payments. What is announced counts before it comes: without a share of its
own, eleven announcements of one party would keep out everybody's bodies."""


class BodyTooLarge(Unreadable):
    status = 413


class MediaTypeUnsupported(Unreadable):
    status = 415


class Arrivals:
    """Bodies from their announcement to their answer, by bytes: as many as were announced, or as
    have come where nothing was."""

    def __init__(self) -> None:
        self.bytes = 0
        self.of: Counter[str] = Counter()

    @contextlib.contextmanager
    def room(self, party: str, length: int) -> Iterator["Room"]:
        """Held while the body is read, and until it is answered. Raises Unready."""
        room = Room(self, party)
        try:
            room.grow(length)
            yield room
        finally:
            room.leave()


class Room:
    """What one body takes."""

    def __init__(self, arrivals: Arrivals, party: str) -> None:
        self._arrivals = arrivals
        self._party = party
        self._bytes = 0

    def grow(self, length: int) -> None:
        """To so many bytes, if it has fewer. Raises Unready."""
        arrivals, more = self._arrivals, max(length - self._bytes, 0)
        if (
            arrivals.bytes + more > READING_BYTES_MAX
            or arrivals.of[self._party] + more > READING_BYTES_PER_PARTY_MAX
        ):
            raise Unready(FaultCode.OVERLOADED, "too many bodies at once; send again later")
        arrivals.bytes += more
        arrivals.of[self._party] += more
        self._bytes += more

    def leave(self) -> None:
        arrivals, party = self._arrivals, self._party
        arrivals.bytes -= self._bytes
        arrivals.of[party] -= self._bytes
        if not arrivals.of[party]:
            del arrivals.of[party]


async def read_body(request: web.Request, most: int, deadline_s: float, room: Room) -> bytes:
    """The request's bytes as sent. Raises Unreadable, Unready."""
    if "Content-Encoding" in request.headers:
        raise MediaTypeUnsupported(
            FaultCode.CONTENT_ENCODING_REFUSED,
            "send the signed bytes themselves, without Content-Encoding",
        )
    if (request.content_length or 0) > most:
        raise _too_large(most)
    try:
        if request.content.is_eof():  # it came whole, with its head: nothing to wait for
            return await _whole(request, most, room)
        async with asyncio.timeout(deadline_s):
            return await _whole(request, most, room)
    except TimeoutError as error:
        raise Unreadable(
            FaultCode.BODY_INCOMPLETE, f"the body did not arrive within {deadline_s:g} s"
        ) from error
    except (ClientPayloadError, HttpProcessingError, ConnectionError) as error:
        raise Unreadable(FaultCode.BODY_INCOMPLETE, "the body ended before its time") from error


async def _whole(request: web.Request, most: int, room: Room) -> bytes:
    """As aiohttp reads it, but a length that nobody announced takes room as it comes."""
    body = bytearray()
    while piece := await request.content.readany():
        body += piece
        if len(body) > most:
            raise _too_large(most)
        room.grow(len(body))
    return bytes(body)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(FaultCode.BODY_TOO_LARGE, f"a body may have at most {most} bytes")
