"""Again: what one instruction came to then, decided anew from its record; nothing is written."""

import datetime as dt
from collections.abc import Sequence

import attrs
from msgspec.structs import replace

from gateway.domain.codes import Register
from gateway.domain.decision import Decision
from gateway.domain.instruction import Instruction, paid_part
from gateway.domain.ledger import Demand
from gateway.domain.legal_day import legal_day, minute_of_day
from gateway.domain.registers import Registers
from gateway.domain.windows import WindowShare
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import Case, known_of, overrides_of, shares_of_cases, short_of
from gateway.pipeline.demands import demands_of
from gateway.pipeline.identify import identify
from gateway.pipeline.judge import Bench, judge
from gateway.ports import Book


def decide_again(
    instruction: Instruction, registers: Registers, book: Book, recorded: Decision, at: dt.datetime
) -> Decision:
    """The decision that was made `at`, from the same bytes, registers and book."""
    then = _as_then(registers, recorded)
    bench = Bench(registers=then, book=book, on=legal_day(at), minute=minute_of_day(at),
                  partial=bool(recorded.withheld))  # fmt: skip
    known, overrides = known_of(recorded.basis), overrides_of(recorded.basis)
    ruling, _ = judge(instruction, identify(instruction, then), known, bench, overrides)
    return ruling.decision


def facts_then(
    instruction: Instruction, registers: Registers, recorded: Decision, at: dt.datetime
) -> Sequence[Case]:
    """The facts as they were, limits that did not suffice among them; the whole first.

    Of a batch that passed in part, the part that passed.
    """
    then = _as_then(registers, recorded)
    paid = paid_part(instruction, recorded.withheld)
    on, minute = legal_day(at), minute_of_day(at)
    whole, *details = cases_of(paid, identify(paid, then), then, on, minute)
    facts = short_of(whole.facts, known_of(recorded.basis), then)
    return (replace(whole, facts=facts), *details)


def effect_then(
    instruction: Instruction, registers: Registers, book: Book | None, recorded: Decision,
    at: dt.datetime,
) -> tuple[tuple[Demand, ...], tuple[WindowShare, ...]]:  # fmt: skip
    """What a pass had to reserve, and what it added to windows by the book that decided, with the
    outcome that it had; none of these without a book.

    Of a batch that passed in part, the part that passed.
    """
    then = _as_then(registers, recorded)
    paid, on = paid_part(instruction, recorded.withheld), legal_day(at)
    parties = identify(paid, then)
    demands = demands_of(paid, parties, then, on)
    if book is None:
        return demands, ()
    cases = cases_of(paid, parties, then, on, minute_of_day(at))
    return demands, shares_of_cases(cases, recorded.outcome, book)


def _as_then(registers: Registers, recorded: Decision) -> Registers:
    """With those unavailable that were."""
    lost = frozenset(map(Register, recorded.basis.unavailable))
    return attrs.evolve(registers, unavailable=lost) if lost else registers
