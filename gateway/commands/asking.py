"""One question of a command to the gateway's database, and what to do if nobody answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from gateway.commands.terminal import fail
from gateway.domain.faults import LedgerUnavailable


class Store(Protocol):
    async def close(self) -> None: ...


_Store = TypeVar("_Store", bound=Store)
_Answer = TypeVar("_Answer")


def ask(
    opened: Callable[[], _Store], question: Callable[[_Store], Awaitable[_Answer]], command: str
) -> _Answer:
    """Open a store, ask it, close it; the command ends if the database cannot say."""

    async def asked() -> _Answer:
        store = opened()
        try:
            return await question(store)
        finally:
            await store.close()

    try:
        return asyncio.run(asked())
    except LedgerUnavailable as lost:
        raise fail(f"{command}: {lost}") from lost
