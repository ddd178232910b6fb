"""Replays one recorded decision: the same facts under the same book give the same bytes."""

import attrs

from gateway.domain.decision import Decision, outcome_of, stored
from gateway.domain.facts import Facts
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


def replay(book: Book, facts: Facts, recorded: Decision) -> Replayed:
    """`facts` with the windows' values that were proven then. Raises ValueError for another book.

    Policies that the breaker had tripped at the time stand in the recorded revision, and hold.
    """
    revision, _, held = recorded.book_revision.partition(HELD_MARK)
    if revision != book.revision:
        raise ValueError(f"decided by book {revision}, this is {book.revision}")
    findings = book.decide(facts)
    if held:
        findings = held_instead(findings, held.split(","))
    decision = attrs.evolve(recorded, findings=findings, outcome=outcome_of(findings))
    before, after = stored(recorded), stored(decision)
    then = {finding.policy: finding for finding in recorded.findings}
    now = {finding.policy: finding for finding in findings}
    differing = sorted(id for id in {*then, *now} if then.get(id) != now.get(id))
    return Replayed(same=before == after, recorded=before, now=after, differing=tuple(differing))
