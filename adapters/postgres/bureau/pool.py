"""Connections of the bureau program: as the runtime role, which cannot change what was received."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from adapters.postgres.driver import quicken
from adapters.postgres.reach import address_of, told_when_gone
from adapters.postgres.session import LONG_S, UnsafeServer, prove_safe
from gateway.domain.faults import StoreUnavailable

CONNECTIONS_MAX = 8
ACQUIRE_DEADLINE_S = 2.0
CONNECT_DEADLINE_S = 2.0
CUT_AFTER_S = LONG_S
"""Whoever has a connection for longer hangs: it is dropped (never a cancel request)."""
SILENT_MAX = "60s"
"""A bureau that is stopped or cut off between two statements lets go of what it has locked: whoever
takes its place would wait for the log's row for ever."""
RUNTIME_ROLE = "bureau_runtime"

SQL_FAILURES = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.PostgresSystemError,
    asyncpg.exceptions.InternalServerError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What means "the database cannot say"; everything else is our mistake."""

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Row: TypeAlias = Mapping[str, Any]


class _Unreset(asyncpg.Connection):
    """Nothing that the program does outlives its transaction, so there is nothing to reset when a
    connection goes back; and what `prove_safe` has pinned stays pinned."""

    def get_reset_query(self) -> str:
        return ""


async def open_pool(dsn: str) -> Pool:
    """A pool for service. No command timeout: a cancelled COMMIT would claim what is not so.

    Raises UnsafeServer (adapters.postgres.session), StoreUnavailable.
    """
    quicken()
    try:
        address_of(dsn)
    except ValueError as error:  # the driver would quote what it cannot read, of a password too
        raise StoreUnavailable(str(error)) from None
    try:
        return await asyncpg.create_pool(
            dsn,
            connection_class=_Unreset,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECT_DEADLINE_S,
            init=_ready,
            server_settings={
                "role": RUNTIME_ROLE,
                "application_name": "bureau",
                "idle_in_transaction_session_timeout": SILENT_MAX,
                # Searches leave out what was not asked for: a plan made for all values is slow.
                "plan_cache_mode": "force_custom_plan",
            },
        )
    except SQL_FAILURES as error:
        raise StoreUnavailable(str(error) or type(error).__name__) from error


async def _ready(connection: Any) -> None:
    """Raises UnsafeServer."""
    await prove_safe(told_when_gone(connection))


@asynccontextmanager
async def connection_of(pool: Pool, cut_after_s: float | None = None) -> AsyncIterator[Connection]:
    """A connection whose failures, also at COMMIT, say that we do not know; for CUT_AFTER_S, if it
    is not said for how long.

    A server that gave up waiting for its replica says so in a warning only, and the commit may
    die with it: that too is "we do not know".
    """
    warnings: list[str] = []

    def listen(_: object, message: Any) -> None:
        if message.severity_en == "WARNING":
            warnings.append(str(message))

    try:
        async with _taken(pool, cut_after_s or CUT_AFTER_S) as connection:
            connection.add_log_listener(listen)
            try:
                yield connection
            finally:
                connection.remove_log_listener(listen)
    except SQL_FAILURES as error:
        raise StoreUnavailable(str(error) or type(error).__name__) from error
    if warnings:
        raise StoreUnavailable(warnings[0])


class Sql:
    """The statements of one file, each on a connection of its own. Both raise StoreUnavailable."""

    def __init__(self, pool: Pool, texts: Mapping[str, str]) -> None:
        self._pool = pool
        self._texts = texts

    async def rows(self, name: str, *values: object) -> list[Row]:
        async with connection_of(self._pool) as connection:
            return [dict(row) for row in await connection.fetch(self._texts[name], *values)]

    async def row(self, name: str, *values: object) -> Row | None:
        """None if there is none."""
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(self._texts[name], *values)
        return None if row is None else dict(row)


@asynccontextmanager
async def _taken(pool: Pool, cut_after_s: float) -> AsyncIterator[Connection]:
    """A new connection is refused for whatever reason the server has (a standby in the place of the
    primary, no such role there, a password that was changed): that too is no mistake of ours, and
    passes. Raises StoreUnavailable, SQL_FAILURES."""
    try:
        connection = await pool.acquire(timeout=ACQUIRE_DEADLINE_S)
    except (UnsafeServer, asyncpg.PostgresError) as error:
        raise StoreUnavailable(str(error) or type(error).__name__) from error
    # Eight that wait for a server that hangs would be all there are, for ever.
    watch = asyncio.get_running_loop().call_later(cut_after_s, connection.terminate)
    try:
        yield connection
    finally:
        watch.cancel()
        await pool.release(connection)
