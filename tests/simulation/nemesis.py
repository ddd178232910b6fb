"""What goes wrong while agencies send, as the seed says."""

import asyncio
import datetime as dt
from random import Random
from typing import Protocol

from tests.simulation.bank import Core
from tests.simulation.bureau import Bureau
from tests.simulation.database import Database
from tests.simulation.diary import Diary
from tests.simulation.process import Gateway
from tests.simulation.weather import Weather

MOMENTS = (
    "admit", "admit", "submit", "settle", "claim", "enquire not_found", "enquire not_found",
    "enquire accepted", "note_enquiry", "seal", "acknowledge",
)  # fmt: skip
"""Commit 1, the bytes at the bank, commit 2, a release's commit 1, the bank's word, the rest."""


class Stage(Protocol):
    weather: Weather
    diary: Diary
    database: Database
    core: Core
    bureau: Bureau
    gateways: list[Gateway]

    def start_again(self, place: int) -> None: ...


class Nemesis:
    """What it strikes is mended by itself, some of it long after the storm."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rng = Random(f"nemesis/{stage.weather.seed}")
        self._strokes = (
            *(6 * (self._strike_at,)), self._kill, self._stop, self._cut_database, self._cut_bank,
            self._cut_bureau, self._set_clock, self._forget, self._lie,
        )  # fmt: skip

    async def strike_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            pause = self._rng.expovariate(1 / self._stage.weather.trouble_every_s)
            await asyncio.sleep(min(pause, max(0.0, end - loop.time())))
            if loop.time() >= end:
                return
            self._rng.choice(self._strokes)()

    def _kill(self) -> None:
        place = self._rng.randrange(len(self._stage.gateways))
        self._end(place, self._rng.uniform(0.05, 3.0), "killed")

    def _stop(self) -> None:
        gateway = self._rng.choice(self._stage.gateways)
        seconds = self._rng.choice((0.3, 1.0, 2.0, 4.0, 8.0, 25.0))
        self._stage.diary.meet("stopped", gateway.name, seconds)
        gateway.stop_for(seconds)

    def _strike_at(self) -> None:
        """Kill or stop one in the very moment in which something of its is done."""
        place, moment = self._rng.randrange(len(self._stage.gateways)), self._rng.choice(MOMENTS)
        gateway = self._stage.gateways[place]
        kill, seconds = self._rng.random() < 0.4, self._rng.choice((2.5, 8.0, 30.0, 30.0))

        def strike() -> None:
            if gateway.dead:
                return
            if kill:
                self._end(place, seconds / 4, f"killed at {moment}")
                return
            self._stage.diary.meet(f"stopped at {moment}", gateway.name, seconds)
            gateway.stop_for(seconds)

        gateway.struck_at[moment] = strike

    def _end(self, place: int, seconds: float, how: str) -> None:
        gateway = self._stage.gateways[place]
        if gateway.dead:
            return
        self._stage.diary.meet(how, gateway.name)
        gateway.kill()
        asyncio.get_running_loop().call_later(seconds, self._restart, place)

    def _restart(self, place: int) -> None:
        if self._stage.gateways[place].dead:
            self._stage.start_again(place)

    def _cut_database(self) -> None:
        self._cut(self._stage.database, "database", 2.5)

    def _cut_bank(self) -> None:
        self._cut(self._stage.core, "bank", self._rng.choice((2.0, 5.0, 40.0)))

    def _cut_bureau(self) -> None:
        self._cut(self._stage.bureau, "bureau", 6.0)

    def _cut(self, party: Database | Core | Bureau, name: str, most_s: float) -> None:
        if party.down:
            return
        self._stage.diary.meet(f"{name} down")
        party.down = True
        asyncio.get_running_loop().call_later(self._rng.uniform(0.05, most_s), _mend, party)

    def _set_clock(self) -> None:
        gateway = self._rng.choice(self._stage.gateways)
        hours = self._rng.choice((-20, -3, -0.01, 0.01, 3, 20))
        self._stage.diary.meet("clock set", gateway.name, hours)
        gateway.clock.ahead = dt.timedelta(hours=hours)

    def _forget(self) -> None:
        self._stage.bureau.forget(self._rng.randint(1, 30))

    def _lie(self) -> None:
        """Somebody in the bureau's place answers for a while, and keeps nothing."""
        bureau = self._stage.bureau
        bureau.lies = True
        asyncio.get_running_loop().call_later(self._rng.uniform(0.1, 2.0), bureau.tell_the_truth)


def _mend(party: Database | Core | Bureau) -> None:
    party.down = False
