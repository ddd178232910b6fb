"""The database that all gateways share: rows in memory, reached over a wire that loses words.

One call is one transaction (`gateway/ports.py`). It is done or not, whole, at one moment; whoever
called may be told so, may be told that nothing is known, or may be dead by then.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from adapters.postgres.ledger.kept import Kept
from gateway.domain.faults import LedgerUnavailable
from tests.memory.state import MemoryState
from tests.simulation.diary import Diary
from tests.simulation.server import Server, remember
from tests.simulation.transaction import at_once
from tests.simulation.weather import Weather

HUNG_AFTER_S = 1.5
"""As the real one: after that it is told that nothing is known."""
SLOWEST_S = 4.0
OF_A_SESSION = frozenset({"lead"})
"""What a session holds ends with it, even if it was granted after its process had died."""
BY_HANGING_UP = frozenset({"leave_office"})
WAY_S = 0.004
"""The mean time of one way."""

Method = Callable[..., Coroutine[Any, Any, Any]]


class Host(ABC):
    """Where a gateway's process runs: it may be stopped for a while, or dead."""

    dead: bool
    struck_at: dict[str, Callable[[], None]]
    """By moment (a transaction that is done, bytes that are at the bank): what strikes it then."""

    def reached(self, moment: str) -> None:
        if stroke := self.struck_at.pop(moment, None):
            stroke()

    @abstractmethod
    async def awake(self) -> None:
        """Return while the process runs. Raises CancelledError in a dead one."""


class Database:
    def __init__(self, weather: Weather, diary: Diary) -> None:
        self.state = MemoryState()
        self.server = Server(self.state)
        self.cursors: dict[str, str] = {}
        """How far the bank's movements were read."""
        self.down = False
        self.away = False
        """While another copy is put in its place."""
        self._weather = weather
        self._diary = diary
        self._rng = Random(f"database/{weather.seed}")
        self.calm = False
        self.committed: Callable[[str], None] = lambda name: None
        """Told of each transaction in the moment in which it is done."""

    @property
    def gone(self) -> bool:
        return self.down or self.away

    def reached_by(self, host: Host, target: object, kept: Kept | None = None) -> Any:
        """`target`, whose methods are transactions on `state`, as that host reaches it. `kept`:
        what its process was told is durable, where its adapter asks a new session for it."""
        return _Wire(self, host, target, kept)

    async def carry(self, wire: "_Wire", name: str, call: Callable[[], Any]) -> Any:
        """One transaction. Raises LedgerUnavailable, or what `call` raises."""
        host = wire.host
        await host.awake()
        loop, rng, weather = asyncio.get_running_loop(), self._rng, self._weather
        there, back = rng.expovariate(1 / WAY_S), rng.expovariate(1 / WAY_S)
        chance = 1.0 if self.calm else rng.random()
        if self.gone or chance < weather.refused:
            await asyncio.sleep(there)
            await host.awake()
            raise LedgerUnavailable("no connection")
        lost = weather.refused <= chance < weather.refused + weather.lost
        if 1.0 - weather.slow < chance < 1.0:
            there = rng.uniform(HUNG_AFTER_S / 2, SLOWEST_S)
        answer: asyncio.Future[Any] = loop.create_future()
        run = self.server.run

        def perform() -> None:
            if self.gone or run != self.server.run:
                self._diary.meet("a transaction died with the server", name)
                return
            if host.dead and name in OF_A_SESSION:
                return
            try:
                wire.begin_session()
                value, error = call(), None
            except Exception as raised:  # noqa: BLE001 - whoever called is told
                value, error = None, raised
            self.committed(name)
            if host.dead:
                self._diary.meet("committed for a dead process", name)
            host.reached(name)
            if answer.done():
                self._diary.meet("committed after it was given up", name)
            elif lost:
                self._diary.meet("committed, and nobody heard it", name)
            else:
                loop.call_later(back, self._tell, answer, value, error)

        loop.call_later(there, perform)
        try:
            async with asyncio.timeout(HUNG_AFTER_S):
                value = await answer
        except TimeoutError:
            await host.awake()
            raise LedgerUnavailable("not known") from None
        except LedgerUnavailable:
            await host.awake()
            raise
        await host.awake()
        return value

    def _tell(self, answer: "asyncio.Future[Any]", value: Any, error: Exception | None) -> None:
        if self.gone or answer.done():
            return
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(error)


class _Wire:
    def __init__(self, database: Database, host: Host, target: object, kept: Kept | None) -> None:
        self._database = database
        self.host = host
        self._target = target
        self._kept = kept
        self._run: int | None = None

    def begin_session(self) -> None:
        """Where there is none with this run of the server. Raises LedgerUnavailable."""
        server = self._database.server
        if self._run != server.run and self._kept:
            server.prove(self._kept)
        self._run = server.run

    def __getattr__(self, name: str) -> Method:
        method: Method = getattr(self._target, name)

        async def call(*args: Any, **named: Any) -> Any:
            if name in BY_HANGING_UP:
                return await method(*args, **named)
            try:
                answer = await self._database.carry(
                    self, name, lambda: at_once(method(*args, **named))
                )
            except LedgerUnavailable:
                self._run = None  # what failed is thrown away
                raise
            if self._kept:
                remember(self._kept, name, args, answer)
            return answer

        self.__dict__[name] = call
        return call
