"""Group commit: everything that waits is committed in one round trip, in order of arrival.

A batch is what gathered while the batch before it was on its way (`Waiting`). Whatever the server
does, each waiter is told the truth or LedgerUnavailable, and nobody is told twice.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

import asyncpg
import structlog

from adapters.postgres.ledger.waiting import (
    Item,
    Result,
    Waiter,
    Waiting,
    deliver,
    fail,
    leave_unknown,
)
from adapters.postgres.session import (
    CUT_AFTER_S,
    LOST,
    Connection,
    Session,
    Undurable,
    Unread,
    UnsafeServer,
    why,
)
from gateway.domain.faults import CommitUnknown, LedgerUnavailable

HUNG_AFTER_S = 1.5
"""After so long without an answer all who wait are refused, and those on the way are told that it
is not known; what is found committed afterwards is nobody's to forward, and is enquired about."""
FIND_DEADLINE_S = 2.0
FAILED_TOLD_S = 10.0
"""So long after a commit that failed it is told as trouble, unless one succeeds before: a server
that answers and takes nothing (a full disk) is found by trying only."""
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)
ROLLED_BACK = ("22", "23", "40001", "40P01", "42", "P0")
"""SQLSTATEs after which nothing was committed for certain; all others are unknown."""

_SILENT = "the database does not answer"

log = structlog.get_logger()

_Item = TypeVar("_Item", contravariant=True)
_Result = TypeVar("_Result", covariant=True)


class Work(Protocol[_Item, _Result]):
    """What one kind of batch does. Items of one batch have different keys."""

    def key(self, item: _Item, /) -> Hashable: ...

    def weight(self, item: _Item, /) -> int:
        """Bytes, roughly."""
        ...

    async def prepare(self, connection: Connection, /) -> None:
        """Ready a new connection."""
        ...

    async def commit(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[_Item], /
    ) -> Sequence[_Result | LedgerUnavailable]:
        """One statement, one transaction, one result per item, or why there is none of it. Raises
        Unread: it was committed, and no result could be made of it."""
        ...

    async def find(
        self, connection: Connection, attempt: uuid.UUID, items: Sequence[_Item], /
    ) -> Sequence[_Result | None]:
        """After an unknown commit: which items that attempt made durable; None for the others."""
        ...


