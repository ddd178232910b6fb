"""Whether the bank answers at all: after a run of silences new work is refused for a while."""

from enum import StrEnum

import attrs

FAILURES_MAX = 20
"""So many silences in a row, and not one answer between them, is not chance."""

PAUSE_S = 1.0


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """The pause is over; the next call decides."""


@attrs.define
class Circuit:
    """Counts silences in a row. Only *advises*: a call that is made anyway is made."""

    failures_max: int = FAILURES_MAX
    pause_s: float = PAUSE_S
    failures: int = 0
    lost: bool = False
    """Nobody could be reached at all; only reaching somebody ends it."""
    _opened_at: float | None = None
    _answered_at: float = float("-inf")

    def answered(self, now: float) -> None:
        self._answered_at = now
        self.failures = 0
        self.lost = False
        self._opened_at = None

    def silent(self, now: float) -> None:
        """`now` in seconds of the event loop's clock."""
        self.failures += 1
        if self.failures >= self.failures_max:
            self._opened_at = now

    def unreachable(self, slow_since: float = float("inf")) -> None:
        """Not one byte could be sent: there is no use in admitting what cannot be handed over.

        `slow_since`: when a connection was begun that did not come about in time. An answer heard
        since then says more of the bank than one slow handshake.
        """
        self.lost = self.lost or self._answered_at < slow_since

    def reachable(self) -> None:
        self.lost = False

    def state(self, now: float) -> CircuitState:
        if self.lost:
            return CircuitState.OPEN
        if self._opened_at is None:
            return CircuitState.CLOSED
        if now - self._opened_at < self.pause_s:
            return CircuitState.OPEN
        return CircuitState.HALF_OPEN
