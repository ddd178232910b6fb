"""One stored instruction under one book with its own past: the whole, then detail by detail."""

from collections.abc import Sequence

import attrs

from gateway.domain.decision import SEVERITY, Action, Finding, Outcome, outcome_of
from gateway.domain.facts import Facts, as_detail, changed
from gateway.domain.windows import WindowShare, of_whole_alone
from policies.book.book import Book
from policies.replay.memory import WindowMemory
from policies.replay.stored import Stored


@attrs.frozen(kw_only=True)
class Verdict:
    outcome: Outcome
    findings: tuple[Finding, ...]
    shares: tuple[WindowShare, ...]
    """What it adds to windows."""

    @property
    def actions(self) -> dict[str, Action]:
        """What each policy that fired asks for, the most severe where it fired more than once."""
        asked: dict[str, Action] = {}
        for finding in self.findings:
            before = asked.get(finding.policy, finding.action)
            asked[finding.policy] = max(before, finding.action, key=SEVERITY.__getitem__)
        return asked


def judged(book: Book, memory: WindowMemory, row: Stored) -> Verdict:
    """As the line judges: each detail sees in its windows those before it."""
    findings = book.decide(_looking_back(book, memory, row.facts, ()))
    before: list[WindowShare] = []
    for facts in row.details:
        findings += book.decide(_looking_back(book, memory, facts, before))
        before += book.shares(facts, Outcome.PASS)
    outcome = outcome_of(findings)
    if outcome is Outcome.PASS and not row.taken:
        return Verdict(outcome=outcome, findings=findings, shares=())
    return Verdict(outcome=outcome, findings=findings, shares=_shares(book, row, outcome))


def _shares(book: Book, row: Stored, outcome: Outcome) -> tuple[WindowShare, ...]:
    of_whole = book.shares(row.facts, outcome)
    if not row.details:
        return of_whole
    return (
        *of_whole_alone(of_whole, book.shares(as_detail(row.facts), outcome)),
        *(share for facts in row.details for share in book.shares(facts, outcome)),
    )


def _looking_back(
    book: Book, memory: WindowMemory, facts: Facts, own: Sequence[WindowShare]
) -> Facts:
    asks = book.asks(facts)
    return changed(facts, windows=memory.values(asks, own)) if asks else facts
