"""Kills and stops programs at moments that a seed decides, and brings them up again."""

import asyncio
import time
from random import Random

from tests.crash.theatre import Theatre

OUTAGE_S = (0.05, 1.2)
PEACE_S = (0.2, 1.2)
STOP_S = (0.3, 2.5)
TOGETHER_SHARE = 0.25
STOP_SHARE = 0.35


class Nemesis:
    """First every program is killed once, in a seeded order; then whatever the seed says."""

    def __init__(self, theatre: Theatre, seed: int) -> None:
        self.deeds: list[str] = []
        self._theatre = theatre
        self._rng = Random(f"nemesis/{seed}")

    async def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        programs = list(self._theatre.programs)
        self._rng.shuffle(programs)
        for name in programs:
            await self._peace()
            await self._kill([name])
        while time.monotonic() < end:
            await self._peace()
            if self._rng.random() < STOP_SHARE:
                await self._stop(self._rng.choice(programs))
            else:
                together = 2 if self._rng.random() < TOGETHER_SHARE else 1
                await self._kill(self._rng.sample(programs, together))
        await self._theatre.heal()

    async def _peace(self) -> None:
        await asyncio.sleep(self._rng.uniform(*PEACE_S))

    async def _kill(self, names: list[str]) -> None:
        self.deeds.append(f"kill {' '.join(names)}")
        for name in names:
            self._theatre.kill(name)
        await asyncio.sleep(self._rng.uniform(*OUTAGE_S))
        await self._theatre.heal()

    async def _stop(self, name: str) -> None:
        self.deeds.append(f"stop {name}")
        self._theatre.stop(name)
        await asyncio.sleep(self._rng.uniform(*STOP_S))
        self._theatre.resume(name)
