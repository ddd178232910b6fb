"""The bureau's log when standard error cannot be written: lines are lost, records are not."""

import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from bureau import __main__ as bureau


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


@pytest.mark.parametrize("cut", ["write", "flush"])
def test_a_full_disk_under_the_log_fails_nobody_who_logs(
    monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    lost: list[str] = []

    def full(*_: object) -> int:
        lost.append(cut)
        raise OSError(28, "No space left on device")

    error = io.StringIO()
    monkeypatch.setattr(error, cut, full, raising=False)
    monkeypatch.setattr(sys, "stderr", error)
    bureau._log_as_json()
    structlog.get_logger().warning("feed.not_taken")
    assert lost
