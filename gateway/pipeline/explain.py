"""Explain: what the line would decide on an instruction, with nothing written and nobody told."""

import datetime as dt

import attrs

from gateway.domain.decision import Decision, Finding, Outcome
from gateway.domain.instruction import Instruction
from gateway.domain.ledger import Demand, Short
from gateway.domain.limits import granted_limits
from gateway.domain.registers import Registers
from gateway.pipeline.admit import demands_of
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import NOTHING_KNOWN, decide, limit_finding
from gateway.pipeline.identify import identify
from gateway.ports import Book


@attrs.frozen(kw_only=True)
class Explained:
    """`decision` is the line's."""

    decision: Decision
    beside: tuple[Finding, ...] = ()
    """A want of money beside what holds or blocks: the line asks for money only once nothing else
    stands in the way, so that the sender or a release would meet it next."""


def explain(instruction: Instruction, registers: Registers, book: Book, on: dt.date) -> Explained:
    """Judged alone, against the registers' own balances: nothing else is reserved or spent."""
    parties = identify(instruction, registers)
    cases = cases_of(instruction, parties, registers, on)
    decision = decide(cases, NOTHING_KNOWN, registers, book).decision
    shorts = _shorts(demands_of(instruction, parties, registers, on), registers)
    if decision.outcome is not Outcome.PASS:
        said = {(each.policy, each.detail) for each in decision.findings}
        beside: list[Finding] = []
        for short in shorts:
            known = NOTHING_KNOWN.learn(short)
            found = decide(cases, known, registers, book).decision.findings
            more = [each for each in found if (each.policy, each.detail) not in said]
            beside += more or [limit_finding(short)]
        return Explained(decision=decision, beside=tuple(beside))
    known = NOTHING_KNOWN
    for short in shorts:
        known = known.learn(short)
    if known.shorts:
        decision = decide(cases, known, registers, book).decision
    return Explained(decision=decision)


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
