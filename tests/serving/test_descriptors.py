"""Too few open files: visitors are bounded by what is left, and the workers keep theirs."""

import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from certs.files import mark_of
from gateway.serving.descriptors import OURS, VISITORS_MIN, connections_granted
from gateway.settings import Settings

BANK = 32


def settings(wanted: int) -> Settings:
    return cast(
        "Any",
        SimpleNamespace(
            gateway=SimpleNamespace(connections_max=wanted), bank=SimpleNamespace(connections=BANK)
        ),
    )


@pytest.fixture(name="grants")
def grants_fixture(monkeypatch: pytest.MonkeyPatch) -> Any:
    def grants(most: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (64, most))
        monkeypatch.setattr(resource, "setrlimit", lambda _what, _limits: None)

    return grants


def test_a_crowd_at_the_door_leaves_the_workers_their_files(grants: Any) -> None:
    grants(4096)
    with structlog.testing.capture_logs() as told:
        assert connections_granted(settings(4096)) == 4096 - OURS - 2 * BANK
    assert [line["event"] for line in told] == ["descriptors.few"]


@pytest.mark.parametrize("most", [resource.RLIM_INFINITY, 524288])
def test_where_there_are_enough_nothing_is_said(grants: Any, most: int) -> None:
    grants(most)
    with structlog.testing.capture_logs() as told:
        assert connections_granted(settings(4096)) == 4096
    assert told == []


def test_with_far_too_few_it_does_not_start(grants: Any) -> None:
    grants(OURS + 2 * BANK + VISITORS_MIN - 1)
    with pytest.raises(ValueError, match=r"grants 383 open files \(ulimit -n, LimitNOFILE\)"):
        connections_granted(settings(4096))
    grants(OURS + 2 * BANK + 8)
    assert connections_granted(settings(8)) == 8, "who asks for few is given them"


def test_a_folder_that_cannot_be_listed_is_a_change_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.pem").write_text("x")
    before = mark_of((tmp_path,))

    def none_left(_self: Path, _pattern: str) -> Any:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "glob", none_left)
        assert mark_of((tmp_path,)) != before
    assert mark_of((tmp_path,)) == before
