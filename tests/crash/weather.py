"""Breaks wires at moments that a seed decides, and mends them."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from tests.crash.wires import Way, Wire, Wires

OUTAGE_S = (0.05, 1.2)
LONG_S = (1.6, 2.5)
"""Longer than an instruction waits for its commit, and than the bank is given."""
LONG_SHARE = 0.2
PEACE_S = (0.05, 0.4)
LOST_WITHIN_S = 5.0
"""On a busy machine nobody may have sent anything meanwhile: a wire forgets until it has."""
LOOK_S = 0.02
NEAR_BYTES = 6_000
"""A cut falls within so many bytes: in the middle of an instruction, a commit, a batch."""

Deed = Callable[[Wire, Random], Coroutine[Any, Any, None]]
FORGETS = {"lose answers": Way.BACK, "lose requests": Way.THERE}
DEEDS: dict[str, Deed] = {
    "sever": lambda wire, rng: wire.sever(),
    "cut": lambda wire, rng: wire.sever_in(rng.randrange(NEAR_BYTES)),
    "stall": lambda wire, rng: wire.stall(),
    **{deed: lambda wire, rng, way=way: wire.forget(way) for deed, way in FORGETS.items()},
    "refuse": lambda wire, rng: wire.refuse(),
}


class Weather:
    """First each deed is done to each wire, in a seeded order; then whatever the seed says."""

    def __init__(self, wires: Wires, seed: int) -> None:
        self.deeds: list[str] = []
        self._wires = wires
        self._rng = Random(f"weather/{seed}")

    async def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        every = [(name, deed) for name in self._wires.by_name for deed in DEEDS]
        self._rng.shuffle(every)
        while every or time.monotonic() < end:
            name, deed = every.pop() if every else self._any()
            await asyncio.sleep(self._rng.uniform(*PEACE_S))
            await self._break(name, deed)

    def _any(self) -> tuple[str, str]:
        return self._rng.choice(list(self._wires.by_name)), self._rng.choice(list(DEEDS))

    async def _break(self, name: str, deed: str) -> None:
        wire = self._wires.by_name[name]
        lost = dict(wire.lost)
        self.deeds.append(f"{name}: {deed}")
        self._wires.do(DEEDS[deed](wire, self._rng))
        long = self._rng.random() < LONG_SHARE
        await asyncio.sleep(self._rng.uniform(*(LONG_S if long else OUTAGE_S)))
        if way := FORGETS.get(deed):
            until = time.monotonic() + LOST_WITHIN_S
            while wire.lost[way] == lost[way] and time.monotonic() < until:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
        self._wires.do(wire.mend())
