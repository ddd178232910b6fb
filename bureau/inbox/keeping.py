"""Whether what a gateway reported was kept when last tried: a full disk answers all questions."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from bureau.ports import Clock
from gateway.domain.faults import StoreUnavailable

LASTS = dt.timedelta(minutes=2)
"""Each log beats once a minute: where nobody has tried for two, nobody knows."""


class Keeping:
    """The last attempt to keep something, of all gateways."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: tuple[dt.datetime, str] | None = None

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Around an attempt; what was refused for what it is says nothing of the database."""
        try:
            yield
        except StoreUnavailable as lost:
            self._failed = self._clock(), str(lost)
            raise
        self._failed = None

    def trouble(self) -> str:
        """Why the last attempt failed; empty: it did not, or it is long ago."""
        if self._failed is None or self._clock() - self._failed[0] > LASTS:
            return ""
        return f"what a gateway reported could not be kept: {self._failed[1]}"
