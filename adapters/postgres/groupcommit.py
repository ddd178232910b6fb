"""Group commit: everything that waits is committed in one round trip, in order of arrival.

A batch is what gathered while the batch before it was on its way; of a crowd most come back within
milliseconds of their answers, and are waited for, since each batch costs the server as much as
several rows. Few are never kept waiting. Whatever the server does, each waiter is told the truth or
LedgerUnavailable, and nobody is told twice.
"""

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

import asyncpg
import structlog

from adapters.postgres.crowd import Crowd
from adapters.postgres.session import LOST, Connection, Session, Undurable, UnsafeServer
from gateway.domain.faults import LedgerUnavailable

BATCH_MAX = 256
BATCH_BYTES_MAX = 8 * 2**20
WAITING_MAX = 8_192
HUNG_AFTER_S = 1.5
"""After so long without an answer all who wait are refused, and those on the way are told that it
is not known; what is found committed afterwards is nobody's to forward, and is enquired about."""
CUT_AFTER_S = 30.0
"""After so long the socket is dropped (never a cancel request) and the outcome looked up."""
FIND_DEADLINE_S = 2.0
FAILED_TOLD_S = 10.0
"""So long after a commit that failed it is told as trouble, unless one succeeds before: a server
that answers and takes nothing (a full disk) is found by trying only."""
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)
ROLLED_BACK = ("22", "23", "40001", "40P01", "42", "P0")
"""SQLSTATEs after which nothing was committed for certain; all others are unknown."""

