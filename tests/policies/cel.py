"""Writes a checked condition as CEL (cel-spec), for an independent reading by another program.

Facts become variables `f_<attribute>`, their presence `has_<attribute>`, windows `w_<n>`.
Everything the language has can be said in CEL's standard library: nothing is left out.
"""

import json
from collections.abc import Mapping
from typing import Any as Untyped

import attrs

from gateway.domain.facts import Facts
from gateway.domain.folding import bare
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
    Window,
)
from policies.language.types import SCHEMA, TEXT, Fact, Kind

CUT = "|"
"""No letter nor digit: it is in no bare text."""


@attrs.frozen
class CelWriter:
    """Writes conditions that share one list of variables."""

    windows: tuple[str, ...]
    """Ids of all windows, in the order of their variables."""

    def write(self, expr: Expr) -> str:
        match expr:
            case Constant(value):
                return _literal(value)
            case Read(fact):
                return variable(fact)
            case Window(id):
                return f"w_{self.windows.index(id)}"
            case Has(fact):
                return f"has_{fact.attribute}"
            case Empty(fact):
                return f"size({variable(fact)}) == 0"
            case Not(operand):
                return f"!({self.write(operand)})"
            case Negate(operand):
                return f"-({self.write(operand)})"
            case All(operands):
                return " && ".join(f"({self.write(one)})" for one in operands)
            case Any(operands):
                return " || ".join(f"({self.write(one)})" for one in operands)
            case Compare(sign, left, right) | Arithmetic(sign, left, right):
                return f"({self.write(left)}) {sign} ({self.write(right)})"
            case OneOf() | Under() | ContainsAny() | Overlaps():
                return self._membership(expr)

    def _membership(self, expr: OneOf | Under | ContainsAny | Overlaps) -> str:
        match expr:
            case OneOf(operand, values):
                listed = ", ".join(sorted(map(_literal, values)))
                return f"({self.write(operand)}) in [{listed}]"
            case Under(operand, prefixes):
                found = (f"{self.write(operand)}.startsWith({_literal(p)})" for p in prefixes)
                return " || ".join(found)
            case ContainsAny(operand, words, apart):
                assert isinstance(operand, Read), "nothing else is a text"
                name = operand.fact.attribute
                return " || ".join(_loose(name, word, apart) for word in words)
            case Overlaps(fact, values, every):
                found = (f"{_literal(value)} in {variable(fact)}" for value in sorted(values))
                return (" && " if every else " || ").join(found)

    def values(self, facts: Facts) -> dict[str, Untyped]:
        """The variables of one instruction; an absent fact has no variable at all."""
        found: dict[str, Untyped] = {
            f"w_{n}": facts.windows.get(id, 0) for n, id in enumerate(self.windows)
        }
        for fact in SCHEMA.values():
            value = getattr(facts, fact.attribute)
            if fact.optional:
                found[f"has_{fact.attribute}"] = value is not None
            if isinstance(value, frozenset):
                found[variable(fact)] = [str(one.value) for one in value]
            elif value is not None:
                found[variable(fact)] = str(value) if isinstance(value, str) else value
            if fact.type == TEXT and value is not None:
                text = found[f"bare_{fact.attribute}"] = bare(value)
                cuts = [text[:at] + CUT + text[at:] for at in range(len(text))]
                found[f"cuts_{fact.attribute}"] = cuts
        return found

    def variables(self) -> Mapping[str, str]:
        """Every variable with its CEL type: bool, int, string or list."""
        kinds = {Kind.BOOL: "bool", Kind.MONEY: "int", Kind.COUNT: "int", Kind.SET: "list"}
        found = {f"w_{n}": "int" for n in range(len(self.windows))}
        for fact in SCHEMA.values():
            found[variable(fact)] = kinds.get(fact.type.kind, "string")
            if fact.type == TEXT:
                found[f"bare_{fact.attribute}"] = "string"
                found[f"cuts_{fact.attribute}"] = "list"
            if fact.optional:
                found[f"has_{fact.attribute}"] = "bool"
        return found


def _loose(attribute: str, word: str, apart: tuple[str, ...]) -> str:
    """The word behind some cut of the text on both sides of which no phrase around it lies."""
    around = [
        _literal(phrase[:at] + CUT + phrase[at:])
        for phrase in apart
        for at in range(len(phrase))
        if phrase.startswith(word, at)
    ]
    if not around:
        return f"bare_{attribute}.contains({_literal(word)})"
    barred = " || ".join(f"cut.contains({one})" for one in around)
    return f"cuts_{attribute}.exists(cut, cut.contains({_literal(CUT + word)}) && !({barred}))"


def variable(fact: Fact) -> str:
    return f"f_{fact.attribute}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else json.dumps(str(value), ensure_ascii=False)
