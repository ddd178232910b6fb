"""Rings when something arrived, so that an open page can look again."""

import asyncio


class Bell:
    """Many listeners, no backlog: a listener that was busy hears once that it missed something."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, heard: int | None = None) -> int:
        """Until it rang more often than `heard` (None: until the next ring); how often by now."""
        if heard is None or heard == self.rings:
            await self._rung.wait()
        return self.rings
