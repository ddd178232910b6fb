"""What a host remembers of the log opens a division or keeps it shut, when no bureau speaks."""

import copy
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import structlog

from adapters.folder.mark import MarkFile
from certs.log.note import log_origin
from certs.own_log import OwnLog
from certs.trust import Trust
from gateway.domain.faults import BureauUnproven
from gateway.workers.mark import LAG_S_MAX, REFRESH_S, UNHEARD, UNKEPT_S, Marking
from tests.workers.test_deliver import GATEWAY, HERE, NOW, Keys, Post

ORIGIN = log_origin(GATEWAY, HERE)


@attrs.define
class Host:
    """One host beside the database and the bureau of a `Post`: its file, its running gateway."""

    post: Post
    file: Path
    marking: Marking = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.boot()

    def boot(self, trust: Trust | None = None) -> Marking:
        """Another start of the gateway on this host."""
        log = OwnLog(trust=trust or self.post.keys.trust, origin=ORIGIN)
        self.marking = Marking(
            self.post.records, {HERE: log}, MarkFile(self.file), self.post.worker.greet,
            self.post.clock,
        )  # fmt: skip
        self.post.worker.ahead = {}
        self.marking.ahead = self.post.worker.ahead
        return self.marking

    async def start(self) -> dict[str, str]:
        """Which divisions stay shut."""
        with structlog.testing.capture_logs():
            await self.boot().open()
        return self.marking.behind

    async def turn(self) -> dict[str, str]:
        with structlog.testing.capture_logs():
            await self.marking.hear()
            await self.marking.look()
            await self.marking.keep()
        return self.marking.behind

    @property
    def said(self) -> str:
        return MarkFile(self.file).read()[ORIGIN].checkpoint

    def silence(self, silent: bool = True) -> None:
        self.post.bureaus[HERE].down = silent


async def marked(tmp_path: Path) -> Host:
    """Four records, told to the bureau and marked."""
    host = Host(Post(), tmp_path / "log.mark")
    await host.post.write(count=4)
    await host.post.worker.deliver(HERE)
    assert await host.start() == {} and await host.turn() == {}
    assert host.said.split("\n")[1] == "4"
    return host


@pytest.fixture
async def host(tmp_path: Path) -> Host:
    return await marked(tmp_path)


def backup(host: Host) -> Callable[[], None]:
    """A copy of the database, and how to put it back."""
    older = copy.deepcopy(host.post.state.logs)

    def restore() -> None:
        host.post.state.logs = older

    return restore


async def test_with_the_bureau_silent_a_database_behind_the_mark_stays_shut(host: Host) -> None:
    restore = backup(host)
    host.silence()
    await host.post.write(count=2)
    await host.turn()
    restore()
    assert "6 records" in (await host.start())[HERE] and "older copy" in host.marking.behind[HERE]
    for _ in range(3):
        assert HERE in await host.turn(), "and it is not marked as the newest by itself"
    host.silence(False)
    host.post.clock.ticks += 60
    await host.post.worker.deliver(HERE)
    assert HERE in await host.turn(), "the bureau never had what is missing: it opens nothing"
    assert HERE in await host.start(), "nor does another start"


async def test_the_newest_copy_put_back_opens_it_by_itself(host: Host) -> None:
    restore = backup(host)
    await host.post.write(count=2)
    await host.turn()
    newest = host.post.state.logs
    restore()
    assert HERE in await host.start()
    host.post.state.logs = newest
    assert await host.turn() == {}


@pytest.mark.parametrize("forgets", [False, True])
async def test_what_the_bureau_shut_opens_once_the_newest_copy_is_back_and_not_before(
    host: Host, forgets: bool
) -> None:
    """Nothing is sealed meanwhile, so nothing is delivered that would tell; and what the bureau
    itself forgets by then is no proof of the older copy."""
    bureau, older = host.post.bureaus[HERE], copy.deepcopy(host.post.state.logs)
    before = bureau.backup()
    await host.post.write(count=2)
    await host.post.worker.deliver(HERE)
    newest = host.post.state.logs
    host.post.state.logs = older
    with pytest.raises(BureauUnproven, match="older copy"):
        await host.post.worker.greet(HERE)
    if forgets:
        bureau.restore(before)
    host.post.clock.ticks += 60
    await host.turn()
    assert HERE in host.post.worker.ahead
    host.post.state.logs = newest
    host.post.clock.ticks += 60
    await host.turn()
    assert host.post.worker.ahead == {}


