"""The database comes back from an older copy, with the host's mark beside it: whoever decides on it
pays twice, and whoever seals on it gives a number away a second time. The gateways may die with it,
live on across it, or sleep through it.
"""

import asyncio
import copy
from random import Random
from typing import Any, Protocol

import attrs

from gateway.domain.log import Marked
from tests.memory.state import MemoryState
from tests.pipeline.fakes import DIVISION
from tests.simulation.bureau import Bureau
from tests.simulation.database import Database
from tests.simulation.diary import Diary
from tests.simulation.mark import HostMark
from tests.simulation.process import Gateway
from tests.simulation.weather import Weather

LOOK_S, LOOKS = 4.0, 3
OTHER_TIMELINE = "00000002"


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
        self.happened = False

    async def happen(self) -> None:
        stage, rng = self._stage, self._rng
        state, diary = stage.database.state, stage.diary
        if not stage.weather.restored:
            return
        await asyncio.sleep(rng.uniform(1.0, stage.weather.storm_s / 2))
        older, cursors = _copied(state), dict(stage.database.cursors)
        self._put_to_sleep()
        await asyncio.sleep(rng.uniform(1.5, 8.0))
        if stage.mark.size <= _sealed(older):
            return
        diary.meet("an older copy restored", stage.mark.size - _sealed(older))
        self.happened = True
        timeline = stage.database.server.timeline
        self.newest = newest = await self._end_server()
        read = dict(stage.database.cursors)
        self._begin_server(older, cursors, OTHER_TIMELINE if rng.random() < 0.4 else timeline)
        stage.bureau.away = rng.random() < 0.5
        await asyncio.sleep(rng.uniform(2.0, 12.0))
        if set(state.instructions) != set(older.instructions):
            diary.accuse("I10 decided by a database that forgot what it had decided")
        if state.hold_ends != older.hold_ends or state.refunds != older.refunds:
            diary.accuse("I10 a hold ended, or money given back, by a database that forgot")
        if _sealed(state) != _sealed(older):
            diary.accuse("I14 a record numbered by a database that forgot")
        await self._end_server()
        self._begin_server(newest, read, timeline)
        self.newest, stage.bureau.away = None, False
        diary.note("the newest copy is back")

    async def operator(self) -> None:
        """Where neither mark nor bureau can tell, or something was found lost, a person says that
        this copy is the newest."""
        stage, looks = self._stage, 0
        while True:
            await asyncio.sleep(LOOK_S)
            looks = looks + 1 if self.newest is None and self.shut else 0
            log = stage.database.state.logs.get(DIVISION)
            if looks < LOOKS or log is None:
                continue
            stage.diary.meet("an operator set the mark")
            for gateway in stage.gateways:
                gateway.kill()
            newest = log.checkpoints[max(log.checkpoints)]
            stage.mark.marks[DIVISION] = Marked(checkpoint=newest.text)
            self._start_all()

    @property
    def shut(self) -> bool:
        return any(gateway.shut for gateway in self._stage.gateways)

    def _put_to_sleep(self) -> None:
        """Who sleeps since before the copy, and wakes on it, has seen no more than it holds."""
        if self._stage.weather.lives_on and self._rng.random() < 0.3:
            gateway = self._rng.choice(self._stage.gateways)
            gateway.stop_for(self._rng.uniform(2.0, 14.0))

    async def _end_server(self) -> MemoryState:
        """What was on its way to it is lost, perhaps its hosts too. What it holds then."""
        stage, lives_on = self._stage, self._stage.weather.lives_on
        for gateway in stage.gateways:
            if not lives_on or self._rng.random() < 0.2:
                gateway.kill()
            elif not gateway.dead:
                stage.diary.meet("lives on across it", gateway.name)
        stage.database.away = True
        stage.database.server.run += 1
        held = _copied(stage.database.state)
        self.newest = self.newest or held
        await asyncio.sleep(self._rng.uniform(0.05, 3.0) if lives_on else 0.0)
        return held

    def _begin_server(self, of: MemoryState, cursors: dict[str, str], timeline: str) -> None:
        stage = self._stage
        for name, rows in attrs.asdict(_copied(of), recurse=False).items():
            setattr(stage.database.state, name, rows)
        stage.database.cursors.clear()
        stage.database.cursors.update(cursors)
        stage.database.server.timeline = timeline
        stage.database.away = False
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
