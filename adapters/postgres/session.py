"""Connections that tell the truth: safe servers only, and no commit believed that may be undone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeAlias, TypeVar

import asyncpg

from adapters.postgres.driver import quicken
from adapters.postgres.reach import connect
from adapters.postgres.statements import statements
from gateway.domain.faults import DatabaseUnreached, LedgerUnavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
T = TypeVar("T")

CONNECT_DEADLINE_S = 1.5
READ_DEADLINE_S = 2.0
CUT_AFTER_S = 30.0
"""Whoever has a connection for longer hangs: it is dropped (never a cancel request)."""
LONG_S = 600.0
"""The same of work that grows with what is stored."""
SAFE_COMMITS = frozenset({"on", "remote_apply"})
SETTINGS = {
    "application_name": "treasury-gateway",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
}
"""No timeout that cancels a commit; but whoever is stopped or cut off between two statements lets
go of what he has locked, or other gateways would wait for it for ever. Plans that stay by the index
however small a table was."""

LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
)
"""What the driver raises when the server, the network or a statement failed. An internal error is
seen when a killed server's last words arrive on a connection that was not waiting for any."""

READ_ONLY = (
    "this server takes no writes: a standby, or default_transaction_read_only is on; nothing can"
    " be decided on it"
)

_SQL = statements("session")


class UnsafeServer(Exception):
    """The server may forget what it has acknowledged; nothing may be admitted on it."""


class Undurable(Exception):
    """Committed here, but the server warned: perhaps not on the standby. Counts as unknown."""


class Unread(Exception):
    """Committed, and what it came to could not be read. Counts as unknown: who took it for undone
    would do it again, and meet his own rows as somebody else's."""


def why(error: BaseException) -> str:
    """For operators. Of the server's words only type and SQLSTATE: its detail may quote a row, and
    so a person. Where nobody was reached, and why a server is not safe, is in our own words."""
    if isinstance(error, DatabaseUnreached | UnsafeServer | Unread):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else type(error).__name__


