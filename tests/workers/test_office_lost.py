"""A trouble is its office's: a process that lost it says nothing any more about how its work goes,
or `/readyz` and `doctor` warned of it until the next restart."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import attrs
import pytest

from gateway.domain.faults import BankSilent, LedgerUnavailable
from gateway.domain.ledger import RecordDraft
from gateway.domain.records import unnumbered
from gateway.pipeline.tell import Origin
from gateway.workers.conduct import Conduct
from gateway.workers.files import Files
from gateway.workers.seal import Sealing
from tests.patience import until
from tests.pipeline.fakes import FixedClock
from tests.workers.test_deliver import GATEWAY, HERE, UNSERVED, Post
from tests.workers.test_push import Letters, Postbox, letter, pushing


class _Held:
    held = True


@asynccontextmanager
async def _running(work: Callable[[], Awaitable[None]]) -> Any:
    task = asyncio.ensure_future(work())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_banks_books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.workers.conduct.READ_EVERY_S", 0.01)

    class Silent:
        async def cursor(self, _source: str) -> None: ...

        async def entries(self, _after: str | None, _most: int) -> None:
            raise BankSilent("no answer")

    class Reconciling:
        store = Silent()

        async def look(self, _division: str, _at: object) -> int:
            return 0

    office = _Held()
    conduct = Conduct(
        cast("Any", office),
        cast("Any", Reconciling()),
        cast("Any", Silent()),
        FixedClock(),
        (HERE,),
    )
    async with _running(conduct.run):
        await until(lambda: "books" in conduct.troubles)
        office.held = False
        await until(lambda: not conduct.troubles)


async def test_the_watched_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.workers.files.LOOK_S", 0.01)

    class Tray:
        def prepare(self) -> None:
            raise OSError(28, "No space left on device")

    office = _Held()
    files = Files(cast("Any", office), cast("Any", Tray()), cast("Any", None), "carrier")
    async with _running(files.run):
        await until(lambda: "files" in files.troubles)
        office.held = False
        await until(lambda: not files.troubles)


async def test_sealing() -> None:
    post = Post()
    await post.write(HERE)
    log = post.state.logs[HERE]
    assert log.head
    log.head = attrs.evolve(log.head, origin="spiffe://other/log")
    draft = RecordDraft(kind="verdict", subject="s", body=unnumbered({"kind": "verdict"}))
    await post.ledger.record(HERE, draft)
    sealing = Sealing(
        post.office, post.records, post.sealer, post.ledger, post.clock,
        Origin(bank="103", uri=GATEWAY), (HERE,),
    )  # fmt: skip
    async with _running(sealing.run):
        await until(lambda: HERE in sealing.troubles)
        post.office.held = False
        await until(lambda: not sealing.troubles)


async def test_agencies_that_take_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.workers.push.PAUSES_S", (0.01,))
    push = pushing(Letters([letter(1)]), Postbox(full_after=0))
    office = push._office = cast("Any", _Held())
    async with _running(push.run):
        await until(lambda: bool(push.troubles))
        office.held = False
        await until(lambda: not push.troubles)


@pytest.mark.slow
async def test_telling_the_bureau(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.workers.deliver.TOLD_EVERY_S", 0.01)
    monkeypatch.setattr("gateway.workers.deliver.RETRY_S", 0.01)
    post = Post()
    post.bureaus[HERE].down = True
    await post.write(UNSERVED)
    await post.write(HERE)
    post.notice(HERE)
    works = (post.worker.run_records, post.worker.run_notices, post.worker.run_strays)
    async with _running(works[0]), _running(works[1]), _running(works[2]):
        await until(lambda: HERE in post.worker.postponed and UNSERVED in post.worker.troubles)
        post.office.held = False
        await until(lambda: not post.worker.postponed and not post.worker.troubles)


async def test_who_cannot_ask_the_database_does_not_hold_the_office(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another may have it by then."""
    post = Post()
    await post.office.take_or_keep()
    assert post.office.held

    async def away() -> bool:
        raise LedgerUnavailable("the office cannot be held")

    monkeypatch.setattr(post.records, "lead", away)
    await post.office.take_or_keep()
    assert not post.office.held
