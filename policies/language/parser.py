"""Reads a clause into its tree: the grammar of CEL (cel-spec, langdef) cut to what policies need.

Expr     = And { "||" And }          And      = Relation { "&&" Relation }
Relation = Sum { relop Sum }         relop    = == != < <= > >= in
Sum      = Product { ("+"|"-") Product }      Product = Unary { ("*"|"%") Unary }
Unary    = Primary | "!" {"!"} Primary | "-" {"-"} Primary
Primary  = literal | list | name {"." name} | name "(" [Expr {"," Expr}] ")" | "(" Expr ")"
"""

from collections.abc import Callable

from policies.language.errors import ClauseError, nearest
from policies.language.lexer import INT_MAX, Kind, Token, tokens
from policies.language.syntax import (
    Binary,
    Call,
    ListLiteral,
    Literal,
    Logic,
    Name,
    Node,
    Unary,
)

NODES_MAX = 2_000
DEPTH_MAX = 48
LIST_MAX = 5_000
FUNCTIONS = ("has", "yuan", "under", "contains_any", "any_of", "all_of")

_RELATIONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_RESERVED = frozenset(
    "null as break const continue else for function if import let".split()  # noqa: SIM905
).union("loop package namespace return var void while".split())  # noqa: SIM905


def parse(clause: str) -> tuple[Node, int]:
    """The tree and the number of its nodes. Raises ClauseError with the column."""
    parser = _Parser(tokens(clause))
    node = parser.expression()
    parser.expect_end()
    return node, parser.nodes


class _Parser:
    def __init__(self, found: tuple[Token, ...]) -> None:
        self._tokens = found
        self._at = 0
        self._open = 0
        self.nodes = 0

    def expression(self) -> Node:
        return self._chain("||", lambda: self._chain("&&", self._relation))

    def expect_end(self) -> None:
        if self._now.kind is not Kind.END:
            raise _unexpected(self._now, "条款结束", "the end of the clause")

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _is(self, sign: str) -> bool:
        return self._now.text == sign and self._now.kind in (Kind.SIGN, Kind.NAME)

    def _take(self) -> Token:
        token = self._now
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise _unexpected(self._now, f"“{sign}”", f"'{sign}'")
        self._at += 1

    def _built(self, column: int, *parts: Node) -> int:
        """Count one node; its depth. Keeps trees within what recursion may walk."""
        self.nodes += 1
        depth = 1 + max((p.depth for p in parts), default=0)
        if self.nodes > NODES_MAX:
            raise ClauseError(column, f"超过 {NODES_MAX} 个节点", f"over {NODES_MAX} nodes")
        if depth > DEPTH_MAX:
            raise ClauseError(column, f"嵌套超过 {DEPTH_MAX} 层", f"nested over {DEPTH_MAX} deep")
        return depth

    def _chain(self, sign: str, part: Callable[[], Node]) -> Node:
        operands = [part()]
        column = self._now.column
        while self._is(sign):
            self._take()
            operands.append(part())
        if len(operands) == 1:
            return operands[0]
        return Logic(sign, tuple(operands), column, self._built(column, *operands))

    def _left(self, signs: frozenset[str], part: Callable[[], Node]) -> Node:
        left = part()
        while self._now.kind in (Kind.SIGN, Kind.NAME) and self._now.text in signs:
            sign = self._take()
            right = part()
            depth = self._built(sign.column, left, right)
            left = Binary(sign.text, left, right, sign.column, depth)
        return left

    def _relation(self) -> Node:
        return self._left(_RELATIONS | {"in"}, self._sum)

    def _sum(self) -> Node:
        return self._left(frozenset("+-"), self._product)

    def _product(self) -> Node:
        return self._left(frozenset("*%"), self._unary)

    def _unary(self) -> Node:
        token = self._now
        if token.kind is not Kind.SIGN or token.text not in "!-":
            return self._primary()
        signs = []
        while self._is(token.text):
            signs.append(self._take())
        node = self._primary()
        if token.text == "-" and isinstance(node, Literal) and type(node.value) is int:
            node = Literal(-node.value, signs.pop().column)
        for sign in reversed(signs):
            node = Unary(sign.text, node, sign.column, self._built(sign.column, node))
        return node

    def _primary(self) -> Node:
        token = self._now
        if token.kind is Kind.INT or token.kind is Kind.TEXT:
            self._take()
            self._built(token.column)
            return Literal(_value(token), token.column)
        if token.kind is Kind.NAME and token.text != "in":
            return self._named()
        if self._is("["):
            return self._list()
        if self._is("("):
            return self._group()
        raise _unexpected(token, "事实、文字、数字或括号", "a fact, a text, a number or '('")

    def _group(self) -> Node:
        opened = self._take()
        self._open += 1
        if self._open > DEPTH_MAX:
            raise ClauseError(opened.column, f"括号超过 {DEPTH_MAX} 层", f"over {DEPTH_MAX} deep")
        node = self.expression()
        self._open -= 1
        self._expect(")")
        return node

    def _list(self) -> Node:
        opened = self._now
        items = self._items("[", "]")
        if len(items) > LIST_MAX:
            raise ClauseError(opened.column, f"列表超过 {LIST_MAX} 项", f"over {LIST_MAX} items")
        return ListLiteral(items, opened.column, self._built(opened.column, *items))

    def _items(self, opening: str, closing: str) -> tuple[Node, ...]:
        self._expect(opening)
        self._open += 1
        if self._open > DEPTH_MAX:
            column = self._now.column
            raise ClauseError(column, f"嵌套超过 {DEPTH_MAX} 层", f"nested over {DEPTH_MAX} deep")
        items: list[Node] = []
        while not self._is(closing):
            items.append(self.expression())
            if not self._is(","):
                break
            self._take()
        self._open -= 1
        self._expect(closing)
        return tuple(items)

    def _named(self) -> Node:
        first = self._take()
        if first.text in ("true", "false"):
            self._built(first.column)
            return Literal(first.text == "true", first.column)
        if first.text in _RESERVED:
            raise ClauseError(first.column, f"没有“{first.text}”", f"there is no '{first.text}'")
        if self._is("("):
            return self._call(first)
        path = [first.text]
        while self._is("."):
            self._take()
            if self._now.kind is not Kind.NAME:
                raise _unexpected(self._now, "名称", "a name after '.'")
            path.append(self._take().text)
        if self._is("("):
            raise ClauseError(first.column, "没有方法调用", "there are no method calls")
        self._built(first.column)
        return Name(".".join(path), first.column)

    def _call(self, name: Token) -> Node:
        if name.text not in FUNCTIONS:
            zh, en = nearest(name.text, FUNCTIONS)
            raise ClauseError(
                name.column, f"没有函数 {name.text}{zh}", f"no function {name.text}{en}"
            )
        arguments = self._items("(", ")")
        return Call(name.text, arguments, name.column, self._built(name.column, *arguments))


def _value(token: Token) -> int | str:
    if token.kind is Kind.TEXT:
        return token.text
    value = int(token.text)
    assert value <= INT_MAX
    return value


def _unexpected(token: Token, zh: str, en: str) -> ClauseError:
    shown = token.text if token.kind is not Kind.END else "结束"
    english = token.text if token.kind is not Kind.END else "the end"
    return ClauseError(
        token.column, f"此处应为{zh}，却是“{shown}”", f"expected {en}, found '{english}'"
    )
