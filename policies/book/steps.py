"""Runs long work in short steps, so that payments are answered while a book is being loaded."""

import types
from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


def finished(steps: Generator[None, None, Result]) -> Result:
    """All steps at once, for where nobody waits."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


async def in_turns(steps: Generator[None, None, Result]) -> Result:
    """One step at a turn of whichever event loop awaits this."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        await _turn()


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """A bare yield gives the loop one turn (what asyncio.sleep(0) does), without a clock."""
    yield
