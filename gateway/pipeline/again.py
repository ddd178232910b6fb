"""Again: what one instruction came to then, decided anew from its record; nothing is written."""

import datetime as dt
from collections.abc import Sequence

import attrs

from gateway.domain.codes import Register
from gateway.domain.decision import Decision
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day, minute_of_day
from gateway.domain.registers import Registers
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import Case, Known, decide, known_of, overrides_of, short_of
from gateway.pipeline.identify import identify
from gateway.ports import Book


def decide_again(
    instruction: Instruction, registers: Registers, book: Book, recorded: Decision, at: dt.datetime
) -> Decision:
    """The decision that was made `at`, from the same bytes, registers and book."""
    then, known, cases = _as_then(instruction, registers, recorded, at)
    return decide(cases, known, then, book, overrides_of(recorded.basis)).decision


def facts_then(
    instruction: Instruction, registers: Registers, recorded: Decision, at: dt.datetime
) -> Sequence[Case]:
    """The facts as they were, limits that did not suffice among them; the whole first."""
    _, known, cases = _as_then(instruction, registers, recorded, at)
    whole, *details = cases
    return (attrs.evolve(whole, facts=short_of(whole.facts, known)), *details)


def _as_then(
    instruction: Instruction, registers: Registers, recorded: Decision, at: dt.datetime
) -> tuple[Registers, Known, Sequence[Case]]:
    lost = frozenset(map(Register, recorded.basis.unavailable))
    then = attrs.evolve(registers, unavailable=lost) if lost else registers
    parties = identify(instruction, then)
    cases = cases_of(instruction, parties, then, legal_day(at), minute_of_day(at))
    return then, known_of(recorded.basis), cases
