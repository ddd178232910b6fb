"""Who may put documents into a watched folder makes the gateway touch nothing outside it, and wait
for nothing: no link is followed and no pipe read, whatever takes a name's place meanwhile."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from adapters.folder.tray import PLACES, Tray, Unusable
from adapters.folder.tray_proof import prove_usable

T = TypeVar("T")
NAME = "day-1.json"


@pytest.fixture
def tray(tmp_path: Path) -> Tray:
    tray = Tray(tmp_path / "folder")
    tray.prepare()
    return tray


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "folder"


def put(place: Path, name: str = NAME) -> None:
    (place / f"{name}.jws").write_text("a..c")
    (place / name).write_bytes(b"{}")


def soon(work: Callable[[], T]) -> T | Exception:
    """What comes of it; a test does not hang where the gateway would."""
    found: list[T | Exception] = []

    def run() -> None:
        try:
            found.append(work())
        except (OSError, Unusable) as raised:
            found.append(raised)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(5)
    assert found, "it waits"
    return found[0]


@pytest.mark.parametrize("place", ["done", "failed"])
def test_an_answer_is_written_over_nothing_that_a_link_leads_to(
    tray: Tray, folder: Path, tmp_path: Path, place: str
) -> None:
    """The draft's name is known beforehand: what it led to was overwritten, and its mode set."""
    own = tmp_path / "tls.key"
    own.write_text("our key")
    own.chmod(0o600)
    beside = NAME + (".answer" if place == "done" else ".problem.json")
    (folder / place / f".{beside}").symlink_to(own)
    put(folder / "incoming")
    assert tray.take(1) == [NAME]
    (tray.answered if place == "done" else tray.refused)(NAME, b"the answer")
    assert own.read_text() == "our key" and own.stat().st_mode & 0o777 == 0o600
    written = folder / place / beside
    assert written.read_bytes() == b"the answer" and not written.is_symlink()
    assert (folder / place / NAME).read_bytes() == b"{}"


def test_a_draft_of_a_process_that_died_is_in_nobodys_way(tray: Tray, folder: Path) -> None:
    (folder / "done" / f".{NAME}.answer").write_bytes(b"half an ans")
    put(folder / "incoming")
    tray.take(1)
    tray.answered(NAME, b"the answer")
    assert (folder / "done" / f"{NAME}.answer").read_bytes() == b"the answer"


@pytest.mark.parametrize("swapped", [NAME, f"{NAME}.jws"])
@pytest.mark.parametrize("kind", ["pipe", "link", "endless", "folder"])
def test_what_is_no_file_any_more_when_it_is_read_is_refused_at_once(
    tray: Tray, folder: Path, tmp_path: Path, swapped: str, kind: str
) -> None:
    """A pipe held the thread that read it for ever; a handful of them all threads there are, with
    the mark, keys and lists that wait for one. `/dev/zero` took all memory."""
    put(folder / "incoming")
    tray.take(1)
    path, other = folder / "working" / swapped, tmp_path / "other"
    other.write_text("somebody else's")
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(other if kind == "link" else "/dev/zero")
    said = soon(lambda: tray.read(NAME))
    assert isinstance(said, Unusable) and "不是普通文件" in str(said)
    soon(lambda: tray.size(NAME))
    tray.refused(NAME, b"why")
    assert (folder / "failed" / f"{NAME}.problem.json").read_bytes() == b"why"
    assert other.read_text() == "somebody else's" and not list((folder / "working").iterdir())


def test_a_signature_that_is_a_link_is_none(tray: Tray, folder: Path, tmp_path: Path) -> None:
    put(folder / "incoming")
    signature = folder / "incoming" / f"{NAME}.jws"
    signature.rename(tmp_path / "elsewhere")
    signature.symlink_to(tmp_path / "elsewhere")
    assert tray.take(1) == []


@pytest.mark.parametrize("place", PLACES)
def test_none_of_the_four_folders_is_a_link(
    tray: Tray, folder: Path, tmp_path: Path, place: str
) -> None:
    """`failed` that leads to where we keep our own would take any bytes under any name there."""
    own = tmp_path / "books"
    own.mkdir()
    put(folder / "incoming")
    if place not in ("incoming", "working"):
        tray.take(1)
    (folder / place).rename(tmp_path / "aside")
    (folder / place).symlink_to(own)
    with pytest.raises(OSError):
        tray.take(1)
        tray.answered(NAME, b"the answer")
        tray.refused(NAME, b"why")
    assert not list(own.iterdir())
    with pytest.raises(NotADirectoryError, match="link"):
        prove_usable(folder, os.geteuid())
