"""One connection by itself, step by step: clocks, and what is answered, kept or hung up on when."""

import asyncio
from typing import Any

import attrs

from gateway.domain.faults import Unreadable
from gateway.domain.instruction import Received
from gateway.web.body import BODY_DEADLINE_S
from gateway.web.intake import Reply
from gateway.web.visit import Visit
from tests.web.inn import REQUEST

SAID = Reply(status=200, media_type="application/json", body=b"{}")
HEADER_S, IDLE_S = 50.0, 70.0


class Wire(asyncio.Transport):
    """The visitor's side: what was written, and how it ended."""

    def __init__(self) -> None:
        super().__init__({"ssl_object": "certificate"})
        self.sent: list[bytes] = []
        self.ended = ""
        self.reading = True

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Reception:
    """Knows whom it is told to know, and words no refusal."""

    known = True

    def knows(self, party: str) -> bool:
        return self.known

    def refuse(self, fault: Unreadable, party: str, path: str) -> Reply:
        return Reply(status=400, media_type="application/json", body=fault.code.encode(), last=True)


class Other:
    """What is not plain goes here."""

    _waiter, _request_count = None, 0

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def connection_made(self, transport: object) -> None:
        pass

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)


@attrs.define
class Home:
    intake: Any = attrs.field(factory=Reception)
    header_s: float = HEADER_S
    idle_s: float = IDLE_S
    closing: bool = False
    arriving: memoryview = memoryview(bytearray(65536))
    carried: list[Received] = attrs.field(factory=list)
    told_of: list[str] = attrs.field(factory=list)
    left: int = 0
    other: Other = attrs.field(factory=Other)

    def server(self) -> Any:
        return self.other

    def enter(self, visit: Visit, tls: object) -> str | None:
        visit.party = "a"
        return "a"

    def leave(self, visit: Visit) -> None:
        self.left += 1

    def told(self, reason: str, /) -> None:
        self.told_of.append(reason)

    def carry(self, visit: Visit, received: Received, path: str, since: float) -> None:
        self.carried.append(received)


def visited(home: Home) -> tuple[Visit, Wire]:
    visit, wire = Visit(home), Wire()
    visit.connection_made(wire)
    return visit, wire


async def test_what_comes_while_it_is_hung_up_on_is_not_carried() -> None:
    home = Home()
    visit, wire = visited(home)
    home.closing = True
    visit.data_received(REQUEST)
    visit.answer(SAID)
    assert wire.ended == "closed" and b"Connection: close" in wire.sent[0]
    visit.data_received(REQUEST)
    assert len(home.carried) == 1


async def test_while_answers_are_not_read_no_other_request_is_begun() -> None:
    home = Home()
    visit, wire = visited(home)
    visit.data_received(REQUEST * 3)
    visit.pause_writing()
    visit.answer(SAID)
    assert (len(home.carried), len(wire.sent)) == (1, 1)
    visit.resume_writing()
    assert len(home.carried) == 2 and visit._stuck is None, "nobody is hung up on for it"
    visit.answer(SAID)
    assert len(home.carried) == 3 and home.told_of == []
    visit.pause_writing()
    assert visit._stuck and visit._stuck.when() > asyncio.get_running_loop().time() + IDLE_S - 1
    visit._unheard()
    assert (wire.ended, home.told_of) == ("aborted", ["unread"])


async def test_whose_certificate_is_no_longer_good_is_cut_off_whatever_is_on_the_line() -> None:
    for serving in (False, True):
        home = Home()
        visit, wire = visited(home)
        if serving:
            visit.data_received(REQUEST)
        assert not visit.leave_unless(lambda tls: tls == "certificate") and not wire.ended
        assert visit.leave_unless(lambda tls: False) and wire.ended == "aborted"
        visit.answer(SAID)
        assert wire.sent == [] and len(home.carried) == serving


async def test_each_part_of_a_request_has_its_own_clock_and_none_is_wound_up_again() -> None:
    now = asyncio.get_running_loop().time()
    visit, wire = visited(Home())
    head, body = REQUEST[:-2], REQUEST[-2:]
    visit.data_received(head[:20])
    first = visit._slow
    visit.data_received(head[20:40])
    assert first and visit._slow is first and first.when() > now + HEADER_S - 1
    visit.data_received(head[40:])
    second = visit._slow
    assert first.cancelled() and second and second.when() < now + BODY_DEADLINE_S + 5
    visit.data_received(body[:1])
    assert visit._slow is second
    visit._too_slow()
    assert wire.ended == "closed" and b"body_incomplete" in wire.sent[0]
    visit, wire = visited(Home())
    visit.data_received(head)
    visit.data_received(body + head)
    assert visit._slow is None and visit.serving, "the next one's clock begins when it is looked at"


async def test_idle_is_who_has_nothing_on_the_line_and_has_been_answered_long_ago() -> None:
    long_ago = asyncio.get_running_loop().time() - 2 * IDLE_S
    home = Home()
    visit, wire = visited(home)
    visit.data_received(REQUEST)
    visit._last = long_ago
    visit._watch_idleness()
    assert not wire.ended, "its answer is on the way"
    visit.answer(SAID)
    visit._watch_idleness()
    assert not wire.ended, "it was answered just now"
    visit._last = long_ago
    visit._watch_idleness()
    assert wire.ended == "closed"
    visit, wire = visited(home)
    timer = visit._idle
    visit.connection_lost(None)
    assert timer and timer.cancelled() and home.left == 1


async def test_a_stranger_is_left_to_the_road_that_has_words_for_it() -> None:
    home = Home()
    home.intake.known = False
    visit, _ = visited(home)
    visit.data_received(REQUEST)
    assert home.other.heard == [REQUEST] and home.carried == []
    assert visit._slow, "as long as its headers are not whole"
