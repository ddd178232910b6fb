"""Step 4, decide: facts before the policy book give all findings; the most severe one wins."""

from gateway.domain.decision import Decision, outcome_of
from gateway.domain.facts import Facts
from gateway.domain.registers import Registers
from gateway.ports import Book


def decide(facts: Facts, registers: Registers, book: Book) -> Decision:
    """Pure: the same facts under the same book give the same decision, then and in a replay."""
    findings = book.decide(facts)
    return Decision(
        outcome=outcome_of(findings),
        findings=findings,
        book_revision=book.revision,
        registers_version=registers.version,
    )
