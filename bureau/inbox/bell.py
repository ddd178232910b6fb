"""Rings when something arrived, so that an open page can look again."""

import asyncio


class Bell:
    """Many listeners, no backlog: a listener that was busy hears once that it missed something."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self) -> None:
        """Until the next ring."""
        await self._rung.wait()
