"""The storage rooms, once in memory and once on PostgreSQL, for the contract tests."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import attrs
import pytest

from adapters.postgres.ledger.holds import PostgresHolds
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.ledger.refunds import PostgresRefunds
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.oversight.conduct import PostgresConduct
from adapters.postgres.registers.applying import PostgresRegisters
from tests.memory.conduct import MemoryConduct
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.memory.recordlog import MemoryRecordLog
from tests.memory.registers import MemoryRegisters
from tests.memory.state import MemoryState


@attrs.frozen(kw_only=True)
class Storage:
    """Ledger, log and registers over one truth; `second` is another gateway on the same."""

    ledger: MemoryLedger | PostgresLedger
    second: MemoryLedger | PostgresLedger
    records: MemoryRecordLog | PostgresRecordLog
    second_records: MemoryRecordLog | PostgresRecordLog
    registers: MemoryRegisters | PostgresRegisters
    holds: MemoryHolds | PostgresHolds
    second_holds: MemoryHolds | PostgresHolds
    refunds: MemoryHolds | PostgresRefunds
    conduct: MemoryConduct | PostgresConduct


@contextlib.asynccontextmanager
async def opened(dsn: str | None) -> AsyncIterator[Storage]:
    """In memory without a DSN; on PostgreSQL, as the role it runs as in service, with one."""
    if dsn is None:
        state = MemoryState()
        ledger = MemoryLedger(state, instance="gw-1")
        holds = MemoryHolds(state, ledger)
        yield Storage(
            ledger=ledger,
            holds=holds,
            second_holds=holds,
            refunds=holds,
            conduct=MemoryConduct(state, ledger),
            second=MemoryLedger(state, instance="gw-2"),
            records=MemoryRecordLog(state),
            second_records=MemoryRecordLog(state),
            registers=MemoryRegisters(state),
        )
        return
    dsn = as_runtime(dsn)
    async with contextlib.AsyncExitStack() as stack:
        kept = PostgresHolds(dsn, instance="gw-1"), PostgresHolds(dsn, instance="gw-2")
        refunds, conduct = PostgresRefunds(dsn), PostgresConduct(dsn)
        for place in (*kept, refunds, conduct):
            stack.push_async_callback(place.close)
        paid = await stack.enter_async_context(PostgresLedger(dsn, instance="gw-1"))
        second = await stack.enter_async_context(PostgresLedger(dsn, instance="gw-2"))
        logs = PostgresRecordLog(dsn), PostgresRecordLog(dsn)
        registers = PostgresRegisters(dsn)
        for room in (*logs, registers):
            stack.push_async_callback(room.close)
        yield Storage(
            ledger=paid, second=second, records=logs[0], second_records=logs[1],
            registers=registers, holds=kept[0], second_holds=kept[1], refunds=refunds,
            conduct=conduct,
        )  # fmt: skip


def as_runtime(dsn: str) -> str:
    return f"{dsn}{'&' if '?' in dsn else '?'}role=gateway_runtime"


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def storage_dsn(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for memory, else the DSN of a fresh database with all tables."""
    yield None if request.param == "memory" else request.getfixturevalue("migrated")


@pytest.fixture
async def storage(storage_dsn: str | None) -> AsyncIterator[Storage]:
    async with opened(storage_dsn) as rooms:
        yield rooms
