"""Proves a clause sound: types, optional facts only behind has(), literals that exist in law.

Flow-sensitive: each boolean expression knows which optional facts are present if it is true and if
it is false; `&&`, `||` and `!` pass that on, as does one clause of a policy to the next.
"""

import attrs

from gateway.domain.folding import bare
from policies.language.errors import ClauseError, nearest
from policies.language.literals import Terms, fitted, money
from policies.language.operands import (
    LONE_REMAINDER,
    ROOMS,
    matched,
    no_term,
    product_type,
    remainder_type,
    values_of,
)
from policies.language.syntax import Binary, Call, ListLiteral, Literal, Logic, Name, Node, Unary
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
    around_words,
)
from policies.language.types import BOOL, COUNT, MONEY, TEXT, Fact, Kind

NOTHING: frozenset[str] = frozenset()
_ORDERED = (Kind.MONEY, Kind.COUNT, Kind.DATE)
_ARITY = {
    "has": (1,),
    "yuan": (1,),
    "under": (2,),
    "contains_any": (2, 3),
    "any_of": (2,),
    "all_of": (2,),
}


@attrs.frozen
class Checked:
    """An expression, with the optional facts that are present if it is true, or if false."""

    expr: Expr
    if_true: frozenset[str] = NOTHING
    if_false: frozenset[str] = NOTHING


def check(node: Node, terms: Terms, present: frozenset[str] = NOTHING) -> Checked:
    """Check a whole clause, which must be yes or no. Raises ClauseError with the column."""
    return _Checker(terms).condition(node, present)


