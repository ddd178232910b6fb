"""Judges one unit on one instruction by interpreting it: what fired, why, what nearly excused."""

import attrs

from gateway.domain.facts import Facts
from policies.book.unit import Clause, ExceptionRule, Reason, Unit
from policies.language.interpret import (
    Truth,
    conjunction,
    disjunction,
    negation,
    truth,
)


@attrs.frozen(kw_only=True)
class ExceptionState:
    rule: ExceptionRule
    fits: Truth
    """Its condition alone."""
    holds: Truth
    """Its condition, its evidence and its approvals."""
    missing: tuple[str, ...]
    """Values of Evidence and ApprovalKind that would complete it; empty unless it fits."""


@attrs.frozen(kw_only=True)
class Judgement:
    fired: Truth
    clauses: tuple[tuple[Clause, Truth], ...]
    """As far as they were asked: a false clause ends it, as nothing after it can matter."""
    causes: tuple[tuple[Reason, Truth], ...]
    exceptions: tuple[ExceptionState, ...]

    @property
    def near(self) -> ExceptionState | None:
        """The exception that fits and lacks the fewest papers; the first of equals."""
        if not self.exceptions:
            return None
        lacking = [s for s in self.exceptions if s.fits is True and s.missing]
        return min(lacking, key=lambda s: len(s.missing), default=None)

    @property
    def held(self) -> str:
        """The id of the exception that excused it; empty if none did."""
        return next((s.rule.id for s in self.exceptions if s.holds is True), "")


def judge(unit: Unit, facts: Facts) -> Judgement:
    """Fired is unavailable only if neither answer is certain without what could not be asked."""
    clauses: list[tuple[Clause, Truth]] = []
    for clause in unit.clauses:
        clauses.append((clause, truth(clause.expr, facts)))
        if clauses[-1][1] is False:
            return Judgement(fired=False, clauses=tuple(clauses), causes=(), exceptions=())
    broken = conjunction([found for _, found in clauses])
    if not unit.causes and not unit.exceptions:
        return Judgement(fired=broken, clauses=tuple(clauses), causes=(), exceptions=())
    causes = tuple((cause, truth(cause.expr, facts)) for cause in unit.causes)
    if causes:
        broken = conjunction((broken, disjunction(found for _, found in causes)))
    exceptions: tuple[ExceptionState, ...] = ()
    if broken is not False:
        exceptions = tuple(_state(rule, facts) for rule in unit.exceptions)
    fired = conjunction((broken, *(negation(state.holds) for state in exceptions)))
    return Judgement(fired=fired, clauses=tuple(clauses), causes=causes, exceptions=exceptions)


def judge_fired(unit: Unit, facts: Facts) -> Judgement:
    """What `judge` says of a unit that has fired, of facts of which none is unavailable, asked of
    generated code part by part: a tenth as dear. Clauses are left out, for no words need them."""
    causes = tuple(zip(unit.causes, [ask(facts) for ask in unit.cause_asks], strict=True))
    exceptions = tuple(
        _with_papers(rule, ask(facts), facts)
        for rule, ask in zip(unit.exceptions, unit.exception_asks, strict=True)
    )
    fired = (
        unit.predicate(facts)
        and (not causes or any(found for _, found in causes))
        and not any(state.holds is True for state in exceptions)
    )
    return Judgement(fired=fired, clauses=(), causes=causes, exceptions=exceptions)


def _state(rule: ExceptionRule, facts: Facts) -> ExceptionState:
    return _with_papers(rule, truth(rule.expr, facts), facts)


def _with_papers(rule: ExceptionRule, fits: Truth, facts: Facts) -> ExceptionState:
    if fits is False:
        return ExceptionState(rule=rule, fits=False, holds=False, missing=())
    holds = conjunction((fits, rule.evidence.state(facts), rule.approvals.state(facts)))
    missing = rule.evidence.missing(facts) + rule.approvals.missing(facts)
    return ExceptionState(rule=rule, fits=fits, holds=holds, missing=missing)