class Session:
    """One connection, with the warnings it received: the sign of a cancelled synchronous commit."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.warned: str | None = None
        connection.add_log_listener(self._hear)

    def _hear(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        if message.severity_en == "WARNING" or message.severity == "WARNING":
            self.warned = message.sqlstate or "01000"

    def when_cut(self, hear: Callable[[], None]) -> None:
        """`hear` is called once the connection has ended, whoever ended it."""
        self.connection.add_termination_listener(lambda _: hear())

    def believed(self) -> None:
        """Assert that nothing so far was committed with a warning. Raises Undurable."""
        if self.warned:
            raise Undurable(self.warned)

    async def close(self) -> None:
        """Close without waiting for a server that may not answer, and without a cancel request."""
        self.connection.terminate()


class Proof(Protocol):
    """What a server must have kept (`adapters.postgres.ledger.kept.Kept`)."""

    async def prove(self, connection: Connection, /) -> None:
        """Raises UnsafeServer."""
        ...


async def open_session(
    dsn: str, *, allow_unsafe: bool = False, kept: Proof | None = None
) -> Session:
    """A connection of its own. Raises UnsafeServer, or one of LOST within CONNECT_DEADLINE_S."""
    quicken()
    async with asyncio.timeout(CONNECT_DEADLINE_S):
        connection = await connect(dsn, deadline_s=CONNECT_DEADLINE_S, settings=SETTINGS)
        try:
            await prove_safe(connection, allow_unsafe=allow_unsafe)
            if kept:
                await kept.prove(connection)
        except BaseException:
            connection.terminate()
            raise
    return Session(connection)


async def prove_safe(connection: Connection, *, allow_unsafe: bool = False) -> None:
    """Refuse a server that takes no writes or loses acknowledged commits; then pin what was found
    for this session.

    Raises UnsafeServer.
    """
    row = await connection.fetchrow(_SQL["durability"])
    assert row is not None
    commits, fsync = row["synchronous_commit"], row["fsync"]
    if row["read_only"]:
        raise UnsafeServer(READ_ONLY)
    if allow_unsafe:
        return
    if commits not in SAFE_COMMITS or fsync != "on":
        raise UnsafeServer(
            f"synchronous_commit = {commits}, fsync = {fsync}: this server may lose decisions that "
            "it has acknowledged; set synchronous_commit to on (or remote_apply) and fsync to on"
        )
    await connection.execute(_SQL["pin_durability"], commits)


async def open_ear(
    dsn: str, channel: str, hear: Callable[..., None], *, allow_unsafe: bool = False,
    kept: Proof | None = None,
) -> Session | None:  # fmt: skip
    """A connection that hears what is told on a channel; None if there is none just now."""
    try:
        async with contextlib.AsyncExitStack() as opened:
            ear = await open_session(dsn, allow_unsafe=allow_unsafe, kept=kept)
            opened.push_async_callback(ear.close)
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                await ear.connection.add_listener(channel, hear)
            opened.pop_all()
            return ear
    except (*LOST, UnsafeServer):
        return None


class Pool:
    """A few connections for everything that is not a group commit. Errors are LedgerUnavailable."""

    def __init__(
        self, dsn: str, *, size: int = 4, allow_unsafe: bool = False, kept: Proof | None = None,
        cut_after_s: float | None = CUT_AFTER_S,
    ) -> None:  # fmt: skip
        """`cut_after_s`: how long a connection may be borrowed; None: until it ends by itself."""
        self._dsn = dsn
        self._cut_after_s = cut_after_s
        self._size = size
        self._allow_unsafe = allow_unsafe
        self._kept = kept
        self._free: list[Session] = []
        self._places = asyncio.Semaphore(size)
        self._writes: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        if self._writes:
            await asyncio.wait(self._writes, timeout=CONNECT_DEADLINE_S)
        while self._free:
            await self._free.pop().close()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Borrow a connection; a failed one is thrown away. Raises LedgerUnavailable."""
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                await self._places.acquire()
        except TimeoutError:
            raise LedgerUnavailable("no database connection is free") from None
        try:
            session = await self._take()
            try:
                with self._cutting(session):
                    yield session
            except BaseException:
                await session.close()
                raise
            if session.warned:
                await session.close()
            else:
                self._free.append(session)
        except DatabaseUnreached as error:
            raise LedgerUnavailable("the database cannot be reached") from error
        except (*LOST, UnsafeServer, Undurable) as error:
            raise LedgerUnavailable(f"the database failed: {why(error)}") from error
        finally:
            self._places.release()

    @contextlib.contextmanager
    def _cutting(self, session: Session) -> Iterator[None]:
        """A server that took the statement and hangs, its place taken by another meanwhile, would
        keep who waits for it for ever, and with him what only he does: seal, deliver."""
        if self._cut_after_s is None:
            yield
            return
        hang_up = session.connection.terminate
        watch = asyncio.get_running_loop().call_later(self._cut_after_s, hang_up)
        try:
            yield
        finally:
            watch.cancel()

    async def _take(self) -> Session:
        while self._free:
            session = self._free.pop()
            if not session.connection.is_closed():
                return session
        return await open_session(self._dsn, allow_unsafe=self._allow_unsafe, kept=self._kept)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction; its commit counts only if the server gave no warning.

        Raises LedgerUnavailable.
        """
        async with self.session() as session:
            async with session.connection.transaction():
                yield session.connection
            session.believed()

    async def execute(self, statement: str, *arguments: Any) -> None:
        """One statement that is its own transaction, in one round trip instead of three.

        Counts only if the server gave no warning. Raises LedgerUnavailable.
        """
        async with self.session() as session:
            await session.connection.execute(statement, *arguments)
            session.believed()

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Read, within READ_DEADLINE_S. Raises LedgerUnavailable."""
        async with self.session() as session:
            async with asyncio.timeout(READ_DEADLINE_S):
                return await session.connection.fetch(query, *arguments)

    async def fetch_durably(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Read what is handed to others. The statement emits a message for each row that it finds,
        so that it commits durably itself: what it read then survives a failover as well.

        Counts only if the server gave no warning. Raises LedgerUnavailable.
        """
        async with self.session() as session:
            async with asyncio.timeout(READ_DEADLINE_S):
                rows = await session.connection.fetch(query, *arguments)
            session.believed()
        return rows

    async def unbroken(self, write: Coroutine[Any, Any, T]) -> T:
        """Finish a write although its caller gives up: the driver would cancel its commit."""
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)
