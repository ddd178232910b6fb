"""Recognises a clause as rows of a form, by its tree; a clause that is too free for that is not."""

import re
from collections.abc import Sequence

import attrs

from policies.form.condition import APART, CALLS, SIGNS, Kinds, Manner, Row, Rows
from policies.language.errors import ClauseError
from policies.language.parser import parse
from policies.language.syntax import Binary, Call, ListLiteral, Literal, Logic, Name, Node, Unary
from policies.language.types import BOOL, Kind, Type

_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'""")
_RELATIONS = ("==", "!=", "<", "<=", ">", ">=")


def rows_of(clause: str, kinds: Kinds) -> Rows | None:
    """The clause as rows; None if it is too free for that, or is none."""
    try:
        node, _ = parse(clause)
    except ClauseError:
        return None
    if "//" in _QUOTED.sub("", clause):
        return None
    if isinstance(node, Literal) and node.value is True:
        return Rows()
    join = node.sign if isinstance(node, Logic) else "&&"
    parts = node.operands if isinstance(node, Logic) else (node,)
    rows = [_row(part, kinds) for part in parts]
    found = tuple(row for row in rows if row is not None)
    if len(found) < len(rows):
        return None
    return Rows(join=join, rows=_merged(found) if join == "&&" else found)


def _row(node: Node, kinds: Kinds) -> Row | None:
    if isinstance(node, Unary) and node.sign == "!":
        inner = node.operand
        if isinstance(inner, Logic):
            return _guarded(inner, kinds, Manner.NOT_FILLED)
        row = _test(inner, kinds)
        return attrs.evolve(row, manner=Manner.NOT) if row else None
    if isinstance(node, Logic):
        return _guarded(node, kinds, Manner.FILLED)
    return _test(node, kinds)


def _guarded(node: Logic, kinds: Kinds, manner: Manner) -> Row | None:
    """`has(f) && test of f`, whole or in `!(...)`."""
    if node.sign != "&&" or len(node.operands) != 2:
        return None
    first, second = (_row(part, kinds) for part in node.operands)
    if first is None or second is None or not _guards(first, second):
        return None
    if second.manner is Manner.PLAIN:
        return attrs.evolve(second, manner=manner)
    fits = second.manner is Manner.NOT and manner is Manner.FILLED
    return attrs.evolve(second, manner=Manner.FILLED_NOT) if fits else None


def _guards(first: Row, second: Row) -> bool:
    asks = first.sign == "present" and first.manner is Manner.PLAIN
    return asks and first.fact == second.fact and second.sign != "present"


def _merged(rows: Sequence[Row]) -> tuple[Row, ...]:
    """`has(f)` and the test of `f` right behind it are one row."""
    found: list[Row] = []
    for row in rows:
        plain = row.manner in (Manner.PLAIN, Manner.NOT)
        if found and plain and _guards(found[-1], row):
            both = Manner.FILLED if row.manner is Manner.PLAIN else Manner.FILLED_NOT
            found[-1] = attrs.evolve(row, manner=both)
        else:
            found.append(row)
    return tuple(found)


def _test(node: Node, kinds: Kinds) -> Row | None:
    if isinstance(node, Name):
        return Row(fact=node.path, sign="yes") if kinds.get(node.path) == BOOL else None
    if isinstance(node, Call):
        return _call(node, kinds)
    return _compared(node, kinds) if isinstance(node, Binary) else None


def _call(node: Call, kinds: Kinds) -> Row | None:
    names = [one.path for one in node.arguments if isinstance(one, Name)]
    if not names or names[0] not in kinds or not isinstance(node.arguments[0], Name):
        return None
    if node.function == "has":
        return Row(fact=names[0], sign="present") if len(node.arguments) == 1 else None
    if node.function not in CALLS or len(node.arguments) not in (2, 3):
        return None
    row = _valued(names[0], node.function, node.arguments[1], kinds)
    if row is None or len(node.arguments) == 2:
        return row
    apart = node.arguments[2]
    fits = node.function == APART and isinstance(apart, Name)
    return attrs.evolve(row, apart=apart.path) if fits and isinstance(apart, Name) else None


def _compared(node: Binary, kinds: Kinds) -> Row | None:
    left, right = node.left, node.right
    if node.sign == "in" and isinstance(left, Literal) and isinstance(right, Name):
        type = kinds.get(right.path)
        if type is None or type.kind is not Kind.SET:
            return None
        return _valued(right.path, "holds", left, kinds)
    if not isinstance(left, Name) or left.path not in kinds:
        return None
    if isinstance(right, ListLiteral) and not right.items and node.sign in ("==", "!="):
        return Row(fact=left.path, sign="empty" if node.sign == "==" else "nonempty")
    if node.sign not in (*_RELATIONS, "in"):
        return None
    return _valued(left.path, node.sign, right, kinds)


def _valued(fact: str, sign: str, value: Node, kinds: Kinds) -> Row | None:
    """With its constants, or the name of its value, if they are of the kind that the sign takes."""
    if kinds[fact].kind not in SIGNS[sign].kinds:
        return None
    if isinstance(value, Name):
        return Row(fact=fact, sign=sign, source=value.path)
    many = SIGNS[sign].many
    if isinstance(value, ListLiteral) is not many and not (sign == "under" and not many):
        return None
    items = value.items if isinstance(value, ListLiteral) else (value,)
    values = [_constant(item, kinds[fact]) for item in items]
    found = tuple(one for one in values if one is not None)
    if len(found) < len(values) or not found:
        return None
    return Row(fact=fact, sign=sign, values=found)


def _constant(node: Node, type: Type) -> str | None:
    if type.kind is Kind.MONEY:
        right = isinstance(node, Call) and node.function == "yuan" and len(node.arguments) == 1
        inner = node.arguments[0] if isinstance(node, Call) and right else None
        text = inner.value if isinstance(inner, Literal) else None
        return text if isinstance(text, str) and re.fullmatch(r"-?\d+\.\d\d", text) else None
    if not isinstance(node, Literal) or isinstance(node.value, bool):
        return None
    if type.kind is Kind.COUNT:
        return str(node.value) if isinstance(node.value, int) else None
    fits = isinstance(node.value, str) and node.value.strip() == node.value != ""
    return str(node.value) if fits and "\n" not in str(node.value) else None