class GroupCommit(Generic[Item, Result]):
    def __init__(
        self, name: str, work: Work[Item, Result], connect: Callable[[], Awaitable[Session]]
    ) -> None:
        self._name = name
        self._work = work
        self._connect = connect
        self._waiting: Waiting[Item, Result] = Waiting(work.key, work.weight)
        self._session: Session | None = None
        self._refusing: str | None = "not started"
        self._failed: tuple[float, str] | None = None
        """When the last commit failed, and why; None once one succeeded."""
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle

    async def start(self) -> None:
        """Raises UnsafeServer, or LedgerUnavailable if the database cannot be reached."""
        try:
            await self._open()
        except LOST as error:
            raise LedgerUnavailable(f"cannot reach the database: {why(error)}") from error
        self._refusing = None
        self._task = asyncio.create_task(self._run(), name=f"group commit: {self._name}")

    async def stop(self) -> None:
        """Refuse newcomers, let the batch that is under way end, then close."""
        self._refuse("stopping")
        if self._task:
            self._waiting.wake()
            done, _ = await asyncio.wait({self._task}, timeout=FIND_DEADLINE_S + HUNG_AFTER_S)
            if not done:
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._drop()

    @property
    def trouble(self) -> str | None:
        """A connection that was cut is known before anybody needs it."""
        session = self._session
        if self._refusing is not None:
            return self._refusing
        if self._failed is not None:
            at, reason = self._failed
            if asyncio.get_running_loop().time() < at + FAILED_TOLD_S:
                return f"the last commit failed: {reason}"
        if session is not None and session.connection.is_closed():
            return "the connection to the database is lost"
        return None

    async def submit(self, item: Item) -> Result:
        """Wait for the item's own result. A waiter that is cancelled before its batch leaves is
        left out of it; later it is committed without a listener.

        Raises LedgerUnavailable: not committed, or not known whether.
        """
        if self._refusing:
            raise LedgerUnavailable(self._refusing)
        return await self._waiting.join(item)

    async def _run(self) -> None:
        try:
            while self._refusing != "stopping":
                await self._waiting.gather(at_once=self._is_lost())
                if batch := self._waiting.take():
                    await self._timed(batch)
                elif self._is_lost():
                    await self._reopen([])
                elif not self._waiting and self._refusing != "stopping":  # while it gathered
                    await self._waiting.rest()  # a connection that is cut is made anew at once
        finally:
            if self._refusing is None:
                log.error("group_commit.died", name=self._name)
            self._refuse("stopping")

    def _is_lost(self) -> bool:
        return self._session is None or self._session.connection.is_closed()

    async def _timed(self, batch: list[Waiter[Item, Result]]) -> None:
        loop = asyncio.get_running_loop()
        left = loop.time()
        await self._carry(batch)
        self._waiting.answered(batch, loop.time() - left)

    async def _carry(self, batch: list[Waiter[Item, Result]]) -> None:
        session = self._session
        if session is None or self._is_lost():
            session = await self._reopen(batch)
            if session is None:
                return
        items = [item for item, _ in batch]
        attempt = uuid.uuid4()
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(HUNG_AFTER_S, self._hung, session, batch)
        try:
            results = await self._work.commit(session.connection, attempt, items)
            session.believed()
            self._failed = None
            deliver(batch, results)
        except (*LOST, Undurable, Unread, ValueError, TypeError, OverflowError) as error:
            if _rolled_back(error):
                await self._split(batch, error)
            else:
                await self._look_up(batch, attempt, error)
        except BaseException:
            fail(batch, "the program is stopping; the commit may or may not stand")
            raise
        finally:
            self._watch.cancel()
            if self._refusing == _SILENT:
                self._refusing = None

    async def _split(self, batch: list[Waiter[Item, Result]], error: BaseException) -> None:
        """Nothing was committed. One bad item must not fail its neighbours: halve until found. Each
        half has a watch of its own, and who was told meanwhile that it is not known is left out."""
        self._watch.cancel()
        batch = [waiter for waiter in batch if not waiter[1].done()]
        if len(batch) > 1:
            log.warning("group_commit.split", name=self._name, reason=why(error))
            middle = len(batch) // 2
            await self._carry(batch[:middle])
            await self._carry(batch[middle:])
        elif batch:
            log.error("group_commit.refused", name=self._name, reason=why(error))
            fail(batch, f"the database refused it: {why(error)}", error)

    async def _look_up(
        self, batch: list[Waiter[Item, Result]], attempt: uuid.UUID, error: BaseException
    ) -> None:
        """The commit may or may not stand. Only a durable row with our own nonce is a yes."""
        log.warning("group_commit.unknown", name=self._name, reason=why(error))
        found: Sequence[Result | None] = [None] * len(batch)
        await self._drop()
        try:
            async with asyncio.timeout(FIND_DEADLINE_S):
                session = await self._open()
                found = await self._work.find(
                    session.connection, attempt, [item for item, _ in batch]
                )
            session.believed()
        except (*LOST, UnsafeServer, Undurable):
            found = [None] * len(batch)
            await self._drop()
        if None in found:
            self._failed = asyncio.get_running_loop().time(), why(error)
        for (_, future), result in zip(batch, found, strict=True):
            if future.done():
                continue
            if result is None:
                future.set_exception(CommitUnknown())
            else:
                future.set_result(result)

    async def _reopen(self, batch: list[Waiter[Item, Result]]) -> Session | None:
        """Connect again. While that fails, refuse everybody at once and keep trying."""
        await self._drop()
        tried = 0
        while self._refusing != "stopping":
            try:
                session = await self._open()
            except (*LOST, UnsafeServer) as error:
                fail(batch, f"the database cannot be used: {why(error)}")
                self._refuse(f"the database cannot be used: {why(error)}")
                await asyncio.sleep(BACKOFF_S[min(tried, len(BACKOFF_S) - 1)])
                tried += 1
            else:
                if tried:
                    self._refusing = None
                    log.info("group_commit.recovered", name=self._name)
                    return None
                return session
        fail(batch, "stopping")
        return None

    async def _open(self) -> Session:
        self._session = await self._connect()
        self._session.when_cut(self._waiting.wake)
        await self._work.prepare(self._session.connection)
        return self._session

    async def _drop(self) -> None:
        if self._session:
            await self._session.close()
        self._session = None

    def _hung(self, session: Session, batch: list[Waiter[Item, Result]]) -> None:
        """No answer: nobody is kept waiting for one, but the statement is; at last, hang up
        (CUT_AFTER_S), and the outcome is looked up."""
        if self._refusing is None:
            self._refuse(_SILENT)
        leave_unknown(batch)
        rest = CUT_AFTER_S - HUNG_AFTER_S
        self._watch = asyncio.get_running_loop().call_later(rest, session.connection.terminate)

    def _refuse(self, reason: str) -> None:
        if self._refusing != "stopping":
            self._refusing = reason
        self._waiting.refuse(reason)


def _rolled_back(error: BaseException) -> bool:
    """True only where it is certain that nothing was committed."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(ROLLED_BACK)
    return isinstance(error, ValueError | TypeError | OverflowError)
