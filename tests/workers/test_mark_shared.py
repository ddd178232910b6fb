"""One file and many: divisions, gateways, processes and operators that share a host's mark."""

import asyncio
import fcntl
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
import structlog

from adapters.folder import lock
from adapters.folder.mark import Act, InUse, MarkFile
from certs.log.note import log_origin
from certs.own_log import OwnLog
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import Marked
from gateway.workers import mark
from gateway.workers.mark import REFRESH_S, UNHEARD, UNKEPT_S, Marking
from tests.workers.test_deliver import GATEWAY, HERE, THERE
from tests.workers.test_mark import ORIGIN, Host, marked


@pytest.fixture
async def host(tmp_path: Path) -> Host:
    return await marked(tmp_path)


async def test_a_bureau_that_hangs_keeps_no_other_division_from_being_marked(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def greet(division: str) -> bool:
        if division == HERE:
            return True
        asked.set()
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(mark, "MARK_EVERY_S", 0.0)
    monkeypatch.setattr(mark, "HEAR_S", 3600.0)
    trust = host.post.keys.trust
    logs = {each: OwnLog(trust=trust, origin=log_origin(GATEWAY, each)) for each in (THERE, HERE)}
    marking = Marking(host.post.records, logs, MarkFile(host.file), greet, host.post.clock)
    marking._divisions[HERE].opened = True
    running = asyncio.create_task(marking.run())
    async with asyncio.timeout(60):
        await asked.wait()
        await host.post.write(count=2)
        while host.said.split("\n")[1] != "6":  # noqa: ASYNC110  a file
            await asyncio.sleep(0.01)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})


async def test_what_was_torn_is_unknown_also_once_the_file_is_whole_again(host: Host) -> None:
    """One division is heard and marked; that the other had a mark is not forgotten with it."""
    host.file.write_bytes(b"{")

    async def greet(division: str) -> bool:
        if division == THERE:
            return True  # nothing of it was ever acknowledged: there was nothing to ask
        return await host.post.worker.greet(division)

    trust = host.post.keys.trust
    logs = {each: OwnLog(trust=trust, origin=log_origin(GATEWAY, each)) for each in (THERE, HERE)}
    for _ in range(2):
        shelf = MarkFile(host.file)
        marking = Marking(host.post.records, logs, shelf, greet, host.post.clock)
        with structlog.testing.capture_logs():
            await marking.open()
            await marking.look()
            await marking.keep()
        assert marking.behind == {THERE: UNHEARD}
        assert host.said.split("\n")[1] == "4"
        marking.leave()


async def test_a_division_whose_tree_has_a_hole_keeps_no_other_from_being_marked(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust, asked = host.post.keys.trust, host.post.records.root_at
    logs = {each: OwnLog(trust=trust, origin=log_origin(GATEWAY, each)) for each in (THERE, HERE)}

    async def root_at(division: str, size: int) -> bytes | None:
        if division == THERE:
            raise LedgerUnavailable("hash 3 is missing")
        return await asked(division, size)

    monkeypatch.setattr(host.post.records, "root_at", root_at)
    marking = Marking(
        host.post.records, logs, MarkFile(host.file), host.post.worker.greet, host.post.clock
    )
    marking._divisions[THERE].marked = 1, b"root"
    marking._divisions[HERE].opened = True
    await host.post.write(count=2)
    with structlog.testing.capture_logs() as lines:
        await marking.look()
        await marking.look()
    await marking.keep()
    assert host.said.split("\n")[1] == "6"
    assert [line["event"] for line in lines].count("log.not_compared") == 1


async def test_an_operators_word_waits_until_no_gateway_would_write_over_it(host: Host) -> None:
    act = Act(at="now", by="Li", reason="settled", origin=ORIGIN, size=3)
    other = host.marking
    host.boot()
    await host.marking.open()
    for running in (other, host.marking):
        with pytest.raises(InUse, match="stop"):
            MarkFile(host.file).set_by_hand(ORIGIN, Marked(checkpoint="3"), act)
        running.leave()
    MarkFile(host.file).set_by_hand(ORIGIN, Marked(checkpoint="3"), act)
    assert host.said == "3"


async def test_the_mark_of_another_gateway_in_the_same_file_stays(host: Host) -> None:
    MarkFile(host.file).keep({"another": Marked(checkpoint="another\n9\n")})
    await host.post.write(count=2)
    await host.turn()
    assert MarkFile(host.file).read()["another"].checkpoint == "another\n9\n"
    assert host.said.split("\n")[1] == "6"


async def test_one_that_was_at_it_when_an_idle_one_looked_is_no_trouble(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had nothing to write for half a minute; that is not half a minute of writing in vain."""
    monkeypatch.setattr(lock, "PAUSE_S", 0.0)
    host.file.unlink()
    with host.file.with_name("log.mark.lock").open("w") as another:
        fcntl.flock(another, fcntl.LOCK_EX)
        host.post.clock.ticks += REFRESH_S + 1
        await host.turn()
        await host.turn()
        assert host.marking.troubles == {}
        host.post.clock.ticks += UNKEPT_S
        await host.turn()
        assert "not written for 30 s" in host.marking.troubles["mark"]
        assert "log.mark.lock: held by" in host.marking.troubles["mark"]
    await host.turn()
    assert host.marking.troubles == {} and host.said.split("\n")[1] == "4"


class Hanging(MarkFile):
    """On a disk that stops to answer, neither yes nor no."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.hangs, self.asked = threading.Event(), threading.Event()
        self.hangs.set()

    def keep(self, marks: Mapping[str, Marked], refused: Collection[str] = ()) -> None:
        self.asked.set()
        self.hangs.wait()
        super().keep(marks, refused)


async def test_a_disk_that_hangs_hides_no_shorter_log_and_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mark, "MARK_EVERY_S", 0.0)
    shelf = host.marking._shelf = Hanging(host.file)
    shelf.hangs.clear()
    await host.post.write(count=2)
    with structlog.testing.capture_logs():
        running = asyncio.create_task(host.marking.run())
        async with asyncio.timeout(60):
            while not shelf.asked.is_set():  # noqa: ASYNC110  another thread
                await asyncio.sleep(0.01)
            host.post.clock.ticks += UNKEPT_S
            while "mark" not in host.marking.troubles:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert "does not answer" in host.marking.troubles["mark"]
            host.post.state.logs.clear()
            while HERE not in host.marking.behind:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            shelf.hangs.set()
            while "mark" in host.marking.troubles:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait({running})
    assert host.said.split("\n")[1] == "6", "what was seen was seen"
