"""Deals random instructions, seeded, with the values that the library's clauses speak of."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from gateway.domain.codes import Register
from gateway.domain.facts import Facts, changed
from policies.book.cases import CASES, case
from policies.book.outlook import window_term
from policies.book.resolve import level
from policies.book.unit import Unit
from policies.language.typed import (
    Compare,
    Constant,
    ContainsAny,
    Expr,
    OneOf,
    Read,
    Under,
    Window,
    nodes_of,
    windows_of,
)
from policies.language.types import COUNT, MONEY, SCHEMA, Fact, Kind
from tests.policies.shipped import BOOK


def _embedded() -> Iterator[Facts]:
    """Every policy's own cases: instructions that nearly or just fire."""
    for unit in BOOK.units:
        windows = {rule.name: window_term(unit.policy, rule) for rule in unit.policy.windows}
        for test in unit.policy.tests:
            facts = case(test, level(unit.policy.scope.division), [], windows)
            if facts is not None:
                yield changed(facts, unavailable=frozenset())


LAWFUL = tuple(Facts(**values) for values in CASES.values())
BASES = (*LAWFUL, *_embedded())


class Dealer:
    """Deals values that the library's clauses speak of, and some beside them."""

    def __init__(self, units: Sequence[Unit], seed: int) -> None:
        self.random = random.Random(seed)
        self._numbers: dict[str, set[int]] = {}
        self._words: dict[str, set[str]] = {}
        conditions = [unit.condition for unit in units]
        for expr in (node for condition in conditions for node in nodes_of(condition)):
            self._learn(expr)
        self.windows = sorted(frozenset().union(*map(windows_of, conditions)))

    def _learn(self, expr: Expr) -> None:
        match expr:
            case Compare(_, left, right):
                for one, other in ((left, right), (right, left)):
                    if isinstance(other, Constant) and isinstance(other.value, int):
                        for node in nodes_of(one):
                            if isinstance(node, Read | Window):
                                near = {other.value + d for d in (-1, 0, 1)}
                                self._numbers.setdefault(_name(node), set()).update(near)
                    if isinstance(one, Read) and isinstance(other, Constant):
                        self._words.setdefault(_name(one), set()).add(str(other.value))
            case OneOf(Read() as read, values) if read.type.kind in (Kind.TEXT, Kind.CODE):
                self._words.setdefault(_name(read), set()).update(map(str, values))
            case Under(Read() as read, prefixes):
                longer = {f"{p}{tail}" for p in prefixes for tail in ("", "01", "99")}
                self._words.setdefault(_name(read), set()).update(longer)
            case ContainsAny(Read() as read, words, apart):
                mixed = (f"{one}·{words[0]}{other}" for one, other in pairwise(("", *apart)))
                self._words.setdefault(_name(read), set()).update(
                    (*words, f"某{words[0]}店", "·".join(words[0]), words[-1].upper()),
                    (*apart, *mixed),
                )

    def instruction(self, *, lost: bool = False) -> Facts:
        deal = self.random
        base = deal.choice(BASES)
        changes = {
            fact.attribute: self._value(fact) for fact in deal.sample(FACTS, deal.randint(0, 6))
        }
        changes["windows"] = dict(base.windows) | {
            id: deal.choice(sorted(self._numbers.get(id, {0}) | {0, 1, 10**7}))
            for id in self.windows
            if deal.random() < 0.3
        }
        if lost:
            changes["unavailable"] = frozenset(deal.sample(list(Register), deal.randint(1, 4)))
        return changed(base, **changes)

    def _value(self, fact: Fact) -> Any:
        deal, kind = self.random, fact.type.kind
        if fact.optional and deal.random() < 0.2:
            return None
        if kind is Kind.ENUM:
            return deal.choice(list(fact.type.enum or ()))
        if kind is Kind.SET:
            options = list(fact.type.enum or ())
            return frozenset(deal.sample(options, deal.randint(0, min(3, len(options)))))
        if kind is Kind.BOOL:
            return deal.random() < 0.5
        if fact.type in (MONEY, COUNT):
            known = sorted(self._numbers.get(fact.name, ()))
            return max(deal.choice([*known, deal.randint(0, 10**8), 0, 1, 5]), -9)
        return deal.choice([*sorted(self._words.get(fact.name, ())), "", "别的", "30226"])


FACTS = [f for f in SCHEMA.values() if f.name not in ("division", "voucher.type")]


def _name(node: Read | Window) -> str:
    return node.fact.name if isinstance(node, Read) else node.id
