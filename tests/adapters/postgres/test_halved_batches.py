"""A batch that the server refuses is halved: what that leaves behind, and who is left out of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from gateway.domain.faults import CommitUnknown
from tests.adapters.postgres.test_groupcommit import Bench, send


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.group.start()
    yield bench
    await bench.group.stop()


def note_batch(bench: Bench) -> list[Any]:
    """The batches that are carried from now on."""
    carried: list[Any] = []
    take = bench.group._waiting.take

    def noting() -> Any:
        carried.append(take())
        return carried[-1]

    bench.group._waiting.take = noting  # type: ignore[method-assign]
    return carried


async def test_after_one_bad_item_nobody_is_refused_for_a_database_that_answers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch that was left behind by a batch that was halved refused everybody for ever."""
    watches: list[asyncio.TimerHandle] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def noting(delay: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        watches.append(call_later(delay, callback, *args))
        return watches[-1]

    async def refuses_bad(items: Sequence[str]) -> None:
        if "bad" in items:
            raise asyncpg.CheckViolationError("no")

    monkeypatch.setattr(loop, "call_later", noting)
    bench.work.script = refuses_bad
    await asyncio.gather(*send(bench, "a", "bad", "c"), return_exceptions=True)
    assert len(watches) == 5, "one for each commit that was tried"
    assert [watch.cancelled() for watch in watches] == [True] * 5


async def test_who_was_told_that_it_is_not_known_is_not_committed_by_a_half_afterwards(
    bench: Bench,
) -> None:
    """He has gone away with that: nobody would forward what is committed for him."""
    told = asyncio.Event()

    async def slowly_refused(items: Sequence[str]) -> None:
        bench.work.script = None
        bench.group._hung(bench.sessions[0], carried[-1])  # type: ignore[arg-type]
        told.set()
        raise asyncpg.CheckViolationError("no")

    carried = note_batch(bench)
    bench.work.script = slowly_refused
    answers = await asyncio.gather(*send(bench, "a", "b"), return_exceptions=True)
    assert told.is_set() and [type(answer) for answer in answers] == [CommitUnknown] * 2
    assert bench.work.batches == []
    assert await bench.group.submit("c") == "done c"
