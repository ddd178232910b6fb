"""The operators' log when it cannot be written: lines are lost, payments are not."""

import io
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from gateway.configured.journal import Lines, configure_log, unwritable

FULL = Path("/dev/full")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_full_disk_under_the_log_fails_nobody_who_logs(
    monkeypatch: pytest.MonkeyPatch, buffering: int
) -> None:
    full = FULL.open("ab", buffering=buffering)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(buffer=full))
    lines = configure_log(None)
    structlog.get_logger().info("instruction.answered", instruction="1")
    structlog.get_logger().error("payment.unresolved", instruction="1")
    with suppress(OSError):
        full.close()
    assert "No space left" in lines.troubles()["log_file"]


class Filling(io.RawIOBase):
    """Has room for so many bytes, takes part of a line as a disk does, then nothing."""

    def __init__(self, room: int) -> None:
        self.room, self.held = room, b""

    def write(self, line: bytes) -> int:  # type: ignore[override]
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = line[: self.room]
        self.room -= len(taken)
        self.held += taken
        return len(taken)


def test_it_is_said_while_it_lasts_and_a_torn_line_spoils_no_other() -> None:
    disk = Filling(room=13)
    lines = Lines(disk)  # type: ignore[arg-type]
    lines.write(b"whole\n")
    assert not lines.troubles()
    lines.write(b"torn line\n")
    assert "cut short" in lines.troubles()["log_file"]
    lines.write(b"lost\n")
    assert "No space left" in lines.troubles()["log_file"]
    disk.room = 100
    lines.write(b"again\n")
    assert not lines.troubles()
    assert disk.held.split(b"\n") == [b"whole", b"torn li", b"again", b""]


def test_standard_error_that_nobody_reads_any_more_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(io.BytesIO):
        def write(self, line: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(Broken()))
    lines = configure_log(None)
    structlog.get_logger().info("gateway.ready")
    assert "Broken pipe" in lines.troubles()["log_file"]


def test_where_no_log_can_be_written_is_said_before_the_start_and_nothing_is_made(
    tmp_path: Path,
) -> None:
    fresh = tmp_path / "gateway.log"
    assert unwritable(fresh) == "" and not fresh.exists(), "it would be whose who looked first"
    fresh.touch()
    assert unwritable(fresh) == unwritable(Path("/dev/stderr")) == ""
    assert "folder is absent" in unwritable(tmp_path / "absent" / "gateway.log")
    assert unwritable(tmp_path) == f"{tmp_path}: a folder"


@pytest.mark.parametrize("kept", [True, False], ids=["moved away", "deleted"])
def test_a_file_that_is_not_there_any_more_is_begun_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: bool
) -> None:
    """As logrotate does it: every later line went where nobody reads."""
    monkeypatch.setattr("gateway.configured.journal.LOOK_S", 0.0)
    file, before = tmp_path / "gateway.log", tmp_path / "gateway.log.1"
    lines = configure_log(file)
    structlog.get_logger().info("one")
    if kept:
        file.rename(before)
    else:
        file.unlink()
    structlog.get_logger().info("two")
    assert b'"two"' in file.read_bytes() and b'"one"' not in file.read_bytes()
    assert not kept or b'"one"' in before.read_bytes()
    assert not lines.troubles()
    file.unlink()
    file.parent.rename(moved := tmp_path.with_name("elsewhere"))
    structlog.get_logger().info("three")
    assert "No such file" in lines.troubles()["log_file"]
    moved.rename(tmp_path)
    structlog.get_logger().info("four")
    assert b'"four"' in file.read_bytes() and not lines.troubles()
    lines._out.close()
