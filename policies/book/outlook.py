"""What a policy's windows are called, and on which instructions their values matter."""

from gateway.domain.windows import Measure
from policies.book.document import Policy, WindowRule
from policies.book.resolve import level
from policies.book.unit import Unit
from policies.language.typed import All, Any, Expr, Not, Window, windows_of
from policies.language.types import COUNT, MONEY
from policies.language.windowed import both, either, hopeful, matters

PROVINCE_CHARACTERS = 2


def window_term(policy: Policy, rule: WindowRule) -> Window:
    """What clauses read. A city's window of the same policy is another: `JL-044@2201.cash`."""
    own = level(policy.scope.division)
    owner = policy.id if len(own) == PROVINCE_CHARACTERS else f"{policy.id}@{own}"
    money = rule.measure in (Measure.SUM, Measure.MAX)
    return Window(id=f"{owner}.{rule.name}", type=MONEY if money else COUNT)


def windows_said(unit: Unit) -> frozenset[str]:
    """Windows whose values the finding names."""
    sentences = [unit.reason, unit.remedy, *(cause.sentence for cause in unit.causes)]
    for remark in unit.remarks:
        sentences += [remark.reason, *filter(None, [remark.remedy])]
    return frozenset().union(*(s.zh.windows | s.en.windows for s in sentences))


def asked_when(window: str, unit: Unit) -> Expr:
    """True wherever its value may change whether the policy fires, or what its finding says."""
    clauses = tuple(clause.expr for clause in unit.clauses)
    causes = tuple(cause.expr for cause in unit.causes)
    unexcused = tuple(Not(rule.condition()) for rule in unit.exceptions)
    rules = tuple(rule.expr for rule in unit.exceptions)
    reasons: list[Expr] = []
    if any(window in windows_of(expr) for expr in clauses):
        reasons.append(matters(unit.condition, window))
    for expr in (expr for expr in causes if window in windows_of(expr)):
        reasons.append(both(*map(hopeful, clauses), matters(expr, window),
                            *map(hopeful, unexcused)))  # fmt: skip
    if any(window in windows_of(expr) for expr in rules):
        broken = (*clauses, Any(causes)) if causes else clauses
        reasons.append(hopeful(All(broken)))
    if window in windows_said(unit):
        reasons.append(hopeful(unit.condition))
    return either(*reasons)
