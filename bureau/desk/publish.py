"""Publish: bring what was signed to each bank's gateway, in order, until it has acknowledged it."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import structlog

from bureau.desk.rounds import rounds
from bureau.inbox.glance import shown
from bureau.ports import Clock
from gateway.domain.faults import FaultCode, FeedRefused, GatewayUnavailable

LOOK_S = 0.5
PAUSE_S_MAX = 30.0
TROUBLE_CHARS_MAX = 500
"""Of a gateway's own words."""

_log = structlog.get_logger("bureau.publish")


class Way(Protocol):
    """To one gateway."""

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        """The version it holds. Raises FeedRefused, GatewayUnavailable."""
        ...


class FeedStore(Protocol):
    async def waiting_feeds(self, resting: Collection[str] = ()) -> Sequence[Mapping[str, Any]]:
        """The oldest unacknowledged feed of each bank, but for `resting` (`division/bank`): a
        snapshot has megabytes, and is not read for who is not asked now."""
        ...

    async def attempted(
        self, row: Mapping[str, Any], at: dt.datetime, trouble: str | None, refusal: str = ""
    ) -> None:
        """Of a row of `waiting_feeds`, for those very bytes. `refusal`: the gateway's code, if it
        has read and refused them."""
        ...


Settle: TypeAlias = Callable[[tuple[str, str], int], Awaitable[int]]
"""Takes in what a gateway holds from a number on; how many numbers that changed.

Raises FeedRefused, GatewayUnavailable."""


def told_of(failed: Exception) -> str:
    """Why a gateway does not take what was sent: its Chinese words first, as the desk shows it."""
    zh = getattr(failed, "zh", "")
    return shown(f"{zh} / {failed}" if zh else f"{failed}", TROUBLE_CHARS_MAX)


class Publishing:
    """`ways` by (division, bank); `kind`: of the feeds, as the gateway's door names it; `bell` is
    rung when a gateway's state changed. One that is away, or refuses, keeps no other waiting."""

    def __init__(
        self, store: FeedStore, ways: Mapping[tuple[str, str], Way], clock: Clock,
        kind: str = "releases", bell: Callable[[], None] = lambda: None,
        settle: Settle | None = None,
    ) -> None:  # fmt: skip
        """`settle`: what to do about a number that the gateway refuses and may know otherwise."""
        self.kind = kind
        self._settle = settle
        self._bell = bell
        self._store = store
        self._ways = ways
        self._clock = clock
        self._rests: dict[tuple[str, str], int] = {}
        self.troubles: dict[str, str] = {}
        """By `division/bank`: why its gateway does not take what was signed."""

    async def run(self) -> None:
        await rounds(f"publishing.{self.kind}", self.publish_all, LOOK_S)

    async def publish_all(self, *, patient: bool = True) -> int:
        """One round: the oldest waiting feed of each bank; how many were acknowledged.

        `patient`: one that failed is left alone for longer each time.
        """
        resting = [place for place, rounds in self._rests.items() if patient and rounds > 0]
        for place in resting:
            self._rests[place] -= 1
        due = await self._store.waiting_feeds(["/".join(place) for place in resting])
        sent = await asyncio.gather(
            *(self._publish(row, (row["division"], row["bank"])) for row in due),
            return_exceptions=True,
        )
        for each in sent:
            if isinstance(each, BaseException):
                raise each
        return sum(map(bool, sent))

    async def _publish(self, row: Mapping[str, Any], place: tuple[str, str]) -> bool:
        """Whether the gateway took it, or what it holds instead was taken in."""
        failed = await self._sent(row, place)
        trouble = told_of(failed) if failed else None
        refusal = failed.code or "refused" if isinstance(failed, FeedRefused) else ""
        if refusal and self._settle is not None:
            # Another refusal than the number's may hide that the number is taken: what is signed
            # is read first.
            try:
                if await self._settle(place, row["version"]):
                    self._bell()
                    self._taken(place)
                    return True
            except (FeedRefused, GatewayUnavailable) as unread:
                if refusal == FaultCode.FEED_CONFLICT:
                    trouble = shown(f"{trouble}; {told_of(unread)}", TROUBLE_CHARS_MAX)
        await self._store.attempted(row, self._clock(), trouble, refusal)
        name, version = "/".join(place), row["version"]
        is_news = self.troubles.get(name) != trouble
        if is_news or trouble is None:
            self._bell()
        if trouble is None:
            self._taken(place)
            _log.info("feed.acknowledged", kind=self.kind, place=name, version=version)
            return True
        if is_news:
            reason = shown(str(failed), TROUBLE_CHARS_MAX)
            _log.error("feed.not_taken", kind=self.kind, place=name, version=version, reason=reason)
        self.troubles[name] = trouble
        self._rests[place] = int(min(2 ** min(row["attempts"], 8), PAUSE_S_MAX / LOOK_S))
        return False

    async def _sent(
        self, row: Mapping[str, Any], place: tuple[str, str]
    ) -> FeedRefused | GatewayUnavailable | None:
        """Why it was not taken."""
        way = self._ways.get(place)
        if way is None:
            return GatewayUnavailable("no [[gateways]] of the settings leads to this bank")
        try:
            await way.publish(self.kind, row["body"], row["signature"])
        except (FeedRefused, GatewayUnavailable) as failed:
            return failed
        return None

    def _taken(self, place: tuple[str, str]) -> None:
        self._rests.pop(place, None)
        self.troubles.pop("/".join(place), None)
