"""The mark's file: whole or not there, never lower, shared by the processes of a host."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.folder.mark import Act, MarkFile
from gateway.domain.log import Marked


def mark(size: int, name: str = "log") -> Marked:
    return Marked(checkpoint=f"{name}\n{size}\nroot\n\nsignature\n")


WRITER = """
import sys
from pathlib import Path
from adapters.folder.mark import MarkFile
from gateway.domain.log import Marked
shelf, start = MarkFile(Path(sys.argv[1])), int(sys.argv[2])
for size in range(start, 200, 2):
    mark = Marked(checkpoint=f"log\\n{size}\\nroot\\n\\nsignature\\n")
    while True:
        try:
            shelf.keep({"log": mark, f"own-{start}": mark})
        except BlockingIOError:
            continue
        break
"""


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "log.mark"
    both = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), start]) for start in ("0", "1")
    ]
    assert [each.wait(60) for each in both] == [0, 0]
    kept = MarkFile(path).read()
    assert kept == {"log": mark(199), "own-0": mark(198), "own-1": mark(199)}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.mark", "log.mark.lock"]


def test_it_never_falls_unless_an_operator_says_so(tmp_path: Path) -> None:
    shelf = MarkFile(tmp_path / "log.mark")
    shelf.keep({"log": mark(9)})
    shelf.keep({"log": mark(3)})
    assert shelf.read() == {"log": mark(9)}
    act = Act(at="now", by="Li", reason="settled", origin="log", size=3)
    shelf.set_by_hand("log", mark(3), act)
    assert shelf.read() == {"log": mark(3)} and shelf.by_hand() == [act]
    shelf.keep({"log": mark(4)})
    assert shelf.read() == {"log": mark(4)} and shelf.by_hand() == [act], "who did it stays"


def test_a_refused_one_gives_way_however_large_it_claims_to_be(tmp_path: Path) -> None:
    shelf = MarkFile(tmp_path / "log.mark")
    shelf.keep({"log": mark(10**18)})
    shelf.keep({"log": mark(4)})
    assert shelf.read() == {"log": mark(10**18)}
    shelf.keep({"log": mark(4)}, {mark(10**18).checkpoint})
    assert shelf.read() == {"log": mark(4)}


@pytest.mark.parametrize("size", ["9" * 5000, "-1", "٤", "", "4.0"])
def test_a_size_that_is_none_is_below_every_log(tmp_path: Path, size: str) -> None:
    shelf = MarkFile(tmp_path / "log.mark")
    shelf.keep({"log": Marked(checkpoint=f"log\n{size}\n")})
    shelf.keep({"log": mark(0)})
    assert shelf.read() == {"log": mark(0)}


@pytest.mark.parametrize(
    "torn", [b"", b"{", b"\xff\xfe", b"[]", b'{"version": 1, "more": 2}', b'{"logs": {"log": 4}}']
)
def test_a_torn_file_says_so_and_is_replaced_whole(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log.mark"
    path.write_bytes(torn)
    with pytest.raises(ValueError, match=r"log\.mark is torn"):
        MarkFile(path).read()
    MarkFile(path).keep({"log": mark(4)})
    assert MarkFile(path).read() == {"log": mark(4)}


def test_nobody_waits_for_a_process_that_sleeps_with_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "log.mark"
    with (tmp_path / "log.mark.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            MarkFile(path).keep({"log": mark(4)})
    MarkFile(path).keep({"log": mark(4)})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_sets_by_hand_is_the_gateways_to_read_and_to_replace(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, 23_456)
    path = tmp_path / "log.mark"
    act = Act(at="now", by="Li", reason="settled", origin="log", size=3)
    MarkFile(path).set_by_hand("log", mark(3), act)
    for file in tmp_path.iterdir():
        assert (file.stat().st_uid, file.stat().st_gid) == (12_345, 23_456), file.name


def test_a_folder_that_is_not_there_cannot_be_written(tmp_path: Path) -> None:
    shelf = MarkFile(tmp_path / "absent" / "log.mark")
    assert shelf.read() == {}
    for attempt in (shelf.prove_writable, lambda: shelf.keep({"log": mark(4)})):
        with pytest.raises(FileNotFoundError):
            attempt()
