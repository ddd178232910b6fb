"""The database comes back from an older copy, with the host's mark beside it: whoever decides on it
pays twice, and whoever seals on it gives a number away a second time.
"""

import asyncio
import copy
from random import Random
from typing import Any, Protocol

import attrs

from adapters.memory.state import MemoryState
from gateway.domain.log import Marked
from tests.pipeline.fakes import DIVISION
from tests.simulation.bureau import Bureau
from tests.simulation.database import Database
from tests.simulation.diary import Diary
from tests.simulation.mark import HostMark
from tests.simulation.process import Gateway
from tests.simulation.weather import Weather

LOOK_S, LOOKS = 4.0, 3


class Stage(Protocol):
    weather: Weather
    diary: Diary
    database: Database
    bureau: Bureau
    gateways: list[Gateway]
    mark: HostMark

    def start_again(self, place: int) -> None: ...

    def look_anew(self) -> None: ...


class Restore:
    """Once in a run, if the mark has seen more by then than the copy holds: what happens in the
    second before that is lost to everybody (docs/reliability.md)."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rng = Random(f"restored/{stage.weather.seed}")
        self.newest: MemoryState | None = None
        """While an older copy stands in its place: it is put back, and has what is true."""

    async def happen(self) -> None:
        stage, rng = self._stage, self._rng
        state, diary = stage.database.state, stage.diary
        if not stage.weather.restored:
            return
        await asyncio.sleep(rng.uniform(1.0, stage.weather.storm_s / 2))
        older, cursors = _copied(state), dict(stage.database.cursors)
        await asyncio.sleep(rng.uniform(1.5, 8.0))
        if stage.mark.size <= _sealed(older):
            return
        diary.meet("an older copy restored", stage.mark.size - _sealed(older))
        newest, read = _copied(state), dict(stage.database.cursors)
        self._switch(older, cursors)
        self.newest = newest
        stage.bureau.away = rng.random() < 0.5
        await asyncio.sleep(rng.uniform(2.0, 12.0))
        if set(state.instructions) != set(older.instructions):
            diary.accuse("I10 decided by a database that forgot what it had decided")
        if state.hold_ends != older.hold_ends or state.refunds != older.refunds:
            diary.accuse("I10 a hold ended, or money given back, by a database that forgot")
        if _sealed(state) != _sealed(older):
            diary.accuse("I14 a record numbered by a database that forgot")
        self._switch(newest, read)
        self.newest, stage.bureau.away = None, False
        diary.note("the newest copy is back")

    async def operator(self) -> None:
        """Where neither mark nor bureau can tell, a person says that this copy is the newest."""
        stage, looks = self._stage, 0
        while True:
            await asyncio.sleep(LOOK_S)
            shut = self.newest is None and any(gateway.unheard for gateway in stage.gateways)
            looks = looks + 1 if shut else 0
            log = stage.database.state.logs.get(DIVISION)
            if looks < LOOKS or log is None:
                continue
            stage.diary.meet("an operator set the mark")
            for gateway in stage.gateways:
                gateway.kill()
            newest = log.checkpoints[max(log.checkpoints)]
            stage.mark.marks[DIVISION] = Marked(checkpoint=newest.text)
            self._start_all()

    def _switch(self, to: MemoryState, cursors: dict[str, str]) -> None:
        """The host is dead meanwhile, and what was on its way to the server is lost with it."""
        stage = self._stage
        for gateway in stage.gateways:
            gateway.kill()
        stage.database.epoch += 1
        for name, rows in attrs.asdict(_copied(to), recurse=False).items():
            setattr(stage.database.state, name, rows)
        stage.database.cursors.clear()
        stage.database.cursors.update(cursors)
        stage.look_anew()
        self._start_all()

    def _start_all(self) -> None:
        for place in range(len(self._stage.gateways)):
            pause = self._rng.uniform(0.1, 1.5)
            asyncio.get_running_loop().call_later(pause, self._start, place)

    def _start(self, place: int) -> None:
        if self._stage.gateways[place].dead:
            self._stage.start_again(place)


def _sealed(state: MemoryState) -> int:
    return sum(len(log.records) for log in state.logs.values())


def _copied(state: MemoryState) -> MemoryState:
    """As rows: who leads is a session's."""
    rows: dict[str, Any] = attrs.asdict(state, recurse=False) | {"leader": None}
    return MemoryState(**copy.deepcopy(rows))
