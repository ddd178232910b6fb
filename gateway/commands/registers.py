"""`registers load`: put the bureau's registers into the ledger, whole or not at all."""

import asyncio
import datetime as dt
from pathlib import Path

from adapters.formats.registers import read_registers
from adapters.postgres.migrate import migrate
from adapters.postgres.registers import Loaded, PostgresRegisters
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.registers import Registers

AHEAD_MAX = dt.timedelta(minutes=5)
"""How far the bureau's clock may be ahead of ours."""


def load_registers(file: Path, database: str, now: dt.datetime) -> tuple[Registers, Loaded]:
    """Raises Unreadable with every error, or LedgerUnavailable."""
    raw = file.read_bytes()
    registers = read_registers(raw)
    refuse_future(registers, now)
    return registers, asyncio.run(_load(raw, registers, database))


def refuse_future(registers: Registers, now: dt.datetime) -> None:
    """A snapshot made tomorrow would count as fresh for a day longer than it is.

    Raises Unreadable.
    """
    if registers.as_of > now + AHEAD_MAX:
        raise Unreadable(
            FaultCode.INSTRUCTION_INVALID,
            "the snapshot claims to be made in the future",
            (
                FieldError(
                    field="as_of",
                    code="date_in_future",
                    zh=f"备案信息的时点晚于现在（{now.isoformat(timespec='seconds')}）",
                    en=f"is later than now ({now.isoformat(timespec='seconds')})",
                ),
            ),
        )


async def _load(raw: bytes, registers: Registers, database: str) -> Loaded:
    await migrate(database)
    store = PostgresRegisters(database)
    try:
        return await store.load(raw, registers)
    finally:
        await store.close()
