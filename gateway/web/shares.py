"""Shares: the places on the line, so that no party's flood is another party's wait.

Who sends alone may take all places. While others send too, or did a moment ago, a party has its
share and no more than is left free: whoever comes next finds a place, and waits behind few. What
is beyond a share waits at the door, a while, and is then told to come again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable

from gateway.domain.faults import FaultCode, Unready

ALONE_S = 10.0
"""How long nobody else must have sent anything before a party counts as alone."""
WAITING_S = 1.0
"""How long a request waits for a place of its party."""


class Company:
    """Whether more than one party sends, whatever each of them sends."""

    __slots__ = ("_latest", "_monotonic", "_until")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._latest = ""
        self._until = 0.0

    def keeps(self, party: str) -> bool:
        """Whether another party has sent anything of late; this one has now."""
        now = self._monotonic()
        if party != self._latest:
            if self._latest:
                self._until = now + ALONE_S
            self._latest = party
        return now < self._until


class Shares:
    """Of one process. `most`: places there are; `share`: of one party while others send too.

    Parties are named by whoever asks: their URIs. Not for threads.
    """

    def __init__(self, most: int, share: int, company: Company) -> None:
        self._most = most
        self._share = share
        self._company = company
        self._limit = most
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self.taken = 0

    def alike(self) -> "Shares":
        """As many again, for something else in the same company."""
        return Shares(self._most, self._share, self._company)

    @property
    def full(self) -> bool:
        return self.taken >= self._most

    def enter(self, party: str, most: int | None = None) -> bool:
        """Take a place, to be given back by `leave`; False if the party has its share (or `most`
        of them), or none is free."""
        if self._company.keeps(party):
            self._limit = self._share
            limit = min(self._share, self._most - self.taken)
        else:
            self._limit = self._most
            limit = self._most
        held = self._held.get(party, 0)
        if held >= limit or self.taken >= self._most or (most is not None and held >= most):
            return False
        self._held[party] = held + 1
        self.taken += 1
        return True

    def leave(self, party: str) -> None:
        self.taken -= 1
        held = self._held[party] - 1
        if held:
            self._held[party] = held
        else:
            del self._held[party]
        if party in self._waiting:
            self._hand_on(party)

    async def wait(self, party: str) -> None:
        """For a place that one of the same party gives back: it is taken then. Raises Unready."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(place)
        try:
            async with asyncio.timeout(WAITING_S):
                await place
        except BaseException as error:
            self._forget(party, place)
            if isinstance(error, TimeoutError):
                raise _too_many() from None
            raise

    @contextlib.asynccontextmanager
    async def place(self, party: str, most: int | None = None) -> AsyncIterator[None]:
        """One, held meanwhile. Raises Unready."""
        if not self.enter(party, most):
            if party not in self._held:
                raise Unready(FaultCode.OVERLOADED, "too many at once; send again later")
            await self.wait(party)
        try:
            yield
        finally:
            self.leave(party)

    def _hand_on(self, party: str) -> None:
        waiting = self._waiting[party]
        while waiting:
            held = self._held.get(party, 0)
            if held >= min(self._limit, self._most - self.taken):
                return
            place = waiting.popleft()
            if not place.done():
                self._held[party] = held + 1
                self.taken += 1
                place.set_result(None)
        del self._waiting[party]

    def _forget(self, party: str, place: "asyncio.Future[None]") -> None:
        """Who waited has gone: perhaps with the place in hand."""
        if place.done() and not place.cancelled():
            self.leave(party)
            return
        waiting = self._waiting.get(party)
        if waiting is not None and place in waiting:
            waiting.remove(place)
            if not waiting:
                del self._waiting[party]


def _too_many() -> Unready:
    return Unready(
        FaultCode.PARTY_OVERLOADED,
        "this party has its share of the line already and others send too; send again later",
    )
