"""Agencies that send a day, a little at a time, and write down every answer they get."""

import asyncio
from collections.abc import Iterator, Sequence
from random import Random

from deploy.demo.agency import AgencyClient, GatewayAnswer
from deploy.demo.day import DayItem

CLERKS = 24
PAUSE_S = 0.12
"""The mean rest of a clerk between two instructions."""


class Crowd:
    """`run` sends until `enough` is set or the day is over; what was begun is brought to its end.

    A clerk sends the same bytes again after a 503 and after silence (AgencyClient does).
    """

    def __init__(
        self, client: AgencyClient, items: Sequence[DayItem], seed: int, *, pause_s: float = PAUSE_S
    ) -> None:
        self.client = client
        self.items = items
        self.answers: dict[int, GatewayAnswer] = {}
        self.again: dict[int, GatewayAnswer] = {}
        """Answers to the same bytes, sent once more."""
        self._rng = Random(f"crowd/{seed}")
        self._pause_s = pause_s
        self._told: dict[int, asyncio.Event] = {}

    async def run(self, enough: asyncio.Event) -> None:
        places = iter(range(len(self.items)))
        async with asyncio.TaskGroup() as group:
            for _ in range(CLERKS):
                group.create_task(self._clerk(places, enough))

    async def ask_again(self, count: int) -> None:
        """Send up to `count` of the answered once more: each must hear what it heard before."""
        places = iter(self._rng.sample(sorted(self.answers), min(count, len(self.answers))))

        async def clerk() -> None:
            for place in places:
                self.again[place] = await self.client.send(self.items[place])

        async with asyncio.TaskGroup() as group:
            for _ in range(CLERKS):
                group.create_task(clerk())

    async def _clerk(self, places: Iterator[int], enough: asyncio.Event) -> None:
        for place in places:
            told = self._told[place] = asyncio.Event()
            item = self.items[place]
            if item.after is not None:
                await self._told[item.after].wait()
            self.answers[place] = await self.client.send(item)
            told.set()
            if enough.is_set():
                return
            await asyncio.sleep(self._rng.uniform(0, 2 * self._pause_s))
