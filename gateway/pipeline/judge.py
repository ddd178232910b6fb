"""Step 4, decide, as the line asks for it: an instruction judged whole and detail by detail.

Where the division takes parts of a batch the sound details pass, the others are withheld; the bytes
stay whole. What passes is judged once more as a voucher of its own: without the withheld details,
with the sum of the others. A withheld detail is not paid by this voucher, ever: it is sent anew in
another one. A division without this setting holds or refuses a voucher whole for one bad detail.
"""

import datetime as dt
from collections.abc import Collection

import msgspec
from msgspec.structs import replace

from gateway.domain.bank import LeftOut
from gateway.domain.decision import Action, Finding, Outcome
from gateway.domain.holds import FindingName
from gateway.domain.instruction import Instruction, paid_part
from gateway.domain.ledger import Demand
from gateway.domain.parties import Parties
from gateway.domain.registers import Registers
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import Known, Ruling, decide, of_one_book
from gateway.pipeline.demands import demands_of
from gateway.ports import Book

_STOPS = frozenset({Action.HOLD, Action.BLOCK})


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What one instruction is judged with; `minute` is that of the legal day `on`."""

    registers: Registers
    book: Book
    on: dt.date
    minute: int | None
    partial: bool
    """Whether the division and its bank take parts of a batch."""


def judge(
    instruction: Instruction, parties: Parties, known: Known, bench: Bench,
    overrides: Collection[FindingName] = (),
) -> tuple[Ruling, tuple[Demand, ...]]:  # fmt: skip
    """The ruling, and what a pass reserves. Pure, but for a breaker that counts."""
    return of_one_book(bench.book, lambda: _judged(instruction, parties, known, bench, overrides))


def _judged(
    instruction: Instruction, parties: Parties, known: Known, bench: Bench,
    overrides: Collection[FindingName],
) -> tuple[Ruling, tuple[Demand, ...]]:  # fmt: skip
    ruling, demands = _whole(instruction, parties, known, bench, overrides)
    if not (bench.partial and instruction.details) or ruling.decision.outcome is Outcome.PASS:
        return ruling, demands
    return _part(instruction, parties, known, bench, ruling) or (ruling, demands)


def left_out(instruction: Instruction, withheld: Collection[str]) -> LeftOut | None:
    """What the bank is told beside the bytes; None if all of it is paid."""
    if not withheld:
        return None
    places = [n for n, each in enumerate(instruction.details, 1) if each.id in withheld]
    return LeftOut(places=tuple(places), paid_fen=paid_part(instruction, withheld).amount_fen)


def _whole(
    instruction: Instruction, parties: Parties, known: Known, bench: Bench,
    overrides: Collection[FindingName] = (),
) -> tuple[Ruling, tuple[Demand, ...]]:  # fmt: skip
    cases = cases_of(instruction, parties, bench.registers, bench.on, bench.minute)
    ruling = decide(cases, known, bench.registers, bench.book, overrides)
    return ruling, demands_of(instruction, parties, bench.registers, bench.on)


def _part(
    instruction: Instruction, parties: Parties, known: Known, bench: Bench, ruling: Ruling
) -> tuple[Ruling, tuple[Demand, ...]] | None:
    """None if no part of it passes by itself. Head, indicator and papers are the voucher's."""
    withheld: set[str] = set()
    why: list[Finding] = []
    asks = {ask.key: ask for ask in ruling.asks}
    while ruling.decision.outcome is not Outcome.PASS:
        findings = ruling.decision.findings
        bad = {each.detail for each in findings if each.detail and each.action in _STOPS}
        withheld |= bad
        if not bad or len(withheld) >= len(instruction.details):
            return None
        why += [each for each in findings if each.detail in bad]
        paid = paid_part(instruction, withheld)
        ruling, demands = _whole(paid, parties, known, bench)
        asks |= {ask.key: ask for ask in ruling.asks}
    order = tuple(each.id for each in instruction.details if each.id in withheld)
    decision = replace(ruling.decision, findings=(*ruling.decision.findings, *why), withheld=order)
    return replace(ruling, decision=decision, asks=tuple(asks.values())), demands
