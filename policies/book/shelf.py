"""Holds the book in force: one reference, swapped whole, so that no decision sees two books."""

from collections.abc import Callable, Iterable

from gateway.domain.decision import SEVERITY, Finding, Outcome
from gateway.domain.facts import Facts
from gateway.domain.windows import WindowAsk, WindowShare
from policies.book.book import Book
from policies.book.breaker import Breaker, Trip, softened

HELD_MARK = "~"
"""Stands in a revision before the policies that held instead of blocking: a replay needs them."""


class Bookshelf:
    """Fits gateway.ports.Book. A breaker also needs the clock that it counts by."""

    def __init__(
        self, book: Book, *, breaker: Breaker | None = None,
        monotonic: Callable[[], float] = lambda: 0.0,
        alarm: Callable[[Trip], None] = lambda trip: None,
    ) -> None:  # fmt: skip
        self._book = book
        self._breaker = breaker
        self._monotonic = monotonic
        self._alarm = alarm
        self._revision = book.revision

    @property
    def current(self) -> Book:
        return self._book

    @property
    def revision(self) -> str:
        """The book's digest; and, after HELD_MARK, the policies that the breaker has tripped."""
        return self._revision

    @property
    def tripped(self) -> tuple[Trip, ...]:
        return tuple(self._breaker.tripped.values()) if self._breaker else ()

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        findings = self._book.decide(facts)
        breaker = self._breaker
        if breaker is None:
            return findings
        trips = breaker.observe(findings, self._monotonic())
        for trip in trips:
            self._alarm(trip)
        if trips:
            self._rename()
        return held_instead(findings, breaker.tripped) if breaker.tripped else findings

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        return self._book.asks(facts)

    def shares(self, facts: Facts, outcome: Outcome = Outcome.PASS) -> tuple[WindowShare, ...]:
        return self._book.shares(facts, outcome)

    def replace(self, book: Book) -> None:
        """Put another book in force. Policies that were tripped and changed since block again."""
        if self._breaker:
            before, after = _documents(self._book), _documents(book)
            for policy in [p for p in self._breaker.tripped if before.get(p) != after.get(p)]:
                self._breaker.reset(policy)
        self._book = book
        self._rename()

    def reset(self, policy: str) -> None:
        """A person has looked at a tripped policy: it blocks again."""
        if self._breaker:
            self._breaker.reset(policy)
            self._rename()

    def _rename(self) -> None:
        held = sorted(self._breaker.tripped) if self._breaker else []
        self._revision = self._book.revision + (HELD_MARK + ",".join(held) if held else "")


def held_instead(findings: tuple[Finding, ...], tripped: Iterable[str]) -> tuple[Finding, ...]:
    """The findings with the blocks of these policies as holds, most severe first again."""
    policies = frozenset(tripped)
    if not any(f.policy in policies for f in findings):
        return findings
    changed = [softened(f) if f.policy in policies else f for f in findings]
    return tuple(sorted(changed, key=lambda f: (-SEVERITY[f.action], f.policy)))


def _documents(book: Book) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for unit in book.units:
        found.setdefault(unit.policy.id, []).append(unit.policy.content)
    return found
