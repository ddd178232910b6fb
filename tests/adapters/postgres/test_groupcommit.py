"""Group commit against a scripted connection: who is told what, whatever the server does."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import asyncpg
import pytest

from adapters.postgres.ledger import groupcommit
from adapters.postgres.ledger.crowd import LEAST, Crowd
from adapters.postgres.ledger.groupcommit import GroupCommit
from adapters.postgres.ledger.waiting import BATCH_MAX
from adapters.postgres.session import Undurable
from gateway.domain.faults import CommitUnknown, LedgerUnavailable


class FakeConnection:
    closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True


class FakeSession:
    def __init__(self) -> None:
        self.connection = FakeConnection()
        self.warned: str | None = None
        self.hear: Callable[[], None] = lambda: None

    def when_cut(self, hear: Callable[[], None]) -> None:
        self.hear = hear

    def believed(self) -> None:
        if self.warned:
            raise Undurable(self.warned)

    async def close(self) -> None:
        self.connection.terminate()


class FakeWork:
    """Commits by appending to a list; `script` may hold it up or fail it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.durable: dict[str, uuid.UUID] = {}
        self.script: Callable[[Sequence[str]], Awaitable[None]] | None = None

    def key(self, item: str) -> str:
        return item.split(":", maxsplit=1)[0]

    def weight(self, item: str) -> int:
        return len(item)

    async def prepare(self, connection: object) -> None:
        return None

    async def commit(
        self, connection: object, attempt: uuid.UUID, items: Sequence[str]
    ) -> list[str]:
        if self.script:
            await self.script(items)
        self.batches.append(list(items))
        self.durable.update(dict.fromkeys(items, attempt))
        return [f"done {item}" for item in items]

    async def find(
        self, connection: object, attempt: uuid.UUID, items: Sequence[str]
    ) -> list[str | None]:
        return [f"found {i}" if self.durable.get(i) == attempt else None for i in items]


class Bench:
    def __init__(self) -> None:
        self.work = FakeWork()
        self.sessions: list[FakeSession] = []
        self.unreachable = False
        self.group: GroupCommit[str, str] = GroupCommit("test", self.work, self.connect)  # type: ignore[arg-type]

    async def connect(self) -> FakeSession:
        if self.unreachable:
            raise ConnectionRefusedError
        self.sessions.append(FakeSession())
        return self.sessions[-1]

    def hold(self) -> tuple[asyncio.Event, asyncio.Event]:
        """The next commit sets `sent` and waits for `go`."""
        sent, go = asyncio.Event(), asyncio.Event()

        async def script(items: Sequence[str]) -> None:
            self.work.script = None
            sent.set()
            await go.wait()

        self.work.script = script
        return sent, go


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.group.start()
    yield bench
    await bench.group.stop()


def send(bench: Bench, *items: str) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(bench.group.submit(item)) for item in items]


async def test_all_that_waits_goes_together_and_in_order(bench: Bench) -> None:
    sent, go = bench.hold()
    first = send(bench, "first")
    await sent.wait()
    rest = send(bench, *(f"item-{n}" for n in range(BATCH_MAX + 5)))
    await asyncio.sleep(0)
    go.set()
    answers = await asyncio.gather(*first, *rest)
    assert answers[0] == "done first" and len(answers) == BATCH_MAX + 6
    assert [len(batch) for batch in bench.work.batches] == [1, BATCH_MAX, 5]
    assert [*bench.work.batches[1], *bench.work.batches[2]] == [
        f"item-{n}" for n in range(BATCH_MAX + 5)
    ]


async def test_a_second_item_of_one_key_goes_with_the_next_batch(bench: Bench) -> None:
    sent, go = bench.hold()
    tasks = send(bench, "x")
    await sent.wait()
    tasks += send(bench, "a:1", "a:2", "b:1", "a:3")
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*tasks)
    assert bench.work.batches == [["x"], ["a:1", "b:1"], ["a:2"], ["a:3"]]


