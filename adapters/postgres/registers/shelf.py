"""The registers in memory: refreshed when the database says so, and by asking it twice a second."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import structlog

from adapters.postgres.registers.reading import read_changed, read_whole
from adapters.postgres.session import LONG_S, Pool, Session, open_ear
from adapters.postgres.statements import statements
from gateway.domain.codes import Register
from gateway.domain.faults import FaultCode, LedgerUnavailable, Unreadable, Unready
from gateway.domain.register_tables import Tables
from gateway.domain.registers import Registers
from gateway.domain.seldom import Lasting

POLL_S = 0.5
"""Asking is the truth; a notification only makes it come sooner. A version is in every process
within a second, whether or not the word of it came."""
_TICK = dt.timedelta(microseconds=1)

log = structlog.get_logger()

_SQL = statements("registers")
_ALL = frozenset(Register)


@attrs.frozen(kw_only=True)
class AgeLimits:
    """How old what this process knows may be."""

    poll: dt.timedelta = dt.timedelta(seconds=30)
    """Since the database's version was last seen: is our copy current?"""
    register: dt.timedelta = dt.timedelta(hours=36)
    """Since the bureau last spoke of a register: is its feed alive?"""
    registers: Mapping[Register, dt.timedelta] = attrs.field(factory=dict)
    """For registers that have a limit of their own."""

    def of(self, register: Register) -> dt.timedelta:
        return self.registers.get(register, self.register)


class _Held:
    """One division at one version, with what is stale of it as long as that does not change."""

    def __init__(self, registers: Registers, tables: Tables, limits: AgeLimits) -> None:
        self.tables = tables
        self.fresh = registers
        self.stale = attrs.evolve(registers, unavailable=_ALL)
        self._limits = limits
        self._shown = registers
        self._since = self._until = dt.datetime.min.replace(tzinfo=dt.UTC)

    def at(self, now: dt.datetime) -> Registers:
        """A register from the future counts as stale too: nothing is known of its age."""
        if not self._since <= now < self._until:
            self._look(now)
        return self._shown

    def _look(self, now: dt.datetime) -> None:
        stale, changes = set(), [dt.datetime.max.replace(tzinfo=dt.UTC)]
        for register in Register:
            as_of, limit = self.fresh.as_of_register(register), self._limits.of(register)
            if abs(now - as_of) > limit:
                stale.add(register)
            changes += (as_of - limit, as_of + limit + _TICK)
        self._since = now
        self._until = min(moment for moment in changes if moment > now)
        self._shown = attrs.evolve(self.fresh, unavailable=frozenset(stale))


class PostgresRegisterShelf:
    """`gateway.ports.RegisterShelf`. `refresh` once before serving, then keep `run` running.

    `number` is the keyed hash that people are found by. What is older than `limits` allow is
    unavailable: each register on its own, all of them where the database was not heard of.
    """

    def __init__(
        self, dsn: str, number: Callable[[str], str], now: Callable[[], dt.datetime],
        limits: AgeLimits | None = None, *, allow_unsafe: bool = False,
    ) -> None:  # fmt: skip
        self._dsn = dsn
        self._number = number
        self._now = now
        self._limits = limits or AgeLimits()
        self._allow_unsafe = allow_unsafe
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe, cut_after_s=LONG_S)
        self._polled_at: dt.datetime | None = None
        self._held: dict[str, _Held] = {}
        self._refused: dict[str, int] = {}
        self._told = asyncio.Event()
        self._down = Lasting()

    async def close(self) -> None:
        await self._pool.close()

    def of(self, division: str, now: dt.datetime) -> Registers:
        """Raises Unready (nothing read that can be used) or Unreadable (division unknown)."""
        held = self._held.get(division)
        if held is None or self._polled_at is None:
            if self._polled_at is None or not self._held or division in self._refused:
                raise Unready(FaultCode.REGISTERS_UNAVAILABLE, "no registers are loaded")
            raise Unreadable(FaultCode.DIVISION_UNKNOWN, f"no registers for division {division}")
        if abs(now - self._polled_at) > self._limits.poll or division in self._refused:
            return held.stale
        return held.at(now)

    def version(self, division: str) -> int:
        """That was read last; 0 if none was."""
        held = self._held.get(division)
        return held.fresh.version if held else 0

    def ages(self, now: dt.datetime) -> dict[tuple[str, str], float]:
        """By division and register: seconds since the bureau last spoke of it."""
        return {
            (division, register.value): (now - held.fresh.as_of_register(register)).total_seconds()
            for division, held in self._held.items()
            for register in Register
        }

    async def run(self) -> None:
        """Refresh for ever; a database that is down is waited out, and ages the copy."""
        ear: Session | None = None
        try:
            while True:
                ear = await self._listen(ear)
                await self.look(asyncio.get_running_loop().time())
                await self._wait()
        finally:
            if ear:
                await ear.close()

    async def look(self, now_s: float) -> None:
        """One turn of `run`, at a moment of the monotonic clock. That the database is down is said
        once, then every minute, and when it is over."""
        try:
            await self.refresh()
        except LedgerUnavailable as reason:
            if self._down.due(now_s):
                log.warning("registers.not_refreshed", reason=str(reason))
        else:
            if self._down.over():
                log.info("registers.refreshed_again")

    async def refresh(self) -> None:
        """Ask once. Raises LedgerUnavailable; what is in memory then stays and ages."""
        asked_at = self._now()
        for row in await self._pool.fetch(_SQL["versions"]):
            division, version = row["division"], row["version"]
            held = self._held.get(division)
            newer = held is None or held.fresh.version < version
            if newer and self._refused.get(division) != version:
                await self._take(division, row, held)
        self._polled_at = asked_at

    async def _take(self, division: str, row: Any, held: _Held | None) -> None:
        """A version that cannot be read leaves the division with no registers that count."""
        version = row["version"]
        try:
            tables = await self._tables(division, version, held)
        except LedgerUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  fail closed, whatever the reader raises
            reason = type(error).__name__
            log.error("registers.unreadable", division=division, version=version, reason=reason)
            self._refused[division] = version
            return
        ages = {
            Register(register): as_of
            for register, as_of in zip(row["registers"] or (), row["ages"] or (), strict=True)
        }
        registers = tables.registers(division, version, row["as_of"], ages, self._number)
        self._refused.pop(division, None)
        self._held[division] = _Held(registers, tables, self._limits)
        log.info("registers.taken", division=division, version=version)

    async def _tables(self, division: str, version: int, held: _Held | None) -> Tables:
        async with self._pool.transaction() as connection:
            if held is None or held.tables.crowded or division in self._refused:
                return await read_whole(connection, division, version)
            versions = held.fresh.version, version
            return await read_changed(connection, held.tables, division, versions)

    async def _listen(self, ear: Session | None) -> Session | None:
        if ear and not ear.connection.is_closed():
            return ear
        return await open_ear(self._dsn, "registers", self._hear, allow_unsafe=self._allow_unsafe)

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self._told.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._told.wait()
        except TimeoutError:
            return
        self._told.clear()
