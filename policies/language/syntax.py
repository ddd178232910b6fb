"""The tree of a clause as it was written, before anybody has asked what it means."""

from typing import TypeAlias

import attrs


@attrs.frozen
class Literal:
    value: int | str | bool
    column: int
    depth: int = 1


@attrs.frozen
class ListLiteral:
    items: tuple["Node", ...]
    column: int
    depth: int


@attrs.frozen
class Name:
    """A dotted name: a fact (`payee.class`), `params.x` or `lists.x`."""

    path: str
    column: int
    depth: int = 1


@attrs.frozen
class Call:
    function: str
    arguments: tuple["Node", ...]
    column: int
    depth: int


@attrs.frozen
class Unary:
    sign: str
    operand: "Node"
    column: int
    depth: int


@attrs.frozen
class Binary:
    """Comparison, `in`, or arithmetic; `column` is the sign's."""

    sign: str
    left: "Node"
    right: "Node"
    column: int
    depth: int


@attrs.frozen
class Logic:
    """A chain of `&&` or of `||`, kept flat."""

    sign: str
    operands: tuple["Node", ...]
    column: int
    depth: int


Node: TypeAlias = Literal | ListLiteral | Name | Call | Unary | Binary | Logic