async def test_a_waiter_who_gives_up_before_his_batch_leaves_is_left_out_of_it(
    bench: Bench,
) -> None:
    sent, go = bench.hold()
    on_the_way, stays = send(bench, "on-the-way", "beside")
    await sent.wait()
    waits, beside = send(bench, "waits", "beside-2")
    await asyncio.sleep(0)
    waits.cancel()
    on_the_way.cancel()
    await asyncio.sleep(0)
    go.set()
    assert await stays == "done beside" and await beside == "done beside-2"
    assert bench.work.batches == [["on-the-way", "beside"], ["beside-2"]]
    assert on_the_way.cancelled() and waits.cancelled()


def ready_crowd(bench: Bench, monkeypatch: pytest.MonkeyPatch, size: int) -> list[str]:
    """Patience without end; the names of a first batch of this size."""
    monkeypatch.setattr("adapters.postgres.ledger.crowd.PATIENCE_S_MAX", 3600.0)
    monkeypatch.setattr(
        bench.group._waiting._crowd, "answered", partial(_slowly, bench.group._waiting._crowd)
    )
    return [f"first-{n}" for n in range(size)]


def _slowly(crowd: Crowd, size: int, took_s: float) -> None:
    """As if every batch had taken an hour."""
    Crowd.answered(crowd, size, 3600.0)


async def test_after_a_batch_of_many_the_next_waits_until_most_are_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*send(bench, *ready_crowd(bench, monkeypatch, 30)))
    early = send(bench, *(f"back-{n}" for n in range(17)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(bench.work.batches) == 1 and not any(task.done() for task in early)
    [last] = send(bench, "back-17")
    async with asyncio.timeout(60):
        await asyncio.gather(*early, last)
    assert [len(batch) for batch in bench.work.batches] == [30, 18]


async def test_few_are_never_kept_waiting_for_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*send(bench, *ready_crowd(bench, monkeypatch, LEAST - 1)))
    async with asyncio.timeout(60):
        await asyncio.gather(*send(bench, "alone"))
    assert bench.work.batches[-1] == ["alone"]


async def test_those_of_a_crowd_who_do_not_come_back_are_not_waited_for_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ready_crowd(bench, monkeypatch, 30)
    monkeypatch.setattr("adapters.postgres.ledger.crowd.PATIENCE_S_MAX", 0.001)
    await asyncio.gather(*send(bench, *names))
    async with asyncio.timeout(60):
        await asyncio.gather(*send(bench, "alone"))
        await asyncio.gather(*send(bench, "again"))
    assert bench.work.batches[1:] == [["alone"], ["again"]]


async def test_while_a_crowd_is_waited_for_a_stop_is_heard_and_nobody_is_committed_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groupcommit, "HUNG_AFTER_S", 3600.0)  # or it ends for want of an answer
    await asyncio.gather(*send(bench, *ready_crowd(bench, monkeypatch, 30)))
    [waits] = send(bench, "waits")
    for _ in range(5):
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await bench.group.stop()
    with pytest.raises(LedgerUnavailable, match="stopping"):
        await waits
    assert len(bench.work.batches) == 1


async def test_a_connection_cut_while_a_crowd_is_waited_for_is_made_anew_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*send(bench, *ready_crowd(bench, monkeypatch, 30)))
    [waits] = send(bench, "waits")
    for _ in range(5):
        await asyncio.sleep(0)
    bench.sessions[0].connection.terminate()
    bench.sessions[0].hear()
    async with asyncio.timeout(60):
        assert await waits == "done waits"
    assert len(bench.sessions) == 2


async def test_a_lost_connection_is_a_yes_only_where_our_row_is_durable(bench: Bench) -> None:
    async def committed_then_cut(items: Sequence[str]) -> None:
        bench.work.script = None
        attempt = bench_attempt[0]
        bench.work.durable[items[0]] = attempt
        raise asyncpg.ConnectionDoesNotExistError("cut")

    bench_attempt: list[uuid.UUID] = []
    original = bench.work.commit

    async def commit(c: object, attempt: uuid.UUID, items: Sequence[str]) -> list[str]:
        bench_attempt[:] = [attempt]
        return await original(c, attempt, items)

    bench.work.commit = commit  # type: ignore[method-assign]
    bench.work.durable["theirs"] = uuid.uuid4()
    bench.work.script = committed_then_cut
    answers = await asyncio.gather(*send(bench, "ours", "theirs", "none"), return_exceptions=True)
    assert answers[0] == "found ours"
    assert [type(answer) for answer in answers[1:]] == [CommitUnknown] * 2
    assert len(bench.sessions) == 2, "looked up on a fresh connection"


