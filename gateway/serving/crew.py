"""How a batch works beside the loop and together: `gateway.pipeline.batch.Crew` on asyncio."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

_T = TypeVar("_T")


class LoopCrew:
    async def aside(self, work: Callable[[], _T]) -> _T:
        """In a thread: parsing releases the interpreter lock for most of its time."""
        return await asyncio.to_thread(work)

    async def together(self, jobs: Iterator[Awaitable[None]], at_once: int) -> None:
        """The first that raises ends the others; none is begun before a place is free for it."""

        async def work() -> None:
            for job in jobs:
                await job

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
