"""An event loop with a time of its own: it passes when nobody has anything to do, and at once.

There is no network, no file, no thread and no clock in it: whoever asks for one fails. What happens
in which order follows from the timers alone, so the same choices give the same run, anywhere.
"""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """Everybody waits for somebody, and nobody for the time."""


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._elapsed = 0.0
        self._selector = self
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._elapsed

    def select(self, timeout: float | None) -> list[Any]:
        """What a selector does while nothing is ready: let the time pass until the next timer."""
        if timeout is None:
            raise Stuck
        self._elapsed += max(0.0, timeout)
        return []

    def run_in_executor(  # type: ignore[override]
        self, _: None, work: Any, *arguments: Any
    ) -> "asyncio.Future[Any]":
        """What says of itself that it blocks for no time (`at_once`) is done."""
        called = work.args[0] if isinstance(work, partial) else work
        if not getattr(getattr(called, "__self__", None), "at_once", False):
            raise AssertionError("a thread, where there is none")
        done = self.create_future()
        done.set_result(work(*arguments))
        return done

    def _process_events(self, _: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a system call."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """To its end, and then no task is left. Raises Stuck."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
