"""The bureau's workers: a database that fails delays them; one that dies is seen from without."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
import structlog

from bureau.__main__ import WorkerDied, _working
from bureau.desk.rounds import rounds
from gateway.domain.faults import StoreUnavailable


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
