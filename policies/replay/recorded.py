"""Replays one recorded decision: the same facts under the same book give the same bytes."""

import attrs

from gateway.domain.decision import Decision, Finding, Outcome, stored
from gateway.domain.facts import Facts
from gateway.domain.windows import WindowAsk, WindowShare
from policies.book.book import Book
from policies.book.shelf import HELD_MARK, held_instead


@attrs.frozen(kw_only=True)
class Replayed:
    same: bool
    """Bit for bit, as the ledger keeps it."""
    recorded: bytes
    now: bytes
    differing: tuple[str, ...]
    """Policies whose findings differ, in either direction."""


class AsRecorded:
    """A book under the name it had then: policies that the breaker had tripped hold."""

    def __init__(self, book: Book, revision: str) -> None:
        """Raises ValueError for another book than the one that decided."""
        name, _, held = revision.partition(HELD_MARK)
        if name != book.revision:
            raise ValueError(f"decided by book {name}, this is {book.revision}")
        self.revision = revision
        self._book = book
        self._held = held.split(",") if held else []

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        findings = self._book.decide(facts)
        return held_instead(findings, self._held) if self._held else findings

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        return self._book.asks(facts)

    def shares(self, facts: Facts, outcome: Outcome = Outcome.PASS) -> tuple[WindowShare, ...]:
        return self._book.shares(facts, outcome)


def compared(recorded: Decision, now: Decision) -> Replayed:
    """What was recorded beside what came of it now, as the ledger would keep both."""
    before, after = stored(recorded), stored(now)
    then, again = _by_policy(recorded), _by_policy(now)
    differing = sorted(id for id in {*then, *again} if then.get(id) != again.get(id))
    return Replayed(same=before == after, recorded=before, now=after, differing=tuple(differing))


def _by_policy(decision: Decision) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in decision.findings:
        found.setdefault(finding.policy, []).append(finding)
    return found
