"""Explain: what the line would decide on an instruction, with nothing written and nobody told."""

import datetime as dt
from collections.abc import Sequence

import attrs

from gateway.domain.decision import Decision, Finding, Outcome
from gateway.domain.instruction import Instruction
from gateway.domain.ledger import Demand, Short
from gateway.domain.limits import granted_limits
from gateway.domain.registers import Registers
from gateway.pipeline.admit import beyond_grant, demands_of
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import NOTHING_KNOWN, decide, limit_finding
from gateway.pipeline.identify import identify
from gateway.ports import Book


@attrs.frozen(kw_only=True)
class Explained:
    """`decision` is the line's."""

    decision: Decision
    beside: tuple[Finding, ...] = ()
    """A want of money beside what holds or blocks: the line asks the ledger only once nothing else
    stands in the way, so that the sender or a release would meet it next. What exceeds all that was
    granted needs no asking, and is part of the decision."""


def explain(instruction: Instruction, registers: Registers, book: Book, on: dt.date) -> Explained:
    """Judged alone, against the registers' own balances: nothing else is reserved or spent."""
    parties = identify(instruction, registers)
    cases = cases_of(instruction, parties, registers, on)
    demands = demands_of(instruction, parties, registers, on)
    shorts = _shorts(demands, registers)
    alone = decide(cases, NOTHING_KNOWN, registers, book).decision
    if alone.outcome is Outcome.PASS:
        known = NOTHING_KNOWN.with_sure(shorts)
        return Explained(decision=decide(cases, known, registers, book).decision)
    known = NOTHING_KNOWN.with_sure(beyond_grant(instruction, parties, demands))
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


def _shorts(demands: tuple[Demand, ...], registers: Registers) -> list[Short]:
    """What the registers' own balances could not give."""
    limits = {limit.key: limit for limit in granted_limits(registers)}
    wanted = {demand.limit: 0 for demand in demands}
    found = []
    for demand in demands:
        limit = limits.get(demand.limit)
        left = limit.available_fen if limit else 0
        if limit and demand.cap_fen is not None:
            left = min(left, demand.cap_fen - limit.opening_fen)
        wanted[demand.limit] += demand.amount_fen
        if wanted[demand.limit] > left:
            found.append(Short(demand=demand, available_fen=left))
    return found
