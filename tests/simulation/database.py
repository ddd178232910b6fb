"""The database that all gateways share: rows in memory, reached over a wire that loses words.

One call is one transaction (`gateway/ports.py`). It is done or not, whole, at one moment; whoever
called may be told so, may be told that nothing is known, or may be dead by then.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from adapters.memory.state import MemoryState
from gateway.domain.faults import LedgerUnavailable
from tests.simulation.diary import Diary
from tests.simulation.weather import Weather

HUNG_AFTER_S = 1.5
"""As the real one: after that it is told that nothing is known."""
SLOWEST_S = 4.0
OF_A_SESSION = frozenset({"lead"})
"""What a session holds ends with it, even if it was granted after its process had died."""
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
        self.cursors: dict[str, str] = {}
        """How far the bank's movements were read."""
        self.down = False
        self._weather = weather
        self._diary = diary
        self._rng = Random(f"database/{weather.seed}")
        self.calm = False
        self.epoch = 0
        """Of the server: what was on its way to an earlier one is lost."""
        self.committed: Callable[[str], None] = lambda name: None
        """Told of each transaction in the moment in which it is done."""

    def reached_by(self, host: Host, target: object) -> Any:
        """`target`, whose methods are transactions on `state`, as that host reaches it."""
        return _Wire(self, host, target)

    async def carry(self, host: Host, name: str, call: Callable[[], Any]) -> Any:
        """One transaction. Raises LedgerUnavailable, or what `call` raises."""
        await host.awake()
        loop, rng, weather = asyncio.get_running_loop(), self._rng, self._weather
        there, back = rng.expovariate(1 / WAY_S), rng.expovariate(1 / WAY_S)
        chance = 1.0 if self.calm else rng.random()
        if self.down or chance < weather.refused:
            await asyncio.sleep(there)
            await host.awake()
            raise LedgerUnavailable("no connection")
        lost = weather.refused <= chance < weather.refused + weather.lost
        if 1.0 - weather.slow < chance < 1.0:
            there = rng.uniform(HUNG_AFTER_S / 2, SLOWEST_S)
        answer: asyncio.Future[Any] = loop.create_future()
        epoch = self.epoch

        def perform() -> None:
            if self.down or epoch != self.epoch:
                self._diary.meet("a transaction died with the server", name)
                return
            if host.dead and name in OF_A_SESSION:
                return
            try:
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
        if self.down or answer.done():
            return
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(error)


class _Wire:
    def __init__(self, database: Database, host: Host, target: object) -> None:
        self._database = database
        self._host = host
        self._target = target

    def __getattr__(self, name: str) -> Method:
        method: Method = getattr(self._target, name)

        async def call(*args: Any, **named: Any) -> Any:
            return await self._database.carry(
                self._host, name, lambda: at_once(method(*args, **named))
            )

        self.__dict__[name] = call
        return call


def at_once(transaction: Coroutine[Any, Any, Any]) -> Any:
    """What it returns or raises. It awaits nobody: that is what makes it one."""
    try:
        transaction.send(None)
    except StopIteration as done:
        return done.value
    transaction.close()
    raise AssertionError("a transaction that waits for somebody")
