"""Processes that share a mark: none that is slow, stopped or killed keeps another from its word."""

import contextlib
import fcntl
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.folder import lock
from adapters.folder.mark import Act, InUse, MarkFile
from gateway.domain.log import Marked
from tests.adapters.test_mark_file import mark

OPEN = Path("/proc/self/fd")
STOPS = """
import os, signal, sys
from pathlib import Path
from adapters.folder.mark import MarkFile
from gateway.domain.log import Marked
real, stops = os.fsync, [signal.SIGSTOP]
def fsync(file):
    if stops:
        os.kill(os.getpid(), stops.pop())
    real(file)
os.fsync = fsync
mark = Marked(checkpoint="log\\n7\\nroot\\n\\nsignature\\n")
MarkFile(Path(sys.argv[1])).keep({"log": mark, "stopped": mark})
"""

SLOW = """
import os, sys, time
from pathlib import Path
from adapters.folder.mark import MarkFile
from gateway.domain.log import Marked
real = os.fsync
def fsync(file):
    time.sleep(0.002)
    real(file)
os.fsync = fsync
path, own, turns = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
shelf = MarkFile(path)
shelf.take()
for size in range(1, turns + 1):
    mark = Marked(checkpoint=f"{own}\\n{size}\\nroot\\n\\nsignature\\n")
    shelf.keep({own: mark})
    assert shelf.read()[own] == mark, own
"""


def started(program: str, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, *map(str, words)])


@contextlib.contextmanager
def held(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


def test_who_is_stopped_while_its_disk_works_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "log.mark"
    stopped = started(STOPS, path)
    _, status = os.waitpid(stopped.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    MarkFile(path).keep({"log": mark(9), "another": mark(3)})
    os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.wait(60) == 0
    assert MarkFile(path).read() == {"log": mark(9), "another": mark(3), "stopped": mark(7)}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.mark", "log.mark.lock"]


@pytest.mark.slow
def test_slow_disks_stops_and_kills_lose_no_word_and_fail_nobody(tmp_path: Path) -> None:
    path, order, turns = tmp_path / "log.mark", random.Random(7), 60
    writers = [started(SLOW, path, f"own-{number}", turns) for number in range(4)]
    killed = 0
    while any(each.poll() is None for each in writers):
        doomed = started(SLOW, path, f"doomed-{killed}", 1000)
        for chosen in order.sample(writers, 2):
            with contextlib.suppress(ProcessLookupError):
                chosen.send_signal(signal.SIGSTOP)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    doomed.wait(order.random() / 5)
                chosen.send_signal(signal.SIGCONT)
        doomed.kill()
        doomed.wait()
        killed += 1
    assert [each.returncode for each in writers] == [0] * 4
    kept = MarkFile(path).read()
    assert {name: kept[name] for name in kept if name.startswith("own")} == {
        f"own-{number}": mark(turns, f"own-{number}") for number in range(4)
    }


def test_nobody_waits_for_ever_and_it_is_told_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PAUSE_S", 0.0)
    path = tmp_path / "log.mark"
    shelf = MarkFile(path)
    with held(tmp_path / "log.mark.lock"):
        before = len([*OPEN.iterdir()])
        for attempt in (lambda: shelf.keep({"log": mark(4)}), shelf.prove_writable):
            with pytest.raises(BlockingIOError, match=r"log\.mark\.lock: held by"):
                attempt()
        # A gateway tries for as long as the other is stopped: a file lost each time would end it.
        assert len([*OPEN.iterdir()]) == before
    shelf.keep({"log": mark(4)})
    shelf.prove_writable()
    assert shelf.read() == {"log": mark(4)}


def test_a_start_while_an_operator_sets_it_holds_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PAUSE_S", 0.0)
    path, act = tmp_path / "log.mark", Act(at="", by="Li", reason="", origin="log", size=3)
    shelf = MarkFile(path)
    with held(tmp_path / "log.mark.held"), pytest.raises(BlockingIOError):
        shelf.take()
    shelf.keep({"log": mark(4)})
    with pytest.raises(InUse, match=f"held by process {os.getpid()}"):
        MarkFile(path).set_by_hand("log", Marked(checkpoint=""), act)
    shelf.leave()
    MarkFile(path).set_by_hand("log", mark(3), act)
    assert shelf.read() == {"log": mark(3)}


def test_a_lock_whose_file_was_taken_away_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "lock", lock._opened
    files: list[int] = []

    def taken_away(there: Path) -> int:
        files.append(opened(there))
        if len(files) == 1:
            there.unlink()
        return files[-1]

    monkeypatch.setattr(lock, "_opened", taken_away)
    file = lock.hold(path, fcntl.LOCK_EX)
    assert len(files) == 2 and os.path.samestat(os.fstat(file), path.stat())
    with path.open() as another, pytest.raises(BlockingIOError):
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock.release(file)
