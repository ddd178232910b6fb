"""Explain: what the line would decide on an instruction, with nothing written and nobody told."""

import datetime as dt
from collections.abc import Sequence

import attrs

from gateway.domain.decision import Decision, Finding, Outcome
from gateway.domain.instruction import Instruction
from gateway.domain.limits import granted_limits, in_want_of
from gateway.domain.registers import Registers
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import NOTHING_KNOWN, decide, limit_finding
from gateway.pipeline.demands import demands_of, lacking_unasked
from gateway.pipeline.identify import identify
from gateway.ports import Book


@attrs.frozen(kw_only=True)
class Explained:
    """`decision` is the line's."""

    decision: Decision
    beside: tuple[Finding, ...] = ()
    """A want of money beside what blocks: the line asks the ledger only where nothing blocks, so
    that the sender would meet it next. What exceeds all that was granted needs no asking, and is
    part of the decision."""


def explain(instruction: Instruction, registers: Registers, book: Book, on: dt.date) -> Explained:
    """Judged alone, against the registers' own balances: nothing else is reserved or spent."""
    parties = identify(instruction, registers)
    cases = cases_of(instruction, parties, registers, on)
    demands = demands_of(instruction, parties, registers, on)
    shorts = in_want_of(demands, {limit.key: limit for limit in granted_limits(registers)})
    alone = decide(cases, NOTHING_KNOWN, registers, book).decision
    if alone.outcome is Outcome.PASS:
        known = NOTHING_KNOWN.with_sure(shorts)
        return Explained(decision=decide(cases, known, registers, book).decision)
    sure = lacking_unasked(alone.outcome, instruction, parties, demands)
    known = NOTHING_KNOWN.with_sure(shorts if sure is None else sure)
    decision = decide(cases, known, registers, book).decision
    beside: list[Finding] = []
    for short in shorts:
        found = decide(cases, NOTHING_KNOWN.learn(short), registers, book).decision.findings
        more = _beyond(found, alone)
        beside += _beyond(more, decision) if more else [limit_finding(short)]
    return Explained(decision=decision, beside=tuple(beside))


def _beyond(findings: Sequence[Finding], decision: Decision) -> Sequence[Finding]:
    """Those that the decision does not name."""
    said = {(each.policy, each.detail) for each in decision.findings}
    return [each for each in findings if (each.policy, each.detail) not in said]