async def test_a_warning_at_commit_is_no_yes(bench: Bench) -> None:
    async def warned(items: Sequence[str]) -> None:
        bench.sessions[0].warned = "01000"
        bench.unreachable = True

    bench.work.script = warned
    [task] = send(bench, "a")
    with pytest.raises(LedgerUnavailable):
        await task


async def test_one_bad_item_does_not_fail_its_neighbours(bench: Bench) -> None:
    async def refuses_bad(items: Sequence[str]) -> None:
        if "bad" in items:
            raise asyncpg.CheckViolationError("no")

    bench.work.script = refuses_bad
    items = ["a", "b", "bad", "c", "d"]
    answers = await asyncio.gather(*send(bench, *items), return_exceptions=True)
    assert [isinstance(answer, LedgerUnavailable) for answer in answers] == [
        item == "bad" for item in items
    ]


async def test_with_the_database_down_all_are_refused_at_once_and_later_served_again(
    bench: Bench,
) -> None:
    bench.unreachable = True
    bench.sessions[0].connection.terminate()
    [first] = send(bench, "a")
    with pytest.raises(LedgerUnavailable, match="cannot be used"):
        await first
    with pytest.raises(LedgerUnavailable, match="cannot be used"):
        await bench.group.submit("b")
    bench.unreachable = False
    assert await served(bench, "c") == "done c"
    assert [item for batch in bench.work.batches for item in batch] == ["c"]


async def test_a_cut_connection_is_made_anew_though_nobody_sends(bench: Bench) -> None:
    """A balancer sends nobody to a gateway that is not ready: it must become ready by itself."""
    for _ in range(3):
        await asyncio.sleep(0)
    bench.sessions[0].connection.terminate()
    assert bench.group.trouble == "the connection to the database is lost"
    bench.sessions[0].hear()
    async with asyncio.timeout(60):
        while bench.group.trouble:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert len(bench.sessions) == 2 and bench.work.batches == []


async def test_a_server_that_answers_and_takes_nothing_is_told_as_trouble_until_one_commit_stands(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Sequence[str]) -> None:
        raise asyncpg.DiskFullError("could not extend file")

    assert bench.group.trouble is None
    bench.work.script = full
    with pytest.raises(LedgerUnavailable, match="not known"):
        await bench.group.submit("a")
    assert bench.group.trouble == "the last commit failed: DiskFullError 53100"
    bench.work.script = None
    assert await bench.group.submit("b") == "done b"
    assert bench.group.trouble is None
    bench.work.script = full
    with pytest.raises(LedgerUnavailable):
        await bench.group.submit("c")
    assert bench.group.trouble is not None
    monkeypatch.setattr("adapters.postgres.ledger.groupcommit.FAILED_TOLD_S", 0.0)
    assert bench.group.trouble is None, "nobody sends any more: it is tried again, not given up"


async def served(bench: Bench, item: str) -> str:
    async with asyncio.timeout(60):
        while True:
            try:
                return await bench.group.submit(item)
            except LedgerUnavailable:
                await asyncio.sleep(0)


async def test_stopping_lets_the_batch_on_its_way_end_and_refuses_the_rest(bench: Bench) -> None:
    sent, go = bench.hold()
    [on_the_way] = send(bench, "a")
    await sent.wait()
    [waits] = send(bench, "b")
    await asyncio.sleep(0)
    stopping = asyncio.create_task(bench.group.stop())
    await asyncio.sleep(0)
    go.set()
    await stopping
    assert await on_the_way == "done a"
    with pytest.raises(LedgerUnavailable):
        await waits
    with pytest.raises(LedgerUnavailable):
        await bench.group.submit("c")
