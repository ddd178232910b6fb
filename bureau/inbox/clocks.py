"""Whether what a gateway reports is of a time to come: then its clock or ours is wrong.

A gateway compares its clock with its database's; where both go ahead together, on one host, only
somebody else can notice. Where they are behind, it finds our cosignature to be of a time to come.
"""

from bureau.inbox.glance import glance
from bureau.ports import Clock

APART_S = 120
"""As between a gateway and its database: what is on its way, and ordinary clocks, are within it."""


class Clocks:
    """Of each gateway's log what its newest delivery said."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.troubles: dict[str, str] = {}
        """By `<division>/<bank>`."""

    def heard(self, division: str, bank: str, newest: bytes) -> None:
        """The newest record of a delivery that was taken. A log beats once a minute."""
        where = f"{division}/{bank}"
        ahead_s = glance(newest).recorded_at // 1_000_000 - int(self._clock().timestamp())
        if ahead_s > APART_S:
            self.troubles[where] = (
                f"its newest record is of {ahead_s} s from now: the clocks of that gateway and its"
                " database go ahead, or ours is behind"
            )
        else:
            self.troubles.pop(where, None)