async def test_a_database_of_another_history_at_that_size_stays_shut(host: Host) -> None:
    host.silence()
    restore = backup(host)
    await host.post.write(count=2)
    await host.turn()
    restore()
    await host.post.write(count=1)
    await host.post.write(count=1)
    assert HERE in await host.start()


async def test_a_log_that_becomes_shorter_under_a_running_gateway_is_seen(host: Host) -> None:
    restore = backup(host)
    await host.post.write(count=2)
    await host.turn()
    restore()
    assert HERE in await host.turn()


async def test_a_shorter_log_whose_key_is_no_longer_known_stays_shut_too(host: Host) -> None:
    restore = backup(host)
    await host.post.write(count=2)
    await host.turn()
    restore()
    known = host.marking._divisions[HERE]
    known.own = OwnLog(trust=Keys().trust, origin=ORIGIN)
    assert HERE in await host.turn() and HERE in await host.turn()


async def test_with_the_mark_a_silent_bureau_keeps_nothing_shut(host: Host) -> None:
    host.silence()
    await host.post.write(count=2)
    assert await host.start() == {}
    await host.turn()
    assert host.said.split("\n")[1] == "6"


@pytest.mark.parametrize(("away_s", "shut"), [(LAG_S_MAX - 1, False), (LAG_S_MAX + 1, True)])
async def test_the_mark_of_a_host_that_was_away_does_not_speak_for_a_copy(
    host: Host, away_s: float, shut: bool
) -> None:
    """Another host went on meanwhile; then the database came back from a copy of that time."""
    await host.post.write(count=1)
    await host.post.write(count=1, at=NOW + dt.timedelta(seconds=away_s))
    restore = backup(host)
    await host.post.write(count=2, at=NOW + dt.timedelta(seconds=away_s + 1))
    restore()
    host.silence()
    assert bool(await host.start()) is shut
    if shut:
        assert host.marking.behind == {HERE: UNHEARD}
        assert "did not follow" in host.marking.troubles[f"mark.{HERE}"]
        host.silence(False)
        host.post.clock.ticks += 10
        assert await host.turn() == {}, "the bureau knows of nothing newer"
        assert host.said.split("\n")[1] == "6" and not host.marking.troubles


async def test_a_mark_that_stood_still_is_no_first_start_where_nothing_was_acknowledged(
    tmp_path: Path,
) -> None:
    """The bureau never had a record of it; nobody who knows more has said that this copy is new."""
    host = Host(Post(), tmp_path / "log.mark")
    await host.post.write(count=4)
    assert await host.start() == {} and await host.turn() == {}
    for away_s in (0.0, LAG_S_MAX + 1):
        await host.post.write(count=1, at=NOW + dt.timedelta(seconds=away_s))
    host.silence()
    assert await host.start() == {HERE: UNHEARD}
    assert "did not follow" in host.marking.troubles[f"mark.{HERE}"]
    host.silence(False)
    await host.post.worker.deliver(HERE)
    host.post.clock.ticks += 10
    assert await host.turn() == {}, "the bureau has it all"


async def test_a_clock_that_was_set_back_hides_no_absence(host: Host) -> None:
    for away_s in (3600.0, 7100.0, 3500.0):  # an hour fast, until somebody mended it
        await host.post.write(count=1, at=NOW + dt.timedelta(seconds=away_s))
    host.silence()
    assert await host.start() == {HERE: UNHEARD}


async def test_without_a_mark_the_bureau_must_be_heard_and_then_it_opens_and_marks(
    host: Host,
) -> None:
    host.silence()
    host.file.unlink()
    assert await host.start() == {HERE: UNHEARD}
    assert await host.turn() == {HERE: UNHEARD} and not host.file.exists()
    host.silence(False)
    assert HERE in await host.turn(), "asked again after a pause"
    host.post.clock.ticks += 10
    assert await host.turn() == {}
    await host.turn()
    assert host.said.split("\n")[1] == "4"


