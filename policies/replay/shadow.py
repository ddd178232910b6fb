"""Shadow: a candidate book on instructions that the live book has decided; never enforced."""

import datetime as dt
from collections.abc import Iterable

import attrs

from gateway.domain.decision import Action, Decision, Finding, Outcome
from policies.book.book import Book
from policies.replay.memory import WindowMemory
from policies.replay.stored import Stored
from policies.replay.whole import judged

WARNED = "warned"
"""A pass with a warning, beside the outcomes' own words."""
BOTH_KNOW = frozenset({"LIMIT", "BOOK"})
"""Findings of the line and of the book itself, not of a policy."""


@attrs.frozen(kw_only=True)
class Otherwise:
    """What the candidate would have decided, where it differs."""

    before: str
    """An outcome's word, or `WARNED`."""
    after: str
    policies: tuple[str, ...]
    """Those that the two ask differently."""
    reason_zh: str
    """The candidate's words for what it refuses, the live ones for what it would release."""


class Shadow:
    """One candidate with its own past: its windows count what it would have passed."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._memory = WindowMemory()
        windows = [window for unit in book.units for window in unit.windows]
        self.days_back = max((window.days for window in windows), default=0)
        """How far its windows look back."""

    def look(self, row: Stored) -> None:
        """Remember what came before the comparison begins."""
        self._memory.add(judged(self._book, self._memory, row).shares)

    def compare(self, row: Stored, live: Decision) -> Otherwise | None:
        """None if the outcome is the same, and a pass is warned of by both or by neither. A limit
        that did not suffice is so for both."""
        found = judged(self._book, self._memory, row)
        self._memory.add(found.shares)
        short = [each for each in live.findings if each.policy in BOTH_KNOW]
        before = standing(live.outcome, live.findings)
        after = standing(found.outcome, found.findings)
        if before == after or (short and found.outcome is Outcome.PASS):
            return None
        was = {(each.policy, each.action) for each in live.findings}
        now = {(each.policy, each.action) for each in found.findings}
        policies = tuple(sorted({policy for policy, _ in was ^ now}))
        milder = _RANK[after] < _RANK[before]
        said = live.findings if milder else found.findings
        return Otherwise(
            before=before, after=after, policies=policies, reason_zh=_reason(said, policies)
        )

    def forget(self, today: dt.date) -> None:
        self._memory.forget(today - dt.timedelta(days=self.days_back))


_RANK: dict[str, int] = {
    Outcome.PASS.value: 0, WARNED: 1, Outcome.HOLD.value: 2, Outcome.BLOCK.value: 3
}  # fmt: skip


def standing(outcome: Outcome, findings: Iterable[Finding]) -> str:
    """The outcome's word; `WARNED` for a pass of which some policy warns."""
    if outcome is Outcome.PASS and any(each.action is Action.WARN for each in findings):
        return WARNED
    return outcome.value


def _reason(said: tuple[Finding, ...], policies: tuple[str, ...]) -> str:
    return next((each.reason_zh for each in said if each.policy in policies), "")
