"""A policy compiled for one stretch of days: parameters folded in, clauses typed and proven."""

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cached_property

import attrs

from gateway.domain.codes import Register
from gateway.domain.decision import Action, Outcome
from gateway.domain.windows import Measure
from policies.book.document import Policy, Wording
from policies.book.papers import Papers
from policies.book.template import Template
from policies.language.generate import Group, Predicate, group, predicate
from policies.language.typed import All, Any, Expr, Not, facts_of
from policies.language.types import Fact

CLAIMS = frozenset({"exemption", "cash_reason", "business_type"})
"""The facts by which an agency may claim an exception."""


@attrs.frozen(kw_only=True)
class Sentence:
    zh: Template
    en: Template


@attrs.frozen(kw_only=True)
class Clause:
    name: str
    text: str
    expr: Expr


@attrs.frozen(kw_only=True)
class Reason:
    """A cause, compiled."""

    id: str
    article: str
    text: str
    expr: Expr
    action: Action
    sentence: Sentence


@attrs.frozen(kw_only=True)
class ExceptionRule:
    """An exception, compiled."""

    id: str
    article: str
    title: Wording
    text: str
    expr: Expr
    evidence: Papers
    approvals: Papers

    def condition(self) -> Expr:
        return All((self.expr, self.evidence.expr(), self.approvals.expr()))


@attrs.frozen(kw_only=True)
class RemarkRule:
    """A remark, compiled."""

    expr: Expr
    reason: Sentence
    remedy: Sentence | None


@attrs.frozen(kw_only=True)
class UnitWindow:
    """A window, compiled."""

    id: str
    measure: Measure
    key: tuple[Fact, ...]
    of: Fact | None
    days: int
    counts: tuple[Outcome, ...]
    where: Expr
    """Which instructions it counts."""
    asked: Expr
    """On which instructions its value may change what is found; knows no window's value."""


@attrs.frozen(kw_only=True)
class Unit:
    """What the book decides with: one policy, the days on which it reads like this."""

    policy: Policy
    first: dt.date
    last: dt.date | None
    clauses: tuple[Clause, ...]
    causes: tuple[Reason, ...]
    exceptions: tuple[ExceptionRule, ...]
    reason: Sentence
    remedy: Sentence
    remarks: tuple[RemarkRule, ...]
    """The first that holds is said."""
    windows: tuple[UnitWindow, ...]
    condition: Expr
    registers: frozenset[Register]
    predicate: Predicate

    constant_action: Action | None = attrs.field(init=False)
    """What it asks for whenever it fires; None if that depends on causes or papers."""

    @constant_action.default
    def _constant_action(self) -> Action | None:
        policy = self.policy
        possible = {policy.action, *(cause.action for cause in self.causes)}
        if self.exceptions:
            possible.add(policy.missing_evidence)
        return policy.action if len(possible) == 1 else None

    plain: bool = attrs.field(init=False)
    """Whether it says one thing and always the same: no causes, exceptions or remarks."""

    @plain.default
    def _plain(self) -> bool:
        return not (self.causes or self.exceptions or self.remarks)

    @cached_property
    def causes_ask(self) -> Group | None:
        """Which causes hold, where that alone settles what it asks for; for back-tests."""
        if self.constant_action or self.exceptions or not self.causes:
            return None
        return group([cause.expr for cause in self.causes])

    @cached_property
    def cause_asks(self) -> tuple[Predicate, ...]:
        """Each cause by itself, made when a refusal first asks for its words."""
        return tuple(predicate(cause.expr) for cause in self.causes)

    @cached_property
    def exception_asks(self) -> tuple[Predicate, ...]:
        """Whether each exception fits, without its papers; made as `cause_asks` are."""
        return tuple(predicate(rule.expr) for rule in self.exceptions)

    @cached_property
    def remark_asks(self) -> tuple[Predicate, ...]:
        """When each remark is said; made as `cause_asks` are."""
        return tuple(predicate(remark.expr) for remark in self.remarks)

    @cached_property
    def claims(self) -> Mapping[str, frozenset[str]]:
        """By exception: the facts by which an agency may claim it."""
        about = {fact.name for clause in self.clauses for fact in facts_of(clause.expr)}
        asked = {
            rule.id: frozenset(fact.name for fact in facts_of(rule.expr))
            for rule in self.exceptions
        }
        if about <= CLAIMS:  # the whole policy is about the claim
            return {id: names or frozenset(about) for id, names in asked.items()}
        return asked

    def in_force(self, day: dt.date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)


def condition_of(
    clauses: Iterable[Clause], causes: Iterable[Reason], exceptions: Iterable[ExceptionRule]
) -> Expr:
    """All of when, one of the causes, none of the exceptions: in the order as written."""
    parts: list[Expr] = [clause.expr for clause in clauses]
    any_cause = tuple(cause.expr for cause in causes)
    if any_cause:
        parts.append(any_cause[0] if len(any_cause) == 1 else Any(any_cause))
    parts += [Not(rule.condition()) for rule in exceptions]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def registers_of(
    clauses: Iterable[Clause], causes: Iterable[Reason], exceptions: Iterable[ExceptionRule]
) -> frozenset[Register]:
    """Every register that the policy may consult, known before any instruction comes."""
    exceptions = tuple(exceptions)
    exprs = [c.expr for c in clauses] + [c.expr for c in causes] + [r.expr for r in exceptions]
    found = {f.register for expr in exprs for f in facts_of(expr) if f.register is not None}
    for rule in exceptions:
        found |= rule.evidence.registers | rule.approvals.registers
    return frozenset(found)
