"""The block-rate breaker: a policy that suddenly refuses everybody holds, and a person is called.

A state machine of numbers passed in; it knows no clock. It counts decisions in short slices of
time; a policy that blocks more than its share of the recent ones is tripped until a person resets.
"""

from collections import Counter, deque
from collections.abc import Sequence

import attrs

from gateway.domain.decision import Action, Finding, Light

SLICES = 30
"""Slices in one span: old decisions are forgotten by the slice."""


@attrs.frozen(kw_only=True)
class BreakerRules:
    share_percent: int = 30
    """Tripped when it blocks more than this share of the decisions of one span."""
    decisions_least: int = 200
    """Fewer decisions than this in one span prove nothing."""
    span_s: float = 300.0


@attrs.frozen(kw_only=True)
class Trip:
    """What the person who is called gets to read."""

    policy: str
    at: float
    """On the clock that was passed in."""
    blocked: int
    decisions: int


@attrs.define
class _Slice:
    start: float
    decisions: int = 0
    blocked: Counter[str] = attrs.field(factory=Counter)


class Breaker:
    def __init__(self, rules: BreakerRules | None = None) -> None:
        self.rules = rules or BreakerRules()
        self.tripped: dict[str, Trip] = {}
        self._slice_s = self.rules.span_s / SLICES
        self._slices: deque[_Slice] = deque()
        self._decisions = 0
        self._blocked: Counter[str] = Counter()

    def observe(self, findings: Sequence[Finding], now: float) -> tuple[Trip, ...]:
        """Count one decision of the book itself; the trips it causes. `now` never runs back."""
        current = self._current(now)
        current.decisions += 1
        self._decisions += 1
        if not findings:
            return ()
        trips = []
        for finding in findings:
            if finding.action is Action.BLOCK:
                current.blocked[finding.policy] += 1
                self._blocked[finding.policy] += 1
                if self._too_many(finding.policy):
                    trips.append(self._trip(finding.policy, now))
        return tuple(trips)

    def reset(self, policy: str) -> None:
        """A person has looked at it: it blocks again, and its count begins anew."""
        self.tripped.pop(policy, None)
        self._blocked.pop(policy, None)
        for one in self._slices:
            one.blocked.pop(policy, None)

    def _current(self, now: float) -> _Slice:
        slices = self._slices
        if not slices or now - slices[-1].start >= self._slice_s:
            slices.append(_Slice(start=now))
            while now - slices[0].start >= self.rules.span_s:
                old = slices.popleft()
                self._decisions -= old.decisions
                self._blocked -= old.blocked
        return slices[-1]

    def _too_many(self, policy: str) -> bool:
        return (
            policy not in self.tripped
            and self._decisions >= self.rules.decisions_least
            and self._blocked[policy] * 100 > self._decisions * self.rules.share_percent
        )

    def _trip(self, policy: str, now: float) -> Trip:
        trip = Trip(policy=policy, at=now, blocked=self._blocked[policy], decisions=self._decisions)
        self.tripped[policy] = trip
        return trip


def softened(finding: Finding) -> Finding:
    """A block of a tripped policy as a hold that says so; anything else as it is."""
    if finding.action is not Action.BLOCK:
        return finding
    return attrs.evolve(
        finding,
        action=Action.HOLD,
        light=Light.ORANGE,
        mender="bureau",
        reason_zh=finding.reason_zh + "（本规则近期拦截比例异常，暂转挂起，待财政部门人工核对。）",
        reason_en=finding.reason_en
        + " (This policy blocks unusually many just now: held for a person to check.)",
    )
