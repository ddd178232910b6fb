"""The storage rooms, once in memory and once on PostgreSQL, for the contract tests."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import attrs
import pytest

from adapters.memory.ledger import MemoryLedger
from adapters.memory.recordlog import MemoryRecordLog
from adapters.memory.registers import MemoryRegisters
from adapters.memory.state import MemoryState
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.migrate import migrate
from adapters.postgres.recordlog import PostgresRecordLog
from adapters.postgres.registers import PostgresRegisters


@attrs.frozen(kw_only=True)
class Storage:
    """Ledger, log and registers over one truth; `second` is another gateway on the same."""

    ledger: MemoryLedger | PostgresLedger
    second: MemoryLedger | PostgresLedger
    records: MemoryRecordLog | PostgresRecordLog
    second_records: MemoryRecordLog | PostgresRecordLog
    registers: MemoryRegisters | PostgresRegisters


@contextlib.asynccontextmanager
async def opened(dsn: str | None) -> AsyncIterator[Storage]:
    """In memory without a DSN; on PostgreSQL, as the role it runs as in service, with one."""
    if dsn is None:
        state = MemoryState()
        yield Storage(
            ledger=MemoryLedger(state, instance="gw-1"),
            second=MemoryLedger(state, instance="gw-2"),
            records=MemoryRecordLog(state),
            second_records=MemoryRecordLog(state),
            registers=MemoryRegisters(state),
        )
        return
    await migrate(dsn)
    dsn = as_runtime(dsn)
    async with contextlib.AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(PostgresLedger(dsn, instance="gw-1"))
        second = await stack.enter_async_context(PostgresLedger(dsn, instance="gw-2"))
        logs = PostgresRecordLog(dsn), PostgresRecordLog(dsn)
        registers = PostgresRegisters(dsn)
        for room in (*logs, registers):
            stack.push_async_callback(room.close)
        yield Storage(
            ledger=ledger, second=second, records=logs[0], second_records=logs[1],
            registers=registers,
        )  # fmt: skip


def as_runtime(dsn: str) -> str:
    return f"{dsn}{'&' if '?' in dsn else '?'}role=gateway_runtime"


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def storage_dsn(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for memory, else the DSN of a fresh database."""
    yield None if request.param == "memory" else request.getfixturevalue("database")


@pytest.fixture
async def storage(storage_dsn: str | None) -> AsyncIterator[Storage]:
    async with opened(storage_dsn) as rooms:
        yield rooms


@pytest.fixture
async def migrated(database: str) -> str:
    await migrate(database)
    return database
