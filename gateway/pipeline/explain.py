"""Explain: what the line would decide on an instruction, with nothing written and nobody told."""

import datetime as dt

from gateway.domain.decision import Decision, Outcome
from gateway.domain.instruction import Instruction
from gateway.domain.ledger import Demand, Short
from gateway.domain.limits import granted_limits
from gateway.domain.registers import Registers
from gateway.pipeline.admit import demands_of
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import NOTHING_KNOWN, decide
from gateway.pipeline.identify import identify
from gateway.ports import Book


def explain(instruction: Instruction, registers: Registers, book: Book, on: dt.date) -> Decision:
    """Judged alone, against the registers' own balances: nothing else is reserved or spent."""
    parties = identify(instruction, registers)
    cases = cases_of(instruction, parties, registers, on)
    decision = decide(cases, NOTHING_KNOWN, registers, book).decision
    if decision.outcome is not Outcome.PASS:
        return decision
    known = NOTHING_KNOWN
    for short in _shorts(demands_of(instruction, parties, registers, on), registers):
        known = known.learn(short)
    return decide(cases, known, registers, book).decision if known.shorts else decision


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
