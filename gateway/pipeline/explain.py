"""Explain: what the line would decide on an instruction, with nothing written and nobody told."""

import datetime as dt

import attrs

from gateway.domain.decision import Decision, Outcome
from gateway.domain.instruction import Instruction
from gateway.domain.money import Fen
from gateway.domain.registers import Registers
from gateway.pipeline.decide import decide
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify
from gateway.ports import Book


def explain(instruction: Instruction, registers: Registers, book: Book, on: dt.date) -> Decision:
    """Judged alone, against the registers' own balances: nothing else is reserved or spent."""
    parties = identify(instruction, registers)
    facts = facts_of(instruction, parties, registers, on)
    decision = decide(facts, registers, book)
    if decision.outcome is not Outcome.PASS:
        return decision
    indicator = parties.indicator
    available = 0
    if indicator:
        available = indicator.granted_fen - indicator.posted_fen - indicator.frozen_fen
    if available >= instruction.amount_fen:
        return decision
    short = attrs.evolve(facts, indicator_available=Fen(available))
    return decide(short, registers, book)
