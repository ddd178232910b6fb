"""Wires between the programs: a test cuts them at any byte, stalls them, lets them forget.

They live in a thread of their own, since programs are started through them by code that waits. TCP
or Unix sockets; they carry TLS or PostgreSQL's protocol, and understand no byte of it.
"""

import asyncio
import contextlib
import enum
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Address = tuple[str, int] | Path
"""Host and port, or a Unix socket."""
PIECE_BYTES = 65_536
ANSWER_S = 60.0


class Way(enum.Enum):
    THERE = "requests"
    BACK = "answers"


class Wire:
    """One stretch of network: whoever connects to `near` speaks with `far`. Loop's thread only."""

    def __init__(self, near: Address, far: Address) -> None:
        self._near, self._far = near, far
        self._listening: asyncio.Server | None = None
        self._ends: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._forgets: Way | None = None
        self._cut_in: int | None = None
        self.severed = 0
        """Connections that were ended in the middle."""
        self.lost: dict[Way, int] = dict.fromkeys(Way, 0)
        """Bytes that never arrived though their sender had sent them."""

    async def open(self) -> None:
        if isinstance(self._near, Path):
            self._near.parent.mkdir(exist_ok=True)
            self._near.unlink(missing_ok=True)
            self._listening = await asyncio.start_unix_server(self._carry, self._near)
        else:
            self._listening = await asyncio.start_server(self._carry, *self._near)

    async def sever(self) -> None:
        """Every connection ends now, as by a switch that lost power."""
        for ends in list(self._ends):
            self._end(ends)

    async def sever_in(self, count: int) -> None:
        """The connection that carries the byte after so many more, either way, ends there."""
        self._cut_in = count

    async def stall(self) -> None:
        """Nothing arrives; nothing is lost either."""
        self._flowing.clear()

    async def forget(self, way: Way) -> None:
        """What is sent this way is taken and never delivered."""
        self._forgets = way

    async def refuse(self) -> None:
        """No new connection; those that are there go on."""
        assert self._listening
        await self._shut()

    async def mend(self) -> None:
        """As if nothing had been; connections that lost bytes are ended, for they make no sense."""
        if self._forgets:
            self._forgets = None
            await self.sever()
        self._cut_in = None
        self._flowing.set()
        if self._listening is None:
            await self.open()

    async def close(self) -> None:
        await self._shut()
        await self.sever()

    async def _shut(self) -> None:
        """Who has been accepted comes in first: asyncio would drop the open socket with a warning,
        since it can no longer be counted as the closed server's."""
        if self._listening is None:
            return
        loop = asyncio.get_running_loop()
        for listening in self._listening.sockets:
            loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)
        self._listening.close()
        self._listening = None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        ends = writer, far_writer
        self._ends.append(ends)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer, Way.THERE, ends))
                group.create_task(self._pump(far_reader, writer, Way.BACK, ends))
        finally:
            self._ends.remove(ends)
            for end in ends:
                end.close()

    def _connect(self) -> Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if isinstance(self._far, Path):
            return asyncio.open_unix_connection(self._far)
        return asyncio.open_connection(*self._far)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Way,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:  # fmt: skip
        with contextlib.suppress(ConnectionError):
            while data := await source.read(PIECE_BYTES):
                await self._flowing.wait()
                if self._forgets is way:
                    self.lost[way] += len(data)
                    continue
                if self._cut_in is not None and self._cut_in < len(data):
                    self.lost[way] += len(data) - self._cut_in
                    sink.write(data[: self._cut_in])
                    self._cut_in = None
                    await sink.drain()
                    self._end(ends)
                    return
                if self._cut_in is not None:
                    self._cut_in -= len(data)
                sink.write(data)
                await sink.drain()
        sink.close()

    def _end(self, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self.severed += 1
        for end in ends:
            # What the other side's socket has taken is delivered; then the connection is gone.
            end.transport.abort()


class Wires:
    """All of a stage, by name."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self.by_name: dict[str, Wire] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(self, name: str, near: Address, far: Address) -> None:
        wire = self.by_name[name] = Wire(near, far)
        self.do(wire.open())

    def do(self, deed: Coroutine[Any, Any, None]) -> None:
        """Done when this returns."""
        asyncio.run_coroutine_threadsafe(deed, self._loop).result(ANSWER_S)

    async def _close(self) -> None:
        for wire in self.by_name.values():
            await wire.close()
        # Their pumps end by the connections' end; none may outlive the loop.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=ANSWER_S)
