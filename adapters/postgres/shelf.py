"""The registers in memory: refreshed when the database says so, and by asking it every second."""

import asyncio
import datetime as dt
from collections.abc import Callable

import attrs
import structlog

from adapters.postgres.session import LOST, Pool, Session, UnsafeServer, open_session
from adapters.postgres.statements import statements
from gateway.domain.codes import Register
from gateway.domain.faults import FaultCode, LedgerUnavailable, Unreadable, Unready
from gateway.domain.registers import Registers

POLL_S = 1.0
"""Asking is the truth; a notification only makes it come sooner."""

log = structlog.get_logger()

_SQL = statements("registers")
_ALL = frozenset(Register)


class PostgresRegisterShelf:
    """`gateway.ports.RegisterShelf`. `refresh` once before serving, then keep `run` running.

    Two ages are judged, and past either limit every register of the division is unavailable:
    `poll_age_max`, since this process last saw the database's version (is our copy current?), and
    `as_of_age_max`, since the bureau made the snapshot (is the bureau's feed alive?). A clock that
    jumped backwards by more than that, or a snapshot from the future, counts as age: nothing is
    known of it.
    """

    def __init__(
        self, dsn: str, parse: Callable[[bytes], Registers], now: Callable[[], dt.datetime], *,
        poll_age_max: dt.timedelta = dt.timedelta(seconds=30),
        as_of_age_max: dt.timedelta = dt.timedelta(hours=36),
        allow_unsafe: bool = False,
    ) -> None:  # fmt: skip
        self._dsn = dsn
        self._parse = parse
        self._now = now
        self._poll_age_max = poll_age_max
        self._as_of_age_max = as_of_age_max
        self._allow_unsafe = allow_unsafe
        self._pool = Pool(dsn, size=1, allow_unsafe=allow_unsafe)
        self._polled_at: dt.datetime | None = None
        self._fresh: dict[str, Registers] = {}
        self._stale: dict[str, Registers] = {}
        self._refused: dict[str, int] = {}
        self._told = asyncio.Event()

    async def close(self) -> None:
        await self._pool.close()

    def of(self, division: str, now: dt.datetime) -> Registers:
        """Raises Unready (nothing read that can be used) or Unreadable (division unknown)."""
        registers = self._fresh.get(division)
        if registers is None or self._polled_at is None:
            if self._polled_at is None or not self._fresh or division in self._refused:
                raise Unready(FaultCode.REGISTERS_UNAVAILABLE, "no registers are loaded")
            raise Unreadable(FaultCode.DIVISION_UNKNOWN, f"no registers for division {division}")
        polled_ago = abs(now - self._polled_at)
        if polled_ago > self._poll_age_max or abs(now - registers.as_of) > self._as_of_age_max:
            return self._stale[division]
        return registers

    async def run(self) -> None:
        """Refresh for ever; a database that is down is waited out, and ages the copy."""
        ear: Session | None = None
        try:
            while True:
                ear = await self._listen(ear)
                try:
                    await self.refresh()
                except LedgerUnavailable as reason:
                    log.warning("registers.not_refreshed", reason=str(reason))
                await self._wait()
        finally:
            if ear:
                await ear.close()

    async def refresh(self) -> None:
        """Ask once. Raises LedgerUnavailable; what is in memory then stays and ages."""
        asked_at = self._now()
        for row in await self._pool.fetch(_SQL["versions"]):
            division, version = row["division"], row["version"]
            held = self._fresh.get(division)
            newer = held is None or held.version < version
            if newer and self._refused.get(division) != version:
                await self._take(division, version)
        self._polled_at = asked_at

    async def _take(self, division: str, version: int) -> None:
        """A snapshot that cannot be read leaves the division with no registers that count."""
        rows = await self._pool.fetch(_SQL["snapshot"], division, version)
        try:
            registers = self._parse(rows[0]["body"])
        except Exception as error:  # noqa: BLE001  fail closed, whatever the reader raises
            reason = type(error).__name__
            log.error("registers.unreadable", division=division, version=version, reason=reason)
            self._refused[division] = version
            if division in self._stale:
                self._fresh[division] = self._stale[division]
            return
        self._refused.pop(division, None)
        self._fresh[division] = registers
        self._stale[division] = attrs.evolve(registers, unavailable=_ALL)

    async def _listen(self, ear: Session | None) -> Session | None:
        if ear and not ear.connection.is_closed():
            return ear
        try:
            ear = await open_session(self._dsn, allow_unsafe=self._allow_unsafe)
            await ear.connection.add_listener("registers", self._hear)
        except (*LOST, UnsafeServer):
            return None
        return ear

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self._told.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._told.wait()
        except TimeoutError:
            return
        self._told.clear()
