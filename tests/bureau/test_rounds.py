"""The bureau's workers: a database that fails delays them; one that dies is seen from without."""

import asyncio
import datetime as dt
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bureau.__main__ import WorkerDied, _working
from bureau.desk.publish import Publishing
from bureau.desk.rounds import rounds
from gateway.domain.faults import GatewayUnavailable, StoreUnavailable


async def test_a_database_that_fails_is_said_once_and_when_it_is_over() -> None:
    """Not each round, twice a second for every feed: that fills the log's disk."""
    over = asyncio.Event()
    failing = iter(range(50))

    async def work() -> None:
        if next(failing, None) is not None:
            raise StoreUnavailable("nothing listens there")
        over.set()

    with structlog.testing.capture_logs() as told:
        task = asyncio.create_task(rounds("asking", work, 0.0))
        await over.wait()
        await asyncio.sleep(0)
        task.cancel()
    assert [line["event"] for line in told] == ["asking.postponed", "asking.goes_on"]
    assert told[0]["reason"] == "nothing listens there"


@pytest.fixture
def _terminations() -> Iterator[list[int]]:
    """A worker that dies sends our own process a SIGTERM."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    yield heard
    signal.signal(signal.SIGTERM, before)


async def test_a_worker_that_dies_is_no_clean_stop(_terminations: list[int]) -> None:
    """With exit 0 whoever restarts programs that fail leaves it down."""

    async def dies() -> None:
        raise KeyError("our mistake")

    with pytest.raises(WorkerDied, match="our mistake"):
        async with _working(dies()):
            await asyncio.sleep(0.01)
    assert _terminations == [signal.SIGTERM]

    async def stays() -> None:
        await asyncio.Event().wait()

    async with _working(stays()):
        await asyncio.sleep(0)


async def test_a_gateway_that_takes_its_time_keeps_no_other_waiting_for_what_was_signed() -> None:
    """Ten of them that answer nothing, ten seconds each, would keep a release for minutes."""
    told = asyncio.Event()

    class Slow:
        async def publish(self, kind: str, body: bytes, signature: str) -> int:
            try:
                async with asyncio.timeout(5):
                    await told.wait()
            except TimeoutError:
                raise GatewayUnavailable("no whole answer") from None
            return 1

    class Swift:
        async def publish(self, kind: str, body: bytes, signature: str) -> int:
            told.set()
            return 1

    class Feeds:
        async def waiting_feeds(self, resting: object = ()) -> list[dict[str, Any]]:
            return [
                {"division": "220000000", "bank": bank, "version": 1, "body": b"", "signature": "",
                 "attempts": 0}
                for bank in ("slow", "swift")
            ]  # fmt: skip

        async def attempted(self, *_: object) -> None:
            pass

    ways = {("220000000", "slow"): Slow(), ("220000000", "swift"): Swift()}
    publishing = Publishing(Feeds(), ways, lambda: dt.datetime.now(dt.UTC))
    assert await publishing.publish_all() == 2 and publishing.troubles == {}
