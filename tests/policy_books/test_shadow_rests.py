"""A candidate that breaks is left alone for longer each time, and told once; the others go on."""

import datetime as dt
import itertools
from typing import Any

import pytest
import structlog

from gateway.domain.past import ShadowRun
from gateway.policy_books.shadowing import REST_S_MAX, Following


def on_trial(run: int) -> ShadowRun:
    return ShadowRun(
        division="220000000", run=run, candidate="r", documents=b"{}", started_by="Li",
        started_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC), from_seq=-1, read_seq=-1, compared=0,
    )  # fmt: skip


class Past:
    """Two candidates, and what was noted of them."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, str]] = []

    async def shadows(self, *_: object, running: bool) -> list[ShadowRun]:
        assert running
        return [on_trial(1), on_trial(2)]

    async def note_trouble(self, shadow: ShadowRun, trouble: str) -> None:
        self.noted.append((shadow.run, trouble))


async def test_one_that_breaks_rests_and_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was tried each second, with an error line and a write to the database each time."""
    past: Any = Past()
    following = Following(past)
    tried: list[float] = []
    fault: list[Exception] = [KeyError("a")]

    async def page(shadow: ShadowRun) -> int:
        if shadow.run == 2 or not fault:
            return 1
        tried.append(now_s)
        raise fault[0]

    monkeypatch.setattr(following, "_page", page)
    with structlog.testing.capture_logs() as lines:
        for now_s in range(1200):
            assert await following.turn(float(now_s)) == (1, True), "the other goes on"
        assert [line["event"] for line in lines] == ["shadow.failed"]
        assert past.noted == [(1, "KeyError")]
        assert tried[:6] == [0, 1, 3, 7, 15, 31] and len(tried) < 15
        assert max(b - a for a, b in itertools.pairwise(tried)) == REST_S_MAX
        fault[0] = ValueError()
        now_s = 5000
        await following.turn(5000.0)
        assert past.noted[1:] == [(1, "ValueError")], "another reason is told"
        fault.clear()
        await following.turn(6000.0)
        await following.turn(6001.0)
    assert [line["event"] for line in lines] == ["shadow.failed", "shadow.failed", "shadow.goes_on"]