_SILENT = "the database does not answer"

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")
_Waiter: TypeAlias = tuple[Item, asyncio.Future[Result]]
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
    ) -> Sequence[_Result]:
        """One statement, one transaction, one result per item."""
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
        self._waiting: deque[_Waiter[Item, Result]] = deque()
        self._session: Session | None = None
        self._refusing: str | None = "not started"
        self._failed: tuple[float, str] | None = None
        """When the last commit failed, and why; None once one succeeded."""
        self._crowd = Crowd()
        self._wanted = 0
        """How many must wait before a newcomer wakes us."""
        self._idle: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle

    async def start(self) -> None:
        """Raises UnsafeServer, or LedgerUnavailable if the database cannot be reached."""
        try:
            await self._open()
        except LOST as error:
            raise LedgerUnavailable(f"cannot reach the database: {type(error).__name__}") from error
        self._refusing = None
        self._task = asyncio.create_task(self._run(), name=f"group commit: {self._name}")

    async def stop(self) -> None:
        """Refuse newcomers, let the batch that is under way end, then close."""
        self._refuse("stopping")
        if self._task:
            self._wake()
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
        if len(self._waiting) >= WAITING_MAX:
            raise LedgerUnavailable("too many are waiting for the database")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._waiting) >= self._wanted:
            self._wake()
        return await future

    async def _run(self) -> None:
        try:
            while self._refusing != "stopping":
                await self._gather()
                if batch := self._take():
                    await self._timed(batch)
                elif self._is_lost():
                    await self._reopen([])
                elif not self._waiting and self._refusing != "stopping":  # while it gathered
                    await self._rest()
        finally:
            if self._refusing is None:
                log.error("group_commit.died", name=self._name)
            self._refuse("stopping")

    def _wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _is_lost(self) -> bool:
        return self._session is None or self._session.connection.is_closed()

    async def _rest(self) -> None:
        """Until somebody waits, or the connection is cut: it is made anew at once, for whoever asks
        whether we are ready may send nobody before."""
        self._idle = asyncio.get_running_loop().create_future()
        try:
            await self._idle
        finally:
            self._idle = None

    async def _gather(self) -> None:
        """Until most of a crowd wait again, or it takes too long, or somebody wakes us."""
        wanted, patience_s = self._crowd.back()
        if len(self._waiting) >= wanted or self._is_lost():
            return
        loop = asyncio.get_running_loop()
        self._wanted = wanted
        self._idle = loop.create_future()
        patience = loop.call_later(patience_s, self._wake)
        try:
            await self._idle
        finally:
            patience.cancel()
            self._idle, self._wanted = None, 0

    def _take(self) -> list[_Waiter[Item, Result]]:
        """The next batch; a second item of one key stays for the batch after it."""
        batch: list[_Waiter[Item, Result]] = []
        later: list[_Waiter[Item, Result]] = []
        keys: set[Hashable] = set()
        room = BATCH_BYTES_MAX
        waiting = self._waiting
        while waiting and len(batch) < BATCH_MAX and room > 0:
            waiter = waiting.popleft()
            if waiter[1].done():
                continue
            key = self._work.key(waiter[0])
            if key in keys:
                later.append(waiter)
                continue
            keys.add(key)
            batch.append(waiter)
            room -= self._work.weight(waiter[0])
        waiting.extendleft(reversed(later))
        return batch

    async def _timed(self, batch: list[_Waiter[Item, Result]]) -> None:
        loop = asyncio.get_running_loop()
        left = loop.time()
        await self._carry(batch)
        self._crowd.answered(len(batch) + len(self._waiting), loop.time() - left)

    async def _carry(self, batch: list[_Waiter[Item, Result]]) -> None:
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
            _deliver(batch, results)
        except (*LOST, Undurable, ValueError, TypeError, OverflowError) as error:
            if _rolled_back(error):
                await self._split(batch, error)
            else:
                await self._look_up(batch, attempt, error)
        except BaseException:
            _fail(batch, "the program is stopping; the commit may or may not stand")
            raise
        finally:
            self._watch.cancel()
            if self._refusing == _SILENT:
                self._refusing = None

    async def _split(self, batch: list[_Waiter[Item, Result]], error: BaseException) -> None:
        """Nothing was committed. One bad item must not fail its neighbours: halve until found."""
        if len(batch) > 1:
            log.warning("group_commit.split", name=self._name, reason=_reason(error))
            middle = len(batch) // 2
            await self._carry(batch[:middle])
            await self._carry(batch[middle:])
            return
        log.error("group_commit.refused", name=self._name, reason=_reason(error))
        _fail(batch, f"the database refused it: {_reason(error)}", error)

    async def _look_up(
        self, batch: list[_Waiter[Item, Result]], attempt: uuid.UUID, error: BaseException
    ) -> None:
        """The commit may or may not stand. Only a durable row with our own nonce is a yes."""
        log.warning("group_commit.unknown", name=self._name, reason=_reason(error))
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
            self._failed = asyncio.get_running_loop().time(), _reason(error)
        for (_, future), result in zip(batch, found, strict=True):
            if future.done():
                continue
            if result is None:
                future.set_exception(LedgerUnavailable("it is not known whether it was committed"))
            else:
                future.set_result(result)

    async def _reopen(self, batch: list[_Waiter[Item, Result]]) -> Session | None:
        """Connect again. While that fails, refuse everybody at once and keep trying."""
        await self._drop()
        tried = 0
        while self._refusing != "stopping":
            try:
                session = await self._open()
            except (*LOST, UnsafeServer) as error:
                _fail(batch, f"the database cannot be used: {_reason(error)}")
                self._refuse(f"the database cannot be used: {_reason(error)}")
                await asyncio.sleep(BACKOFF_S[min(tried, len(BACKOFF_S) - 1)])
                tried += 1
            else:
                if tried:
                    self._refusing = None
                    log.info("group_commit.recovered", name=self._name)
                    return None
                return session
        _fail(batch, "stopping")
        return None

    async def _open(self) -> Session:
        self._session = await self._connect()
        self._session.when_cut(self._wake)
        await self._work.prepare(self._session.connection)
        return self._session

    async def _drop(self) -> None:
        if self._session:
            await self._session.close()
        self._session = None

    def _hung(self, session: Session, batch: list[_Waiter[Item, Result]]) -> None:
        """No answer: nobody is kept waiting for one, but the statement is; at last, hang up."""
        if self._refusing is None:
            self._refuse(_SILENT)
        _fail(batch, "it is not known whether it was committed")
        rest = CUT_AFTER_S - HUNG_AFTER_S
        self._watch = asyncio.get_running_loop().call_later(rest, session.connection.terminate)

    def _refuse(self, reason: str) -> None:
        if self._refusing != "stopping":
            self._refusing = reason
        _fail(list(self._waiting), reason)
        self._waiting.clear()


def _deliver(batch: list[_Waiter[Item, Result]], results: Sequence[Result]) -> None:
    for (_, future), result in zip(batch, results, strict=True):
        if not future.done():
            future.set_result(result)


def _fail(
    batch: list[_Waiter[Item, Result]], reason: str, cause: BaseException | None = None
) -> None:
    for _, future in batch:
        if not future.done():
            refusal = LedgerUnavailable(reason)
            refusal.__cause__ = cause
            future.set_exception(refusal)


def _rolled_back(error: BaseException) -> bool:
    """True only where it is certain that nothing was committed."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(ROLLED_BACK)
    return isinstance(error, ValueError | TypeError | OverflowError)


def _reason(error: BaseException) -> str:
    """Type and SQLSTATE only: a server's detail may quote a row, and so a person. Why a server is
    not safe is in our own words."""
    if isinstance(error, UnsafeServer):
        return str(error)
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else type(error).__name__
