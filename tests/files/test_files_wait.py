"""The folder's worker: what one document waits for keeps no other one waiting, nor in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs
import pytest
import structlog

from gateway.domain.faults import FaultCode, Unreadable, Unready
from gateway.workers.files import AT_ONCE_MAX, LARGE_BYTES, Files, Ways
from tests.patience import until


@attrs.frozen
class _Document:
    name: str
    raw: bytes
    signature: str = "x..y"


class _Tray:
    """In memory; every document ends as refused."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.incoming = list(sizes)
        self.ended: list[str] = []

    def prepare(self) -> None: ...

    def taken_before(self) -> list[str]:
        return []

    def take(self, most: int) -> list[str]:
        taken, self.incoming = self.incoming[:most], self.incoming[most:]
        return taken

    def size(self, name: str) -> int:
        return self.sizes[name]

    def read(self, name: str) -> _Document:
        return _Document(name, name.encode())

    def answered(self, name: str, answer: bytes) -> None:
        raise AssertionError("nothing is answered here")

    def refused(self, name: str, problem: bytes) -> None:
        self.ended.append(name)


class _Line:
    """Refuses at once, but `late`, which the gateway is not ready for; counts who is in it."""

    def __init__(self) -> None:
        self.ready = False
        self.inside = self.most = 0

    async def carry(self, received: Any) -> Any:
        if received.raw == b"late" and not self.ready:
            raise Unready(FaultCode.OVERLOADED, "not now")
        if received.raw == b"poison":
            raise KeyError("张三")
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(20):
            await asyncio.sleep(0)
        self.inside -= 1
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, "no")


class _Held:
    held = True


class _Words:
    def problem(self, fault: object, instance: str) -> bytes:
        return b"{}"


@asynccontextmanager
async def working(tray: _Tray, line: _Line, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr("gateway.workers.files.LOOK_S", 0.01)
    monkeypatch.setattr("gateway.workers.files.PAUSE_S", 0.01)
    ways = Ways(
        line=cast("Any", line), wordings=cast("Any", {"json": _Words()}), sniff=lambda _raw: "json"
    )
    files = Files(cast("Any", _Held()), tray, ways, "carrier")
    running = asyncio.create_task(files.run())
    try:
        yield
    finally:
        running.cancel()


async def test_a_document_that_has_to_wait_keeps_no_other_one_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = [f"{number:03d}" for number in range(3 * AT_ONCE_MAX)]
    tray, line = _Tray(dict.fromkeys(["late", *others], 2)), _Line()
    async with working(tray, line, monkeypatch):
        await until(lambda: len(tray.ended) == len(others))
        assert sorted(tray.ended) == others
        line.ready = True
        await until(lambda: len(tray.ended) == len(others) + 1)
    assert tray.ended[-1] == "late"
    assert 1 < line.most <= AT_ONCE_MAX


async def test_a_document_on_which_we_break_ends_neither_the_gateway_nor_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended the program, and again at each start: it was taken up first."""
    tray, line = _Tray(dict.fromkeys(["poison", "a", "b"], 2)), _Line()
    async with working(tray, line, monkeypatch):
        await until(lambda: len(tray.ended) == 3)
    assert sorted(tray.ended) == ["a", "b", "poison"]


async def test_large_documents_are_in_memory_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tray, line = _Tray(dict.fromkeys("abcdef", LARGE_BYTES + 1)), _Line()
    async with working(tray, line, monkeypatch):
        await until(lambda: len(tray.ended) == 6)
    assert line.most == 1


async def test_a_disk_that_takes_no_answer_is_said_once_and_not_each_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Documents can be taken all the while: that is no sign that it is over."""

    class Full(_Tray):
        rounds = 0

        def take(self, most: int) -> list[str]:
            self.rounds += 1
            return list(self.sizes)

        def refused(self, name: str, problem: bytes) -> None:
            raise OSError(28, "No space left on device")

    tray = Full({"one": 1})
    with structlog.testing.capture_logs() as told:
        async with working(tray, _Line(), monkeypatch):
            await until(lambda: tray.rounds >= 5)
    assert [line["event"] for line in told if line["log_level"] == "error"] == ["files.stuck"]


@pytest.mark.slow
async def test_a_stop_that_comes_with_an_error_stops_all_the_same() -> None:
    """A task group of Python 3.11 and 3.12 tells the error, and forgets the stop."""

    class Failing(Files):
        async def carry_while_held(self) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fail())
                await asyncio.sleep(3600)

        async def _fail(self) -> None:
            running.cancel()
            raise OSError(28, "No space left on device")

    office, ways = cast(Any, _Held()), Ways(line=cast(Any, _Line()), wordings={}, sniff=str)
    running = asyncio.create_task(Failing(office, cast(Any, _Tray({})), ways, "carrier").run())
    await asyncio.wait({running}, timeout=10)
    assert running.cancelled()
