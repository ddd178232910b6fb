"""Makes every small mistake that an author could have made: the tests must notice each of them."""

from collections.abc import Iterator, Sequence

import attrs

from policies.book.papers import Papers
from policies.book.unit import ExceptionRule, Unit
from policies.language.satisfy import possible
from policies.language.typed import (
    All,
    Any,
    Arithmetic,
    Compare,
    Constant,
    ContainsAny,
    Empty,
    Expr,
    Has,
    Negate,
    Not,
    OneOf,
    Overlaps,
    Read,
    Under,
)
from policies.language.types import BOOL, COUNT, MONEY
from policies.proof.guard import sound

_SIGNS = {
    "==": ("!=",),
    "!=": ("==",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
}
_TRUE = Constant(True, BOOL)


@attrs.frozen(kw_only=True)
class Mutant:
    """One mistake: where, what, and the unit that has it."""

    place: str
    what: str
    unit: Unit


def mutants(unit: Unit) -> Iterator[Mutant]:
    """All that a book would load and that mean something else."""
    for mutant in _all(unit):
        if sound(mutant.unit):
            yield mutant


def _all(unit: Unit) -> Iterator[Mutant]:
    yield from _of_clauses(unit)
    yield from _of_causes(unit)
    yield from _of_exceptions(unit)


def _of_clauses(unit: Unit) -> Iterator[Mutant]:
    for n, clause in enumerate(unit.clauses):
        others = [c.expr for k, c in enumerate(unit.clauses) if k != n]
        for what, expr in (*_variants(clause.expr), ("clause dropped", _TRUE)):
            if _differs(clause.expr, expr, others):
                changed = attrs.evolve(clause, expr=expr)
                clauses = (*unit.clauses[:n], changed, *unit.clauses[n + 1 :])
                yield Mutant(place=f"when.{clause.name}", what=what,
                             unit=attrs.evolve(unit, clauses=clauses))  # fmt: skip


def _of_causes(unit: Unit) -> Iterator[Mutant]:
    given = [clause.expr for clause in unit.clauses]
    for n, cause in enumerate(unit.causes):
        before, after = unit.causes[:n], unit.causes[n + 1 :]
        place = f"cause.{cause.id}"
        others = [c.expr for c in (*before, *after)]
        for what, expr in _variants(cause.expr):
            if _differs(cause.expr, expr, given, others):
                causes = (*before, attrs.evolve(cause, expr=expr), *after)
                yield Mutant(place=place, what=what, unit=attrs.evolve(unit, causes=causes))
        if others and possible([*given, cause.expr], others):
            causes = (*before, *after)
            yield Mutant(place=place, what="dropped", unit=attrs.evolve(unit, causes=causes))


def _of_exceptions(unit: Unit) -> Iterator[Mutant]:
    given = [clause.expr for clause in unit.clauses]
    if unit.causes:
        given.append(Any(tuple(cause.expr for cause in unit.causes)))
    for n, rule in enumerate(unit.exceptions):
        before, after = unit.exceptions[:n], unit.exceptions[n + 1 :]
        place = f"unless.{rule.id}"
        exceptions: tuple[ExceptionRule, ...] = (*before, *after)
        yield Mutant(place=place, what="dropped", unit=attrs.evolve(unit, exceptions=exceptions))
        for what, changed in _of_rule(rule, given):
            exceptions = (*before, changed, *after)
            yield Mutant(place=place, what=what, unit=attrs.evolve(unit, exceptions=exceptions))


def _of_rule(rule: ExceptionRule, given: list[Expr]) -> Iterator[tuple[str, ExceptionRule]]:
    for what, expr in _variants(rule.expr):
        if _differs(rule.expr, expr, given):
            yield what, attrs.evolve(rule, expr=expr)
    for what, papers in _without_one(rule.evidence):
        yield what, attrs.evolve(rule, evidence=papers)
    for what, papers in _without_one(rule.approvals):
        yield what, attrs.evolve(rule, approvals=papers)


def _without_one(papers: Papers) -> Iterator[tuple[str, Papers]]:
    for n, one in enumerate(papers.alternatives):
        before, after = papers.alternatives[:n], papers.alternatives[n + 1 :]
        for paper in one:
            left = tuple(p for p in one if p != paper)
            changed = (*before, left, *after) if left or before or after else ()
            yield f"paper {paper} dropped", attrs.evolve(papers, alternatives=changed)


def _differs(
    expr: Expr, other: Expr, given: Sequence[Expr], none_of: Sequence[Expr] = ()
) -> bool:  # fmt: skip
    """Not proven to mean the same wherever all of `given` hold and none of `none_of` does."""
    return possible([*given, expr], [*none_of, other]) or possible(
        [*given, other], [*none_of, expr]
    )


def _variants(expr: Expr) -> Iterator[tuple[str, Expr]]:
    """Every change at one place of the expression."""
    match expr:
        case Not(operand):
            yield "! dropped", operand
            for what, changed in _variants(operand):
                yield what, Not(changed)
        case All(operands) | Any(operands):
            yield from _of_chain(expr, operands)
        case Compare(sign, left, right):
            yield from _of_compare(sign, left, right)
        case Read() | OneOf() | Under() | ContainsAny() | Has() | Empty():
            yield "turned into its opposite", Not(expr)
            if isinstance(expr, ContainsAny) and expr.apart:
                yield "phrases set apart dropped", ContainsAny(expr.operand, expr.words)
        case Overlaps(fact, values, every):
            yield "turned into its opposite", Not(expr)
            if len(values) > 1:
                yield "any for all", Overlaps(fact, values, not every)
        case _:
            return


def _of_chain(expr: All | Any, operands: tuple[Expr, ...]) -> Iterator[tuple[str, Expr]]:
    make, other = (All, Any) if isinstance(expr, All) else (Any, All)
    yield ("|| for &&" if make is All else "&& for ||"), other(operands)
    for n, operand in enumerate(operands):
        before, after = operands[:n], operands[n + 1 :]
        yield f"part {n + 1} dropped", make((*before, *after))
        for what, changed in _variants(operand):
            yield what, make((*before, changed, *after))


def _of_compare(sign: str, left: Expr, right: Expr) -> Iterator[tuple[str, Expr]]:
    for other in _SIGNS[sign]:
        yield f"{other} for {sign}", Compare(other, left, right)
    for what, changed in _numbers(left):
        yield what, Compare(sign, changed, right)
    for what, changed in _numbers(right):
        yield what, Compare(sign, left, changed)


def _numbers(expr: Expr) -> Iterator[tuple[str, Expr]]:
    match expr:
        case Constant(value, type) if type in (MONEY, COUNT) and isinstance(value, int):
            yield f"{value + 1} for {value}", Constant(value + 1, type)
            yield f"{value - 1} for {value}", Constant(value - 1, type)
        case Negate(operand, type):
            for what, changed in _numbers(operand):
                yield what, Negate(changed, type)
        case Arithmetic(sign, left, right, type):
            if sign in "+-":
                other = "-" if sign == "+" else "+"
                yield f"{other} for {sign}", Arithmetic(other, left, right, type)
            for what, changed in _numbers(left):
                yield what, Arithmetic(sign, changed, right, type)
            for what, changed in _numbers(right):
                yield what, Arithmetic(sign, left, changed, type)
        case _:
            return
