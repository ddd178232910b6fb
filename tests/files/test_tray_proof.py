"""Whether a watched folder is usable is tried before the first document comes."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adapters.folder.tray import PLACES, Tray
from adapters.folder.tray_proof import prove_usable
from adapters.postgres.embedded.binaries import throwaway_folder
from gateway.examining.files import files
from gateway.examining.finding import State
from tests.crash.disk import SmallDisk

ROOT = os.geteuid() == 0
SOMEBODY = 12_345


@pytest.fixture
def root() -> Iterator[Path]:
    """Where everybody may enter, as below a test's own folder nobody else may."""
    above = throwaway_folder()
    above.chmod(0o711)
    Tray(above / "files").prepare()
    yield above / "files"
    shutil.rmtree(above)


def said(root: Path | None) -> list[tuple[State, str]]:
    chosen = SimpleNamespace(folder=root) if root else None
    tls = SimpleNamespace(key=Path(__file__))
    settings = cast("Any", SimpleNamespace(files=chosen, tls=tls))
    return [(each.state, each.detail) for each in files(settings) if each.part == "files"]


def test_a_usable_one_is_said_to_be_and_left_as_it_was(root: Path) -> None:
    before = sorted(root.rglob("*"))
    ((state, words),) = said(root)
    assert state is State.GOOD and "taken, answered and refused" in words
    assert sorted(root.rglob("*")) == before
    assert said(None) == [], "none is watched"


def test_one_that_is_not_there_is_made_by_the_gateway_and_by_nobody_else(root: Path) -> None:
    shutil.rmtree(root)
    ((state, words),) = said(root)
    assert state is State.WARN and "disk to be mounted" in words and not root.exists()
    root.mkdir()
    assert said(root)[0][0] is State.WARN and list(root.iterdir()) == []


@pytest.mark.parametrize("place", ["", *PLACES])
def test_a_file_where_a_folder_belongs_is_told(root: Path, place: str) -> None:
    shutil.rmtree(root / place)
    (root / place).write_text("no folder")
    ((state, words),) = said(root)
    assert state is State.BAD and f"{(root / place).name} is no folder" in words


@pytest.mark.skipif(not ROOT, reason="only root gives folders away")
@pytest.mark.parametrize("place", ["", *PLACES])
def test_one_that_is_anothers_is_told_also_where_root_looks(root: Path, place: str) -> None:
    for each in (root, *root.iterdir()):
        os.chown(each, SOMEBODY, SOMEBODY)
    prove_usable(root, SOMEBODY)
    os.chown(root / place, 0, 0)
    with pytest.raises(PermissionError, match=f"user {SOMEBODY} may not write into"):
        prove_usable(root, SOMEBODY)
    (root / place).chmod(0o777)
    prove_usable(root, SOMEBODY)
    assert [state for state, _ in said(root)] == [State.WARN, State.GOOD]
    (root / place).chmod(0o1777)
    assert [state for state, _ in said(root)] == [State.GOOD]


@pytest.mark.skipif(not ROOT, reason="only root gives folders away")
def test_groups_that_only_the_process_has_count_for_it(root: Path) -> None:
    """As systemd gives them (SupplementaryGroups=), and as access lists do: no file names them."""
    for each in (root, *root.iterdir()):
        os.chown(each, 0, SOMEBODY + 1)
        each.chmod(0o770)
    for groups in ([SOMEBODY + 1], []):
        child = os.fork()
        if not child:
            status = 1
            try:
                os.setgroups(groups)
                os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
                os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
                prove_usable(root, SOMEBODY)
                status = 0
            except PermissionError:
                status = 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (0 if groups else 2)


@pytest.mark.skipif(not ROOT, reason="only root gives folders away")
def test_one_below_what_the_gateway_may_not_enter_is_told(root: Path) -> None:
    for each in (root, *root.iterdir()):
        os.chown(each, SOMEBODY, SOMEBODY)
    root.parent.chmod(0o700)
    with pytest.raises(PermissionError, match=f"may not enter {root.parent}"):
        prove_usable(root, SOMEBODY)


@pytest.mark.parametrize("place", ["working", "done", "failed"])
def test_a_place_on_another_file_system_is_told(root: Path, place: str) -> None:
    (root / place).rmdir()
    with SmallDisk(root / place) as disk:
        ((state, words),) = said(root)
        assert state is State.BAD and f"{root / place}: nothing can be moved" in words
        assert not list(root.rglob(".*")), "nothing is left behind"
        assert disk


def test_a_full_disk_is_told(root: Path) -> None:
    shutil.rmtree(root)
    with SmallDisk(root) as disk:
        Tray(root).prepare()
        disk.fill()
        ((state, words),) = said(root)
        assert state is State.BAD and "No space left" in words
        disk.free()
        assert said(root)[0][0] is State.GOOD
