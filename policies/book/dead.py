"""Refuses clauses that can never be false, or never true, and rows that can never fire."""

from collections.abc import Iterator, Sequence

from policies.book.unit import Unit
from policies.language.errors import Problem
from policies.language.satisfy import Patience, possible
from policies.language.typed import All, Any, Constant, Expr, Has
from policies.language.types import BOOL

ALWAYS = Constant(True, BOOL)
"""`'true'` where a policy has only causes: it says on purpose that nothing else is asked."""


def dead(unit: Unit) -> Iterator[Problem | None]:
    """Only what is proven: see `policies.language.satisfy`. None: time for others to go on."""
    patience = Patience()
    so_far: list[Expr] = []
    for clause in unit.clauses:
        if clause.expr == ALWAYS and unit.causes:
            continue
        place = f"{unit.policy.place}.when.{clause.name}"
        found = list(_dead(clause.expr, so_far, place, patience))
        yield from found
        if found:
            return
        so_far.append(clause.expr)
        yield None
    for cause in unit.causes:
        place = f"{unit.policy.place}.cause.{cause.id}"
        yield from _dead(cause.expr, so_far, place, patience)
        yield None
    if unit.causes:
        so_far.append(Any(tuple(cause.expr for cause in unit.causes)))
    for rule in unit.exceptions:
        if not possible([*so_far, rule.condition()], patience=patience):
            place = f"{unit.policy.place}.unless.{rule.id}"
            yield _problem(place, "这个例外永远不会成立", "this exception can never hold")
        yield None
    if not possible([unit.condition], patience=patience):
        place = unit.policy.place
        yield _problem(place, "总有例外成立，规则永不触发", "some exception always holds")


def _dead(expr: Expr, given: Sequence[Expr], place: str, patience: Patience) -> Iterator[Problem]:
    """A condition that says nothing where the clauses before it hold."""
    if not possible([*given, expr], patience=patience):
        yield _problem(
            place, "在前面的条款成立时永远不会成立", "can never hold where the clauses before it do"
        )
        return
    if not possible(given, [expr], patience):
        yield _problem(
            place,
            "在前面的条款成立时总是成立，是多余的",
            "always holds where the clauses before do",
        )
        return
    if isinstance(expr, All):
        for number, operand in enumerate(expr.operands):
            if not isinstance(operand, Has):
                yield from _dead(operand, [*given, *expr.operands[:number]], place, patience)
    if isinstance(expr, Any):
        for number, operand in enumerate(expr.operands, 1):
            if not possible([*given, operand], patience=patience):
                zh, en = f"“||”的第 {number} 项永远不会成立", f"part {number} of || can never hold"
                yield _problem(place, zh, en)


def _problem(place: str, zh: str, en: str) -> Problem:
    return Problem(place=place, column=0, zh=zh, en=en)
