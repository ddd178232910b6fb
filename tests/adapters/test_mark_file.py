"""The mark's file: whole or not there, never lower, shared by the processes of a host."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.folder.mark import UNKNOWN, Act, InUse, MarkFile
from gateway.domain.log import REST, Marked


def mark(size: int, name: str = "log") -> Marked:
    return Marked(checkpoint=f"{name}\n{size}\nroot\n\nsignature\n")


WRITER = """
import sys
from pathlib import Path
from adapters.folder.mark import MarkFile
from gateway.domain.log import REST, Marked
shelf, start = MarkFile(Path(sys.argv[1])), int(sys.argv[2])
for size in range(start, 200, 2):
    mark = Marked(checkpoint=f"log\\n{size}\\nroot\\n\\nsignature\\n")
    shelf.keep({"log": mark, f"own-{start}": mark})
"""


HOLDER = """
import sys
from pathlib import Path
from adapters.folder.mark import MarkFile
shelf = MarkFile(Path(sys.argv[1]))
shelf.take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
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
    assert MarkFile(path).read() == {"log": mark(4), REST: UNKNOWN}
    path.write_bytes(torn)
    act = Act(at="now", by="Li", reason="settled", origin="log", size=3)
    MarkFile(path).set_by_hand("log", mark(3), act)
    assert MarkFile(path).read() == {"log": mark(3), REST: UNKNOWN}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_sets_by_hand_is_the_gateways_to_read_and_to_replace(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, 23_456)
    path = tmp_path / "log.mark"
    act = Act(at="now", by="Li", reason="settled", origin="log", size=3)
    MarkFile(path).set_by_hand("log", mark(3), act)
    for file in tmp_path.iterdir():
        assert (file.stat().st_uid, file.stat().st_gid) == (12_345, 23_456), file.name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
@pytest.mark.parametrize("how", ["symlink", "hard link"])
def test_root_gives_away_no_file_that_somebody_put_in_the_way(tmp_path: Path, how: str) -> None:
    """Whoever owns the folder: the gateway's user, or who has broken into it."""
    folder, theirs = tmp_path / "folder", tmp_path / "shadow"
    folder.mkdir()
    theirs.write_text("root's own")
    os.chown(folder, 12_345, 23_456)
    path, act = folder / "log.mark", Act(at="", by="Li", reason="", origin="log", size=3)
    for name in ("log.mark.lock", "log.mark.held"):
        link = path.with_name(name)
        link.unlink(missing_ok=True)
        if how == "symlink":
            link.symlink_to(theirs)
        else:
            link.hardlink_to(theirs)
        with pytest.raises(OSError, match=r"symbolic links|file of its own"):
            MarkFile(path).set_by_hand("log", mark(3), act)
        link.unlink()
        assert theirs.stat().st_uid == 0
    path.symlink_to(theirs)
    MarkFile(path).set_by_hand("log", mark(3), act)
    assert theirs.read_text() == "root's own" and theirs.stat().st_uid == 0
    assert MarkFile(path).read()["log"] == mark(3) and not path.is_symlink()


def test_a_gateway_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    path, act = tmp_path / "log.mark", Act(at="", by="Li", reason="", origin="log", size=3)
    running = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert running.stdout and running.stdout.readline() == b"held\n"
    shelf = MarkFile(path)
    assert shelf.take() == {} == shelf.take(), "several processes share it"
    shelf.leave()
    with pytest.raises(InUse, match="stop every gateway"):
        shelf.set_by_hand("log", mark(3), act)
    assert not path.exists()
    running.kill()
    running.wait()
    running.stdout.close()
    assert running.stdin
    running.stdin.close()
    shelf.set_by_hand("log", mark(3), act)
    assert shelf.read() == {"log": mark(3)}


def test_what_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "log.mark"
    MarkFile(path).keep({"log": mark(4)})
    (tmp_path / "log.mark.held").mkdir()
    assert MarkFile(path).take() == {"log": mark(4)}


def test_a_folder_that_is_not_there_cannot_be_written(tmp_path: Path) -> None:
    shelf = MarkFile(tmp_path / "absent" / "log.mark")
    assert shelf.read() == {}
    for attempt in (shelf.prove_writable, lambda: shelf.keep({"log": mark(4)})):
        with pytest.raises(FileNotFoundError):
            attempt()
