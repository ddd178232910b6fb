"""The crowd at a group commit: how many are soon back, and how long to wait for them.

Each batch costs the server as much as several rows. Where many wait, most of those just answered
come back within milliseconds: with what the bank said, or with their next instruction.
"""

LEAST = 12
"""Answered and waiting together, after a batch; of fewer nobody is kept waiting for others."""
SHARE = 0.6
"""So much of a crowd makes the next batch: the others are prepared while it is on its way."""
PATIENCE_S_MAX = 0.004
"""Nor longer than the batch before took."""


class Crowd:
    def __init__(self) -> None:
        self._size = 0
        self._took_s = 0.0

    def answered(self, size: int, took_s: float) -> None:
        """A batch came back after `took_s`: `size` are those of it and those who wait by then."""
        self._size = size
        self._took_s = took_s

    def back(self) -> tuple[int, float]:
        """How many to wait for, 0 if for nobody, and how many seconds at most; once a batch."""
        size, self._size = self._size, 0
        if size < LEAST:
            return 0, 0.0
        return int(SHARE * size), min(self._took_s, PATIENCE_S_MAX)
