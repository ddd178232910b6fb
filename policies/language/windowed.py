"""Finds when a decision rests on a window: only then is the window asked for in commit 1.

A window's value is not known before commit 1, so whatever compares it counts as undecided.
`hopeful` and `fearful` are the condition with every such comparison taken as it would make the
whole true or false; the window matters where nothing else decides.
"""

from collections.abc import Iterable

from policies.language.typed import All, Any, Constant, Expr, Not, windows_of
from policies.language.types import BOOL

TRUE, FALSE = Constant(True, BOOL), Constant(False, BOOL)


def hopeful(expr: Expr) -> Expr:
    """True wherever some values of the windows make the expression true."""
    return _settled(expr, TRUE)


def fearful(expr: Expr) -> Expr:
    """False wherever some values of the windows make the expression false."""
    return _settled(expr, FALSE)


def matters(expr: Expr, window: str) -> Expr:
    """True wherever the window's value may change what the expression comes to.

    Operands stay in their order, so that what one proves present the next may read.
    """
    match expr:
        case Not(operand):
            return matters(operand, window)
        case All(operands):
            return _one_of(
                _and(*(_and(matters(o, window), hopeful(o)) if n == at else hopeful(o)
                       for n, o in enumerate(operands)))
                for at in _with(operands, window)
            )  # fmt: skip
        case Any(operands):
            return _one_of(
                _and(*(_and(matters(o, window), _not(fearful(o))) if n == at else _not(fearful(o))
                       for n, o in enumerate(operands)))
                for at in _with(operands, window)
            )  # fmt: skip
        case _:
            return TRUE if window in windows_of(expr) else FALSE


def either(*exprs: Expr) -> Expr:
    """One of them, with what is constant taken out."""
    return _one_of(exprs)


def both(*exprs: Expr) -> Expr:
    """All of them, with what is constant taken out."""
    return _and(*exprs)


def _with(operands: tuple[Expr, ...], window: str) -> list[int]:
    return [at for at, one in enumerate(operands) if window in windows_of(one)]


def _settled(expr: Expr, wish: Constant) -> Expr:
    if not windows_of(expr):
        return expr
    match expr:
        case Not(operand):
            return _not(_settled(operand, FALSE if wish is TRUE else TRUE))
        case All(operands):
            return _and(*(_settled(one, wish) for one in operands))
        case Any(operands):
            return _one_of(_settled(one, wish) for one in operands)
        case _:
            return wish


def _and(*exprs: Expr) -> Expr:
    if FALSE in exprs:
        return FALSE
    left = tuple(one for one in exprs if one != TRUE)
    return (left[0] if len(left) == 1 else All(left)) if left else TRUE


def _one_of(exprs: Iterable[Expr]) -> Expr:
    found = tuple(exprs)
    if TRUE in found:
        return TRUE
    left = tuple(dict.fromkeys(one for one in found if one != FALSE))
    return (left[0] if len(left) == 1 else Any(left)) if left else FALSE


def _not(expr: Expr) -> Expr:
    if expr == TRUE:
        return FALSE
    return TRUE if expr == FALSE else Not(expr)
