"""Names of files are chosen by whoever may write into the folder: none of them stops it."""

import asyncio
import os
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.folder.tray import SIGNATURE_BYTES_MAX, Tray, Unusable
from gateway.workers.files import Files, Ways


def put(root: Path, name: str, signature: bytes = b"a..b") -> None:
    (root / "incoming" / f"{name}.jws").write_bytes(signature)
    (root / "incoming" / name).write_bytes(b"no document")


@pytest.fixture
def tray(tmp_path: Path) -> Tray:
    made = Tray(tmp_path)
    made.prepare()
    return made


@pytest.mark.parametrize(
    "name", ["x" * 250, "国" * 80, os.fsdecode(b"\xff\xfe.xml"), "two\nlines.json"]
)
def test_a_name_that_cannot_be_answered_or_logged_is_replaced(
    tray: Tray, tmp_path: Path, name: str
) -> None:
    put(tmp_path, name)
    (taken,) = tray.take(9)
    assert taken.startswith("renamed-") and tray.read(taken).signature == "a..b"
    tray.refused(taken, b"{}")
    assert sorted(p.name for p in (tmp_path / "failed").iterdir()) == [
        taken, f"{taken}.jws", f"{taken}.problem.json",
    ]  # fmt: skip


def test_no_document_lies_where_the_answer_to_another_will_be(tray: Tray, tmp_path: Path) -> None:
    put(tmp_path, "one.json.answer")
    (first,) = tray.take(1)
    tray.answered(first, b"its answer")
    put(tmp_path, "one.json")
    (second,) = tray.take(1)
    tray.answered(second, b"another answer")
    assert (tmp_path / "done" / first).read_bytes() == b"no document"


def test_the_folders_group_may_read_an_answer_whatever_the_programs_umask(
    tray: Tray, tmp_path: Path
) -> None:
    """The unit of systemd has 0077: answers lay in `done` and the carrier could not read one."""
    put(tmp_path, "one.json")
    put(tmp_path, "two.json")
    before = os.umask(0o077)
    try:
        first, second = tray.take(2)
        tray.answered(first, b"its answer")
        tray.refused(second, b"{}")
    finally:
        os.umask(before)
    written = (f"done/{first}.answer", f"failed/{second}.problem.json")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in written] == [0o640] * 2


def test_of_a_signature_without_end_only_the_beginning_is_read(tray: Tray, tmp_path: Path) -> None:
    put(tmp_path, "one.json", b"a" * (SIGNATURE_BYTES_MAX + 1))
    with pytest.raises(Unusable, match="detached JWS"):
        tray.read(*tray.take(1))


class _FullDisk:
    """Its first answer finds no room; the second does."""

    def __init__(self) -> None:
        self.left = ["one.json"]
        self.tries = 0
        self.ended = asyncio.Event()

    def prepare(self) -> None: ...

    def taken_before(self) -> list[str]:
        return list(self.left)

    def take(self, most: int) -> list[str]:
        return []

    def size(self, name: str) -> int:
        return 2

    def read(self, name: str) -> Any:
        raise ValueError("no document")

    def answered(self, name: str, answer: bytes) -> None: ...

    def refused(self, name: str, problem: bytes) -> None:
        self.tries += 1
        if self.tries == 1:
            raise OSError(28, "No space left on device")
        self.left.clear()
        self.ended.set()


class _Held:
    held = True


class _Words:
    def problem(self, fault: object, instance: str) -> bytes:
        return b"{}"


async def test_a_disk_without_room_stops_neither_the_process_nor_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.workers.files.LOOK_S", 0.01)
    tray = _FullDisk()
    ways = Ways(
        line=cast("Any", None), wordings=cast("Any", {"json": _Words()}), sniff=lambda _raw: None
    )
    files = Files(cast("Any", _Held()), tray, ways, "carrier")
    running = asyncio.create_task(files.run())
    try:
        async with asyncio.timeout(60):
            await tray.ended.wait()
    finally:
        running.cancel()
    assert tray.tries == 2 and not running.done()
