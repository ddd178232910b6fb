"""One connection's clock and counts: each request has its deadline, and each answer its room."""

import asyncio
from collections.abc import Callable

import attrs

from adapters.bank.exchange import ANSWER_BYTES_MAX, Exchange, Reply
from tests.adapters.bank.scripted import http
from tests.patience import soon

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@attrs.define
class Handle:
    at: float
    call: Callable[[], None]
    cancelled: bool = False

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.cancelled = True


@attrs.define
class Time:
    """A loop whose clock is moved by hand."""

    now: float = 0.0
    handles: list[Handle] = attrs.field(factory=list)
    create_future = staticmethod(lambda: asyncio.get_running_loop().create_future())

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call: Callable[[], None]) -> Handle:
        self.handles.append(Handle(at, call))
        return self.handles[-1]

    def reach(self, now: float) -> None:
        self.now = now
        due = [each for each in self.handles if each.at <= now and not each.cancelled]
        self.handles = [each for each in self.handles if each.at > now and not each.cancelled]
        for each in due:
            each.call()


class Wire:
    """A transport that takes everything."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.ended = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.ended

    def abort(self) -> None:
        self.ended = True


class Connection:
    def __init__(self) -> None:
        self.exchange, self.time, self.wire = Exchange(), Time(), Wire()
        self.exchange._loop = self.time  # type: ignore[assignment]
        self.exchange.connection_made(self.wire)  # type: ignore[arg-type]

    async def asked(self, deadline: float) -> "asyncio.Task[Reply | None]":
        count = len(self.wire.written)
        task = asyncio.ensure_future(self.exchange.ask(b"?", deadline))
        await soon(lambda: len(self.wire.written) > count)
        return task

    def hears(self, data: bytes) -> None:
        self.exchange.data_received(data)


async def test_each_request_has_its_own_deadline_earlier_or_later_than_the_one_before() -> None:
    """A deposit has thirty seconds, and the enquiry after it on the same connection five."""
    one = Connection()
    first = await one.asked(30.0)
    one.hears(http(b"1"))
    assert await first == Reply(200, b"1")
    second = await one.asked(5.0)
    one.time.reach(4.0)
    one.hears(http(b"2"))
    assert await second == Reply(200, b"2")
    third = await one.asked(9.0)
    one.time.reach(6.0)
    assert one.exchange.usable and not third.done(), "five was the deadline of the one before"
    one.time.reach(9.0)
    assert await third is None and one.wire.ended


async def test_the_room_of_an_answer_is_each_answers_own() -> None:
    one, body = Connection(), b"x" * (ANSWER_BYTES_MAX // 2)
    for _ in range(5):
        task = await one.asked(9.0)
        one.hears(http(body))
        assert await task == Reply(200, body) and one.exchange.usable
    task = await one.asked(9.0)
    one.hears(http(body + body)[:-1])
    assert await task is None, "that is more than one answer may have"


async def test_what_comes_behind_an_answer_ends_the_connection_whatever_it_is() -> None:
    for behind in (CONTINUE, CONTINUE + CONTINUE, http(b"1"), http(b"1")[:9]):
        one = Connection()
        task = await one.asked(9.0)
        one.hears(CONTINUE + http(b"1") + behind)
        assert await task == Reply(200, b"1") and one.wire.ended, behind


async def test_an_answer_between_two_others_is_not_heard() -> None:
    one = Connection()
    task = await one.asked(9.0)
    one.hears(http(b"yes") + CONTINUE + http(b"no"))
    assert await task is None and one.wire.ended
