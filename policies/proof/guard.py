"""Tells whether a changed clause would still be accepted: no optional fact is read unasked.

The checker proves this of clauses as they are written; mutants are made of trees, so it is proven
of them here. A mutant that no book would load proves nothing and is not counted.
"""

from policies.book.unit import Unit
from policies.language.typed import All, Any, Expr, Has, Not, Read, parts_of


class Unsound(Exception):
    """The expression reads a fact that may be absent."""


_Presence = tuple[frozenset[str], frozenset[str]]
_NOTHING: frozenset[str] = frozenset()


def sound(unit: Unit) -> bool:
    """Whether the unit's clauses, causes and exceptions guard what they read, in that order."""
    try:
        present = _NOTHING
        for clause in unit.clauses:
            present |= _presence(clause.expr, present)[0]
        found = [_presence(cause.expr, present)[0] for cause in unit.causes]
        if found:
            present |= frozenset.intersection(*found)
        for rule in unit.exceptions:
            _presence(rule.expr, present)
    except Unsound:
        return False
    return True


def _presence(expr: Expr, present: frozenset[str]) -> _Presence:
    """What is there if the expression is true, and if it is false."""
    match expr:
        case Has(fact):
            return frozenset((fact.name,)), _NOTHING
        case Not(operand):
            if_true, if_false = _presence(operand, present)
            return if_false, if_true
        case All(operands):
            return _chain(operands, present, conjunction=True)
        case Any(operands):
            if_false, if_true = _chain(operands, present, conjunction=False)
            return if_true, if_false
        case Read(fact):
            if fact.optional and fact.name not in present:
                raise Unsound(fact.name)
        case _:
            for part in parts_of(expr):
                _presence(part, present)
    return _NOTHING, _NOTHING


def _chain(operands: tuple[Expr, ...], present: frozenset[str], *, conjunction: bool) -> _Presence:
    """(gained if all go on, kept if one ends it), as the checker reckons it."""
    gained: frozenset[str] = _NOTHING
    kept: frozenset[str] | None = None
    for operand in operands:
        onward, other = _presence(operand, present | gained)
        if not conjunction:
            onward, other = other, onward
        gained |= onward
        kept = other if kept is None else kept & other
    return gained, kept or _NOTHING
