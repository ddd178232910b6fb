"""The bureau's registers change in the midst of it: grants rise and fall, below what is spoken for
too, and the account that all is paid from is closed and opened again.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Protocol

import attrs
from msgspec.structs import replace

from gateway.domain.codes import AccountStatus
from gateway.domain.decision import restored
from gateway.domain.ledger import LimitKey
from gateway.pipeline.line import FORWARD_WITHIN_S
from tests.pipeline.fakes import DIVISION, NOW, ZERO_BALANCE
from tests.simulation.database import Database
from tests.simulation.diary import Diary
from tests.simulation.orders import registers_of
from tests.simulation.transaction import at_once
from tests.simulation.weather import Weather

ON_ITS_WAY_S = 0.5
OF_COMMIT_1 = frozenset({"admit", "claim"})


class Shelf(Protocol):
    def load(self, registers_raw: bytes, registers: object) -> object: ...


class Registrar:
    """Publishes versions, and sees at each moment that nobody goes beyond them."""

    def __init__(self, weather: Weather, diary: Diary, database: Database, shelf: Shelf) -> None:
        self._weather = weather
        self._diary = diary
        self._state = database.state
        self._shelf = shelf
        self._rng = Random(f"registrar/{weather.seed}")
        self._since: list[float] = []
        """When each version came into force."""
        self._closed: set[int] = set()
        self._spoken: dict[tuple[str, LimitKey], int] = {}
        self.lowered: set[LimitKey] = set()
        """On which more is spoken for than was granted later."""
        self.pauses: Callable[[], bool] = lambda: False
        database.committed = self._committed

    def open(self) -> None:
        self._load(registers_of(self._weather, NOW), 0.0)

    def look_anew(self) -> None:
        """Another copy stands in the database's place."""
        limits = self._state.limits.items()
        self._spoken = {place: each.reserved_fen + each.posted_fen for place, each in limits}

    async def publish(self) -> None:
        loop, rng = asyncio.get_running_loop(), self._rng
        while True:
            await asyncio.sleep(rng.uniform(0.5, 5.0))
            if self.pauses() or rng.random() >= self._weather.changes:
                continue
            _, held = self._state.registers[DIVISION]
            rows = dict(held.indicators)
            id = rng.choice(sorted(rows))
            granted = int(self._weather.granted_fen * rng.choice((0.1, 0.5, 1, 1, 2)))
            rows[id] = replace(rows[id], granted_fen=granted)
            open = rng.random() < 0.7
            status = AccountStatus.ACTIVE if open else AccountStatus.CLOSED
            account = replace(held.accounts[ZERO_BALANCE], status=status)
            changed = attrs.evolve(
                held, version=held.version + 1, indicators=rows,
                accounts={**held.accounts, ZERO_BALANCE: account},
            )  # fmt: skip
            self._load(changed, loop.time())
            if not open:
                self._closed.add(changed.version)
            self._diary.meet("registers changed", changed.version, id[-1], granted, status)

    def _load(self, registers: object, at: float) -> None:
        at_once(self._shelf.load(b"", registers))
        self._since.append(at)
        self.lowered |= {key for (_, key), each in self._state.limits.items() if each.overdrawn}

    def refused(self, decision: bytes) -> str:
        """Why what rests on this decision must not come to the bank now; empty if it may."""
        version = restored(decision).registers_version
        if version in self._closed:
            return f"passed by registers {version}, in which its account is closed"
        now = asyncio.get_running_loop().time()
        newer = self._since[version : version + 1]
        if newer and now - newer[0] > FORWARD_WITHIN_S + ON_ITS_WAY_S:
            return f"rests on registers {version}, others are in force for {now - newer[0]:.1f} s"
        return ""

    def _committed(self, name: str) -> None:
        """I4: whatever was lowered or paid beside us, nothing more passes on what is overdrawn."""
        for place, limit in self._state.limits.items():
            spoken = limit.reserved_fen + limit.posted_fen
            grown = spoken > self._spoken.get(place, 0)
            self._spoken[place] = spoken
            if grown and limit.available_fen < 0 and name in OF_COMMIT_1:
                self._diary.accuse(f"I4 {place[1].id}: {name} on {limit}")
