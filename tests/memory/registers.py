"""Registers in memory: the same rules of loading as PostgreSQL's, and a shelf to read from."""

import datetime as dt

import attrs

from gateway.domain.faults import FaultCode, Unreadable, Unready
from gateway.domain.ledger import Limit
from gateway.domain.limits import granted_limits, spelled
from gateway.domain.registers import Registers
from tests.memory.state import MemoryState


@attrs.frozen(kw_only=True)
class Loaded:
    """The same shape as PostgreSQL's answer to a load."""

    applied: bool
    version: int | None
    overdrawn: tuple[Limit, ...] = ()
    withdrawn: tuple[str, ...] = ()


class MemoryRegisters:
    """Loads registers, and is `gateway.ports.RegisterShelf` (nothing ever goes stale in it)."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def close(self) -> None:
        return None

    async def load(self, registers_raw: bytes, registers: Registers) -> Loaded:
        division = registers.division
        _, held = self._state.registers.get(division, (b"", None))
        if held is not None and registers.version <= held.version:
            return Loaded(applied=False, version=held.version)
        self._state.registers[division] = registers_raw, registers
        granted = granted_limits(registers)
        for limit in granted:
            self._grant(division, limit)
        withdrawn = self._withdraw(division, granted)
        return Loaded(
            applied=True, version=registers.version,
            overdrawn=tuple(limit for limit in self._limits(division) if limit.overdrawn),
            withdrawn=withdrawn,
        )  # fmt: skip

    def of(self, division: str, now: dt.datetime) -> Registers:
        if not self._state.registers:
            raise Unready(FaultCode.REGISTERS_UNAVAILABLE, "no registers are loaded")
        if division not in self._state.registers:
            raise Unreadable(FaultCode.DIVISION_UNKNOWN, f"no registers for division {division}")
        return self._state.registers[division][1]

    def _grant(self, division: str, limit: Limit) -> None:
        place = division, limit.key
        self._state.limits[place] = attrs.evolve(
            self._state.limits.get(place, limit),
            granted_fen=limit.granted_fen, frozen_fen=limit.frozen_fen,
        )  # fmt: skip

    def _withdraw(self, division: str, granted: list[Limit]) -> tuple[str, ...]:
        known = {limit.key for limit in granted}
        gone = [
            limit.key
            for limit in self._limits(division)
            if limit.granted_fen and limit.key not in known
        ]
        for key in gone:
            place = division, key
            self._state.limits[place] = attrs.evolve(self._state.limits[place], granted_fen=0)
        return tuple(map(spelled, gone))

    def _limits(self, division: str) -> list[Limit]:
        """Of one division, by key."""
        mine = [limit for (owner, _), limit in self._state.limits.items() if owner == division]
        return sorted(mine, key=lambda limit: limit.key)
