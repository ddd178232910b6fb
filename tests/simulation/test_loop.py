"""The loop in which time is nobody's: what it does, and what it refuses."""

import asyncio
import time

import pytest

from tests.simulation.loop import Stuck, run


def test_a_day_passes_at_once_and_in_order() -> None:
    heard: list[str] = []

    async def wait(hours: int, name: str) -> None:
        await asyncio.sleep(hours * 3600)
        heard.append(name)

    async def both() -> float:
        await asyncio.gather(wait(24, "late"), wait(1, "soon"))
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(both()) == pytest.approx(24 * 3600)
    assert heard == ["soon", "late"] and time.monotonic() - began < 60


def test_who_waits_for_nobody_is_stuck() -> None:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        run(forever())


def test_there_is_no_network_and_no_thread() -> None:
    async def abroad() -> None:
        await asyncio.open_connection("127.0.0.1", 1)

    async def aside() -> None:
        await asyncio.to_thread(lambda: None)

    with pytest.raises((NotImplementedError, AssertionError)):
        run(abroad())
    with pytest.raises(AssertionError, match="thread"):
        run(aside())


def test_what_is_left_over_is_ended_with_the_run() -> None:
    ended: list[str] = []

    async def worker() -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            ended.append("worker")

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(worker())
        await asyncio.sleep(1)
        assert not task.done()

    run(main())
    assert ended == ["worker"]
