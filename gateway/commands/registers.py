"""`registers load`: put the bureau's registers into the ledger, whole or not at all."""

import asyncio
from pathlib import Path

from adapters.formats.registers import read_registers
from adapters.postgres.migrate import migrate
from adapters.postgres.registers import Loaded, PostgresRegisters
from gateway.domain.registers import Registers


def load_registers(file: Path, database: str) -> tuple[Registers, Loaded]:
    """Raises Unreadable with every error, or LedgerUnavailable."""
    raw = file.read_bytes()
    registers = read_registers(raw)
    return registers, asyncio.run(_load(raw, registers, database))


async def _load(raw: bytes, registers: Registers, database: str) -> Loaded:
    await migrate(database)
    store = PostgresRegisters(database)
    try:
        return await store.load(raw, registers)
    finally:
        await store.close()
