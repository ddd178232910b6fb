"""The counter for the bureau's signed feed of registers: `POST /v1/feeds/registers`.

Snapshots and deltas in the shape of `contract/registers.json`, signed as a whole by the division's
bureau. A delta's version is the next one; all of its rows are applied or none.
"""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Protocol

import attrs
import orjson
import structlog

from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import Received
from gateway.domain.register_feed import FeedKind, RegisterFeed, out_of_turn
from gateway.web.entitled import Entitled

PATH = "/v1/feeds/registers"
KIND = "registers"
CLOCKS_APART = dt.timedelta(minutes=5)
"""How far the bureau's clock may be ahead of ours."""

log = structlog.get_logger()


class Reading(Protocol):
    """A feed that is read step by step."""

    def steps(self) -> Iterator[int]:
        """Raises Unreadable with the place of every error."""
        ...

    @property
    def result(self) -> RegisterFeed: ...


class Applied(Protocol):
    @property
    def applied(self) -> bool: ...
    @property
    def version(self) -> int | None: ...
    @property
    def known(self) -> bool: ...


class Registers(Protocol):
    async def apply(self, feed: RegisterFeed, signed: tuple[str, str]) -> Applied:
        """All of it or nothing. Raises Unreadable, LedgerUnavailable."""
        ...


class Reader(Protocol):
    def __call__(self, raw: bytes, /) -> Reading: ...


@attrs.frozen(kw_only=True)
class RegisterCounter:
    registers: Registers
    entitled: Entitled
    read: Reader
    busy: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    """One at a time: a large feed is in memory while it is read."""

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """Prove, read, apply one feed; the bytes in force again are answered as the first time.

        Raises Unproven, Unreadable (every row that is wrong, at once), OutOfTurn (`feed_gap`,
        `feed_conflict`: with the version in force), LedgerUnavailable.
        """
        sender, now = self.entitled.sender(received)
        async with self.busy:
            feed = await self._read(received.raw)
            self.entitled.expect_own(sender, [feed.division])
            if feed.as_of > now + CLOCKS_APART:
                raise Unreadable(FaultCode.FEED_INVALID, "the feed claims to be made in the future")
            became = await self.registers.apply(feed, (sender.uri, received.signature))
        if not became.applied and not became.known:
            _tell(feed, "refused")
            raise out_of_turn(feed, became.version)
        _tell(feed, "replayed" if became.known else "applied")
        return orjson.dumps(
            {
                "division": feed.division,
                "kind": KIND,
                "replayed": became.known,
                "rows": feed.rows,
                "version": became.version,
            }
        )

    async def _read(self, raw: bytes) -> RegisterFeed:
        """In short steps, so that payments go on."""
        reading = self.read(raw)
        try:
            for _ in reading.steps():
                await asyncio.sleep(0)
        except Unreadable as wrong:
            raise Unreadable(FaultCode.FEED_INVALID, wrong.detail, wrong.errors) from wrong
        return reading.result


def _tell(feed: RegisterFeed, what: str) -> None:
    changed = feed.kind is FeedKind.DELTA
    log.info(
        f"registers.{what}", division=feed.division, version=feed.version, delta=changed,
        rows=feed.rows,
    )  # fmt: skip