async def test_a_bureau_that_lost_its_own_copy_opens_nothing(host: Host) -> None:
    host.file.unlink()
    held = host.post.bureaus[HERE].backup()
    host.post.bureaus[HERE].restore((None, attrs.evolve(held[1], size=0, checkpoint=""), []))
    assert await host.start() == {HERE: UNHEARD}


async def test_a_first_start_needs_neither(tmp_path: Path) -> None:
    host = Host(Post(), tmp_path / "log.mark")
    host.silence()
    assert await host.start() == {}
    await host.post.write(count=1)
    await host.turn()
    assert host.said.split("\n")[1] == "1"


def forged(text: str) -> str:
    """Ten times as many records as were sealed, under the signature of the true ones."""
    return text.replace("\n4\n", "\n40\n", 1)


@pytest.mark.parametrize("how", ["forged", "torn", "empty", "of another log", "of another key"])
async def test_a_mark_that_does_not_prove_itself_is_none(host: Host, how: str) -> None:
    host.silence()
    told, trust = host.said, None
    if how == "torn":
        host.file.write_bytes(host.file.read_bytes()[:100])
    elif how == "empty":
        host.file.write_bytes(b"")
    elif how == "of another key":
        trust = Keys().trust
    else:
        false = forged(told) if how == "forged" else told.replace(HERE, "220100000")
        logs = {ORIGIN: {"checkpoint": false}}
        host.file.write_text(json.dumps({"version": 1, "logs": logs}), "utf-8")
    with structlog.testing.capture_logs() as lines:
        await host.boot(trust).open()
    assert host.marking.behind == {HERE: UNHEARD}
    assert lines[0]["event"] == "log.mark", "and an operator is told"
    assert host.marking.troubles
    if trust is None:
        host.silence(False)
        host.post.clock.ticks += 10
        assert await host.turn() == {}
        await host.turn()
        assert host.said == told, "once the bureau was heard, a true one takes its place"
        assert not host.marking.troubles


@pytest.mark.parametrize("how", ["torn", "not ours to read", "of another key"])
async def test_a_mark_that_nobody_can_read_is_no_first_start(tmp_path: Path, how: str) -> None:
    """The database may be an empty one in place of what the mark was about."""
    host = Host(Post(), tmp_path / "log.mark")
    await host.post.write(count=1)
    assert await host.start() == {} and await host.turn() == {}
    trust = None
    if how == "torn":
        host.file.write_bytes(b"{")
    elif how == "of another key":
        trust = Keys().trust
    else:
        host.file.unlink()
        host.file.mkdir()
    host.silence()
    with structlog.testing.capture_logs():
        await host.boot(trust).open()
    assert await host.turn() == {HERE: UNHEARD}
    if trust is None:
        host.silence(False)
        await host.post.worker.deliver(HERE)
        host.post.clock.ticks += 10
        assert await host.turn() == {}, "the bureau has it all"


async def test_a_mark_that_cannot_be_written_is_told_and_payments_go_on(host: Host) -> None:
    away = host.file.parent.rename(host.file.parent.with_name("away"))
    await host.post.write(count=2)
    assert await host.turn() == {} and host.marking.troubles == {}, "a moment is no trouble"
    host.post.clock.ticks += UNKEPT_S
    with structlog.testing.capture_logs() as lines:
        await host.marking.look()
        await host.marking.look()
    assert [line["event"] for line in lines] == ["log.mark"]
    assert "not written" in host.marking.troubles["mark"] and host.marking.behind == {}
    away.rename(host.file.parent)
    await host.turn()
    assert host.marking.troubles == {} and host.said.split("\n")[1] == "6"


async def test_a_mark_that_somebody_took_away_is_written_again(host: Host) -> None:
    host.file.unlink()
    host.post.clock.ticks += REFRESH_S
    await host.turn()
    assert host.said.split("\n")[1] == "4"


@pytest.mark.parametrize("marked", [True, False])
async def test_what_a_gateway_found_lost_keeps_the_next_start_shut_too(
    host: Host, marked: bool
) -> None:
    if not marked:  # lost in the first moment, before anything was marked
        host.file.unlink()
        await host.start()
    host.marking.lost = lambda: "3 payments are gone"
    assert await host.turn() == {HERE: "3 payments are gone"}
    assert await host.start() == {HERE: "3 payments are gone"}, "a restart mends nothing"
