"""Runs long work in short steps, so that payments are answered while a book is being loaded."""

import types
from collections.abc import Generator
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Parts(Protocol):
    """What a book consists of."""

    units: tuple[Any, ...]
    groups: tuple[Any, ...]

    def forget(self) -> None: ...


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


def dismantled(book: Parts) -> Generator[None, None, None]:
    """Let go of a book that nobody decides with any more, a policy at a step: all at once, freeing
    it would pause every payment."""
    parts: list[object] = [*book.units, *book.groups]
    book.units, book.groups = (), ()
    book.forget()
    while parts:
        parts.pop()
        yield


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """A bare yield gives the loop one turn (what asyncio.sleep(0) does), without a clock."""
    yield
