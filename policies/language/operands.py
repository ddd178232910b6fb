"""What may stand on the two sides of a sign, and what a list may hold; used by the checker only."""

from collections.abc import Mapping

from policies.language.errors import ClauseError, nearest
from policies.language.literals import Listed, Terms, fitted, mismatch, money
from policies.language.syntax import Binary, Call, ListLiteral, Literal, Name, Node
from policies.language.typed import Constant, Expr, Value
from policies.language.types import COUNT, MONEY, Kind, Type

ROOMS = ("params", "lists", "row", "window")
"""First words of names that are no facts."""


def matched(left: Expr, right: Expr, node: Binary, terms: Terms) -> tuple[Expr, Expr]:
    """Both sides of one type; a plain literal takes the type of the other side."""
    if Kind.SET in (left.type.kind, right.type.kind):
        raise ClauseError(
            node.column,
            '集合请用 "x" in 集合、any_of、all_of 或 == []',
            'a set is asked with "x" in set, any_of, all_of or == []',
        )
    if left.type == right.type:
        return left, right
    if isinstance(right, Constant) and right.type != MONEY:
        value = fitted(right.value, left.type, terms, node.right.column)
        return left, Constant(value, left.type)
    if isinstance(left, Constant) and left.type != MONEY:
        value = fitted(left.value, right.type, terms, node.left.column)
        return Constant(value, right.type), right
    (left_zh, left_en), (right_zh, right_en) = left.type.spoken(), right.type.spoken()
    raise ClauseError(
        node.column,
        f"两边类型不同：左边是{left_zh}，右边是{right_zh}",
        f"the sides differ: {left_en} and {right_en}",
    )


def product_type(node: Binary, left: Expr, right: Expr) -> Type:
    """Money +- money, count +-* count, money * count; anything else means nothing."""
    kinds = (left.type, right.type)
    if kinds == (COUNT, COUNT) or (kinds == (MONEY, MONEY) and node.sign != "*"):
        return left.type
    if node.sign == "*" and set(kinds) == {MONEY, COUNT}:
        return MONEY
    (left_zh, left_en), (right_zh, right_en) = (t.spoken() for t in kinds)
    raise ClauseError(
        node.column,
        f"{left_zh} {node.sign} {right_zh} 没有意义（金额±金额，金额*整数）",
        f"{left_en} {node.sign} {right_en} means nothing (money+-money, money*count)",
    )


LONE_REMAINDER = (
    "取余（%）只能写作 … % 除数 == 0 或 != 0",
    "a remainder is only compared with 0: … % divisor == 0",
)


def remainder_type(node: Binary, left: Expr, right: Expr) -> Type:
    """Money % money or count % count, by a constant of at least 2: never by nothing."""
    if left.type != right.type or left.type not in (MONEY, COUNT):
        (left_zh, left_en), (right_zh, right_en) = left.type.spoken(), right.type.spoken()
        raise ClauseError(
            node.column, f"{left_zh} % {right_zh} 没有意义",
            f"{left_en} % {right_en} means nothing",
        )  # fmt: skip
    if not isinstance(right, Constant) or not isinstance(right.value, int) or right.value < 2:
        raise ClauseError(
            node.column, "除数应为大于 1 的常数或参数", "the divisor is a constant above 1"
        )
    return left.type


def no_term(node: Name, terms: Terms) -> ClauseError:
    """Why `params.x`, `lists.x`, `row.x` or `window.x` cannot stand where it stands."""
    room, _, rest = node.path.partition(".")
    rooms: dict[str, Mapping[str, object]] = {
        "params": terms.params,
        "lists": terms.lists,
        "row": terms.row,
        "window": terms.windows,
    }
    known = rooms[room]
    if rest in known:
        return ClauseError(
            node.column, f"{node.path} 是列表，只能用在 in 右边或函数里", f"{node.path} is a list"
        )
    zh, en = nearest(rest, known)
    return ClauseError(node.column, f"没有 {node.path}{zh}", f"no {node.path}{en}")


def values_of(
    node: Node, terms: Terms, type: Type, *, prefix: bool = False
) -> tuple[Value, ...]:  # fmt: skip
    """A list of constants of `type`; `prefix` also takes a single code, and classes of codes."""
    values = _listed(node, terms, type, one=prefix)
    if not values:
        raise ClauseError(node.column, "列表为空，永远不成立", "the list is empty")
    if type == MONEY:
        return values
    return tuple(fitted(v, type, terms, node.column, prefix=prefix) for v in values)


def _listed(node: Node, terms: Terms, type: Type, *, one: bool) -> Listed:
    if isinstance(node, ListLiteral):
        return tuple(_item(item, terms, type) for item in node.items)
    if isinstance(node, Name):
        return _named_list(node, terms, type, one=one)
    if one and isinstance(node, Literal):
        return (node.value,)
    raise ClauseError(node.column, "此处应为列表，如 [..]", "expected a list such as [..]")


def _named_list(node: Name, terms: Terms, type: Type, *, one: bool) -> Listed:
    room = node.path.partition(".")[0]
    found = terms.constant(node.path)
    if found is None and room in ROOMS:
        raise no_term(node, terms)
    if one and isinstance(found, Constant):
        return (found.value,)
    if not isinstance(found, tuple):
        raise ClauseError(node.column, f"{node.path} 不是列表", f"{node.path} is not a list")
    if type == MONEY:
        raise mismatch(type, found[0] if found else "[]", node.column)
    return found


def _item(node: Node, terms: Terms, type: Type) -> Value:
    """One item of a list: a literal, a scalar param or yuan("..")."""
    if isinstance(node, Literal) and type != MONEY:
        return node.value
    found: object = None
    if isinstance(node, Name):
        found = terms.constant(node.path)
    if isinstance(node, Call) and node.function == "yuan" and len(node.arguments) == 1:
        text = node.arguments[0]
        found = money(text.value if isinstance(text, Literal) else None, text.column)
    if not isinstance(found, Constant):
        raise ClauseError(node.column, "列表中只能写固定值", "a list holds only constants")
    if (found.type == MONEY) != (type == MONEY):
        raise mismatch(type, found.value, node.column)
    return found.value
