"""Who waits for a group commit: in order of arrival, and taken together.

Of a crowd most come back within milliseconds of their answers, and are waited for, since each batch
costs the server as much as several rows. Few are never kept waiting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeAlias, TypeVar

from adapters.postgres.ledger.crowd import Crowd
from gateway.domain.faults import CommitUnknown, LedgerUnavailable

BATCH_MAX = 256
BATCH_BYTES_MAX = 8 * 2**20
WAITING_MAX = 8_192

Item = TypeVar("Item")
Result = TypeVar("Result")
Waiter: TypeAlias = tuple[Item, asyncio.Future[Result]]


class Waiting(Generic[Item, Result]):
    """`key`: of two items with one key the second waits for the batch after. `weight`: bytes."""

    def __init__(self, key: Callable[[Item], Hashable], weight: Callable[[Item], int]) -> None:
        self._key = key
        self._weight = weight
        self._line: deque[Waiter[Item, Result]] = deque()
        self._crowd = Crowd()
        self._wanted = 0
        """How many must wait before a newcomer wakes whoever takes them."""
        self._idle: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._line)

    def join(self, item: Item) -> "asyncio.Future[Result]":
        """Raises LedgerUnavailable if too many wait."""
        if len(self._line) >= WAITING_MAX:
            raise LedgerUnavailable("too many are waiting for the database")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._line.append((item, future))
        if len(self._line) >= self._wanted:
            self.wake()
        return future

    def take(self) -> list[Waiter[Item, Result]]:
        """The next batch, without those who gave up."""
        batch: list[Waiter[Item, Result]] = []
        later: list[Waiter[Item, Result]] = []
        keys: set[Hashable] = set()
        room = BATCH_BYTES_MAX
        line = self._line
        while line and len(batch) < BATCH_MAX and room > 0:
            waiter = line.popleft()
            if waiter[1].done():
                continue
            key = self._key(waiter[0])
            if key in keys:
                later.append(waiter)
                continue
            keys.add(key)
            batch.append(waiter)
            room -= self._weight(waiter[0])
        line.extendleft(reversed(later))
        return batch

    def answered(self, batch: Sequence[Waiter[Item, Result]], took_s: float) -> None:
        """A batch came back after `took_s`."""
        self._crowd.answered(len(batch) + len(self._line), took_s)

    async def gather(self, *, at_once: bool) -> None:
        """Until most of a crowd wait again, or it takes too long, or somebody wakes us."""
        wanted, patience_s = self._crowd.back()
        if at_once or len(self._line) >= wanted:
            return
        loop = asyncio.get_running_loop()
        self._wanted = wanted
        self._idle = loop.create_future()
        patience = loop.call_later(patience_s, self.wake)
        try:
            await self._idle
        finally:
            patience.cancel()
            self._idle, self._wanted = None, 0

    async def rest(self) -> None:
        """Until somebody joins or wakes us."""
        self._idle = asyncio.get_running_loop().create_future()
        try:
            await self._idle
        finally:
            self._idle = None

    def wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def refuse(self, reason: str) -> None:
        """All who wait."""
        fail(self._line, reason)
        self._line.clear()


def deliver(
    batch: Sequence[Waiter[Item, Result]], results: Sequence[Result | LedgerUnavailable]
) -> None:
    for (_, future), result in zip(batch, results, strict=True):
        if future.done():
            continue
        if isinstance(result, LedgerUnavailable):
            future.set_exception(result)
        else:
            future.set_result(result)


def fail(
    batch: Sequence[Waiter[Item, Result]], reason: str, cause: BaseException | None = None
) -> None:
    for _, future in batch:
        if not future.done():
            refusal = LedgerUnavailable(reason)
            refusal.__cause__ = cause
            future.set_exception(refusal)


def leave_unknown(batch: Sequence[Waiter[Item, Result]]) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(CommitUnknown())