class _Checker:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def condition(self, node: Node, present: frozenset[str]) -> Checked:
        found = self._check(node, present)
        if found.expr.type != BOOL:
            zh, en = found.expr.type.spoken()
            raise ClauseError(
                node.column, f"此处应为条件（是/否），却是{zh}", f"expected a condition, found {en}"
            )
        return found

    def _check(self, node: Node, present: frozenset[str]) -> Checked:
        match node:
            case Literal():
                return Checked(_literal(node))
            case Name():
                return Checked(self._name(node, present))
            case Logic():
                return self._logic(node, present)
            case Unary():
                return self._unary(node, present)
            case Binary():
                return Checked(self._binary(node, present))
            case Call():
                return self._call(node, present)
            case ListLiteral():
                raise ClauseError(
                    node.column,
                    "列表只能用在 in 右边或函数里",
                    "a list stands after in, or in a call",
                )

    def _name(self, node: Name, present: frozenset[str]) -> Expr:
        room, _, rest = node.path.partition(".")
        found = self._terms.constant(node.path)
        if isinstance(found, Constant):
            return found
        if room == "window" and rest in self._terms.windows:
            return self._terms.windows[rest]
        if room in ROOMS:
            raise no_term(node, self._terms)
        fact = self._fact(node)
        if fact.optional and fact.name not in present:
            raise ClauseError(
                node.column,
                f"{fact.name}（{fact.zh}）可能为空，请先写 has({fact.name}) &&",
                f"{fact.name} may be absent, write has({fact.name}) && before it",
            )
        return Read(fact)

    def _fact(self, node: Node) -> Fact:
        if not isinstance(node, Name):
            raise ClauseError(node.column, "此处应为事实名称", "expected the name of a fact")
        fact = self._terms.facts.get(node.path)
        if fact is None and node.path.partition(".")[0] in ROOMS:
            raise ClauseError(
                node.column,
                f"{node.path} 不是事实，总有值；此处应为事实名称",
                f"{node.path} is no fact and always has a value; expected a fact",
            )
        if fact is None:
            zh, en = nearest(node.path, self._terms.facts)
            raise ClauseError(node.column, f"没有事实 {node.path}{zh}", f"no fact {node.path}{en}")
        return fact

    def _logic(self, node: Logic, present: frozenset[str]) -> Checked:
        conjunction = node.sign == "&&"
        so_far, gained, kept = present, NOTHING, None
        parts: list[Expr] = []
        for operand in node.operands:
            found = self.condition(operand, so_far)
            parts.append(found.expr)
            onward, other = found.if_true, found.if_false
            if not conjunction:
                onward, other = other, onward
            gained |= onward
            kept = other if kept is None else kept & other
            so_far |= onward
        assert kept is not None
        if conjunction:
            return Checked(All(tuple(parts)), if_true=gained, if_false=kept)
        return Checked(Any(tuple(parts)), if_true=kept, if_false=gained)

    def _unary(self, node: Unary, present: frozenset[str]) -> Checked:
        if node.sign == "!":
            found = self.condition(node.operand, present)
            return Checked(Not(found.expr), if_true=found.if_false, if_false=found.if_true)
        operand = self._check(node.operand, present).expr
        if operand.type not in (MONEY, COUNT):
            zh, en = operand.type.spoken()
            raise ClauseError(node.column, f"{zh}不能取负", f"{en} cannot be negated")
        return Checked(Negate(operand, operand.type))

    def _binary(self, node: Binary, present: frozenset[str]) -> Expr:
        if node.sign == "in":
            return self._in(node, present)
        if node.sign in ("+", "-", "*"):
            return self._arithmetic(node, present)
        if node.sign == "%":
            raise ClauseError(node.column, *LONE_REMAINDER)
        if isinstance(node.left, Binary) and node.left.sign == "%":
            return self._divisible(node, node.left, present)
        if isinstance(node.right, ListLiteral) and not node.right.items:
            return self._emptiness(node)
        left = self._check(node.left, present).expr
        right = self._check(node.right, present).expr
        left, right = matched(left, right, node, self._terms)
        if node.sign not in ("==", "!=") and left.type.kind not in _ORDERED:
            zh, _ = left.type.spoken()
            raise ClauseError(
                node.column,
                f"{zh}只能用 == 或 != 比较",
                "only money, counts and dates have an order",
            )
        return Compare(node.sign, left, right)

    def _divisible(self, node: Binary, product: Binary, present: frozenset[str]) -> Expr:
        """`sum % yuan("10000.00") == yuan("0.00")`: whether it comes to a round number.

        Compared with anything but 0 the remainder of a negative number would mean one thing in CEL
        and another in Python.
        """
        dividend = self._check(product.left, present).expr
        divisor = self._check(product.right, present).expr
        type = remainder_type(product, dividend, divisor)
        right = self._check(node.right, present).expr
        left, right = matched(Arithmetic("%", dividend, divisor, type), right, node, self._terms)
        if node.sign not in ("==", "!=") or not isinstance(right, Constant) or right.value != 0:
            raise ClauseError(product.column, *LONE_REMAINDER)
        return Compare(node.sign, left, right)

    def _emptiness(self, node: Binary) -> Expr:
        fact = self._fact(node.left)
        if fact.type.kind is not Kind.SET or node.sign not in ("==", "!="):
            raise ClauseError(
                node.column, "只有集合可以与 [] 比较", "only a set is compared with []"
            )
        return Empty(fact) if node.sign == "==" else Not(Empty(fact))

    def _arithmetic(self, node: Binary, present: frozenset[str]) -> Expr:
        left = self._check(node.left, present).expr
        right = self._check(node.right, present).expr
        return Arithmetic(node.sign, left, right, product_type(node, left, right))

    def _in(self, node: Binary, present: frozenset[str]) -> Expr:
        if isinstance(node.right, Name) and node.right.path in self._terms.facts:
            return self._in_set(node)
        operand = self._check(node.left, present).expr
        return OneOf(operand, frozenset(values_of(node.right, self._terms, operand.type)))

    def _in_set(self, node: Binary) -> Expr:
        fact = self._set(node.right)
        if not isinstance(node.left, Literal):
            raise ClauseError(
                node.left.column, "集合左边应为引号中的选项", "an option in quotes stands before in"
            )
        value = fitted(node.left.value, fact.type, self._terms, node.left.column)
        return Overlaps(fact, frozenset((str(value),)), every=True)

    def _set(self, node: Node) -> Fact:
        fact = self._fact(node)
        if fact.type.kind is not Kind.SET:
            zh, en = fact.type.spoken()
            raise ClauseError(
                node.column, f"{fact.name} 是{zh}，不是集合", f"{fact.name} is {en}, not a set"
            )
        return fact

    def _call(self, node: Call, present: frozenset[str]) -> Checked:
        if len(node.arguments) not in (arity := _ARITY[node.function]):
            wanted = [str(number) for number in arity]
            raise ClauseError(
                node.column,
                f"{node.function} 要 {'或 '.join(wanted)} 个参数",
                f"{node.function} takes {' or '.join(wanted)}",
            )
        if node.function == "has":
            return self._has(node.arguments[0])
        if node.function == "yuan":
            (text,) = node.arguments
            value = text.value if isinstance(text, Literal) else None
            return Checked(money(value, text.column))
        subject, values, *apart = node.arguments
        if node.function in ("any_of", "all_of"):
            fact = self._set(subject)
            listed = values_of(values, self._terms, fact.type)
            every = node.function == "all_of"
            return Checked(Overlaps(fact, frozenset(map(str, listed)), every=every))
        found = self._text_call(node.function, subject, values, present)
        return Checked(self._apart(found, apart[0]) if apart else found)

    def _has(self, node: Node) -> Checked:
        fact = self._fact(node)
        if not fact.optional:
            raise ClauseError(
                node.column,
                f"{fact.name} 总是存在，不必写 has()" + ("；空集写 == []" if _is_set(fact) else ""),
                f"{fact.name} is always present" + ("; ask == []" if _is_set(fact) else ""),
            )
        return Checked(Has(fact), if_true=frozenset((fact.name,)))

    def _text_call(
        self, function: str, subject: Node, values: Node, present: frozenset[str]
    ) -> Expr:
        operand = self._check(subject, present).expr
        wanted = Kind.CODE if function == "under" else Kind.TEXT
        if operand.type.kind is not wanted:
            zh, en = operand.type.spoken()
            raise ClauseError(
                subject.column, f"{function} 不能用于{zh}", f"{function} does not take {en}"
            )
        listed = values_of(values, self._terms, operand.type, prefix=function == "under")
        words = tuple(dict.fromkeys(map(str, listed)))
        if function == "under":
            return Under(operand, words)
        return ContainsAny(operand, _looked_for(words, values.column))

    def _apart(self, found: Expr, phrases: Node) -> Expr:
        """With phrases in which its words are none; each holds one of them and is none itself."""
        assert isinstance(found, ContainsAny), "of no other call there are three arguments"
        listed = tuple(map(str, values_of(phrases, self._terms, TEXT)))
        apart = _looked_for(listed, phrases.column)
        words = frozenset(found.words)
        for phrase, found_in in around_words(words, apart):
            if phrase in words:
                raise ClauseError(
                    phrases.column, f"“{phrase}”本身在词表中，列为除外就再也查不到",
                    f"{phrase!r} is one of the words: set apart, it is never found",
                )  # fmt: skip
            if not found_in:
                raise ClauseError(
                    phrases.column, f"除外的“{phrase}”不含词表中的任何字词",
                    f"{phrase!r} is set apart and holds none of the words",
                )  # fmt: skip
        return attrs.evolve(found, apart=apart)


def _looked_for(words: tuple[str, ...], column: int) -> tuple[str, ...]:
    """As they are looked for; one of signs alone would be in no text, as none is kept of them."""
    if "" in words:
        raise ClauseError(column, "关键词不能为空", "an empty word is in every text")
    for word in words:
        if not any(map(str.isalnum, word)):
            raise ClauseError(
                column, f"关键词“{word}”没有文字或数字", f"word {word!r} has no letter or digit"
            )
    return tuple(dict.fromkeys(map(bare, words)))


def _is_set(fact: Fact) -> bool:
    return fact.type.kind is Kind.SET


def _literal(node: Literal) -> Constant:
    if isinstance(node.value, bool):
        return Constant(node.value, BOOL)
    return Constant(node.value, COUNT if isinstance(node.value, int) else TEXT)
