"""Three readings of the whole library on random instructions: generated code, interpreter, CEL.

Also: whatever raises or cannot be known holds, and every disagreement that is planted is found.
"""

import ast
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import pytest

from gateway.domain.codes import Register
from gateway.domain.decision import SEVERITY, Action
from gateway.domain.facts import Facts, changed
from policies.book.book import Book
from policies.book.cases import case
from policies.book.load import load_codes
from policies.book.outlook import window_term
from policies.book.resolve import grouped, level
from policies.book.steps import finished
from policies.book.unit import Unit
from policies.language import generate, interpret
from policies.language.generate import predicate
from policies.language.typed import (
    All,
    Compare,
    Expr,
    Negate,
    Overlaps,
    Read,
    windows_of,
)
from policies.language.types import BOOL, SCHEMA
from tests.policies.cel import CelWriter
from tests.policies.dealer import BOOK, LAWFUL, Dealer

SEED = 20221128
INSTRUCTIONS = 100_000
CODES = load_codes()


def cel_reader(units: Sequence[Unit]) -> Callable[[Facts], list[bool]] | None:
    """All conditions as one CEL list, so that an instruction is handed over once."""
    try:
        module = importlib.import_module("cel_expr_python")
    except ImportError:
        return None
    cel = importlib.import_module(f"{module.__name__}.cel")
    writer = CelWriter(tuple(sorted(frozenset().union(*(windows_of(u.condition) for u in units)))))
    kinds = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "string": cel.Type.STRING}
    variables = {
        name: kinds.get(kind) or cel.Type.List(cel.Type.STRING)
        for name, kind in writer.variables().items()
    }
    program = cel.NewEnv(variables=variables).compile(
        "[" + ", ".join(f"({writer.write(unit.condition)})" for unit in units) + "]"
    )

    def read(facts: Facts) -> list[bool]:
        found = program.eval(data=writer.values(facts))
        assert found.type() != cel.Type.ERROR, found.plain_value()
        return [bool(_plain(one)) for one in found.plain_value()]

    return read


def _plain(value: Any) -> Any:
    return value.plain_value() if hasattr(value, "plain_value") else value


def disagreements(units: Sequence[Unit], rows: Iterator[Facts]) -> tuple[int, int]:
    """How many (instruction, policy) pairs are read differently; and how many fired."""
    groups = finished(grouped(units))
    positions = [id(unit) for group in groups for unit in group.units]
    order = {id(unit): n for n, unit in enumerate(units)}
    cel, differing, fired = cel_reader(units), 0, 0
    for row in rows:
        generated = [False] * len(units)
        offset = 0
        for group in groups:
            for position in group.run(row):
                generated[order[positions[offset + position]]] = True
            offset += len(group.units)
        meant = [_meant(unit, row) for unit in units]
        official = cel(row) if cel else meant
        for three in zip(generated, meant, official, strict=True):
            differing += len(set(three)) > 1
            fired += three[1]
    return differing, fired


def _meant(unit: Unit, row: Facts) -> bool:
    found = interpret.truth(unit.condition, row)
    assert isinstance(found, bool)
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_generated_code_interpreter_and_cel_agree_on_a_hundred_thousand_instructions() -> None:
    dealer = Dealer(BOOK.units, SEED)
    differing, fired = disagreements(
        BOOK.units, (dealer.instruction() for _ in range(INSTRUCTIONS))
    )
    sys.stdout.write(f"{INSTRUCTIONS} instructions x {len(BOOK.units)} policies, {fired} fired\n")
    assert differing == 0 and fired > INSTRUCTIONS


@pytest.mark.slow
def test_they_agree_on_a_first_thousand() -> None:
    dealer = Dealer(BOOK.units, SEED)
    differing, fired = disagreements(BOOK.units, (dealer.instruction() for _ in range(1_000)))
    assert differing == 0 and fired > 300


PLANTED: list[tuple[str, Callable[[pytest.MonkeyPatch], None]]] = [
    ("< read as <=", lambda m: m.setitem(generate._SIGNS, "<", ast.LtE)),
    ("> read as >=", lambda m: m.setitem(generate._SIGNS, ">", ast.GtE)),
    (">= read as >", lambda m: m.setitem(generate._SIGNS, ">=", ast.Gt)),
    ("== read as !=", lambda m: m.setitem(generate._SIGNS, "==", ast.NotEq)),
    ("&& read as ||", lambda m: m.setattr(generate._Writer, "expr", _either)),
    ("interpreter: > as >=", lambda m: m.setitem(interpret._SIGNS, ">", lambda a, b: a >= b)),
    ("interpreter: negation lost", lambda m: m.setattr(interpret, "negation", lambda f: f)),
    ("interpreter: all read as any", lambda m: m.setattr(interpret, "conjunction", _first)),
    ("cel: all of a set read as any", lambda m: m.setattr(CelWriter, "_membership", _any_of)),
    ("cel: > read as <", lambda m: m.setattr(CelWriter, "write", _turned(CelWriter.write))),
]


def _first(found: Any) -> Any:
    return interpret.disjunction(found)


_OWN_EXPR = generate._Writer.expr


def _either(self: Any, expr: Expr) -> ast.expr:
    if isinstance(expr, All):
        return ast.BoolOp(ast.Or(), [self.expr(one) for one in expr.operands])
    return _OWN_EXPR(self, expr)


_OWN_MEMBERSHIP = CelWriter._membership


def _any_of(self: CelWriter, expr: Any) -> str:
    if isinstance(expr, Overlaps):
        expr = attrs.evolve(expr, every=False)
    return _OWN_MEMBERSHIP(self, expr)


def _turned(own: Callable[[CelWriter, Expr], str]) -> Callable[[CelWriter, Expr], str]:
    def write(self: CelWriter, expr: Expr) -> str:
        if isinstance(expr, Compare) and expr.sign == ">":
            expr = attrs.evolve(expr, sign="<")
        return own(self, expr)

    return write


@pytest.mark.slow
@pytest.mark.parametrize(("what", "plant"), PLANTED, ids=[what for what, _ in PLANTED])
def test_a_planted_disagreement_is_found(
    what: str, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if what.startswith("cel") and cel_reader(BOOK.units) is None:
        pytest.skip("cel-expr-python is not installed")
    plant(monkeypatch)
    dealer = Dealer(BOOK.units, SEED)
    try:
        differing, _ = disagreements(BOOK.units, (dealer.instruction() for _ in range(600)))
    except (interpret.AbsentRead, AssertionError):
        return  # it does not even run: found as well
    assert differing > 0, what


@pytest.mark.slow
def test_the_books_answer_is_its_interpreters_whatever_register_is_lost() -> None:
    dealer = Dealer(BOOK.units, SEED + 1)
    for number in range(600):
        row = dealer.instruction(lost=number % 2 == 0)
        explained = {e.finding for e in BOOK.explain(row) if e.finding is not None}
        assert set(BOOK.decide(row)) == explained, "in every word"


def _refused_cases() -> Iterator[tuple[Unit, Facts]]:
    for unit in BOOK.units:
        policy = unit.policy
        windows = {rule.name: window_term(policy, rule) for rule in policy.windows}
        for test in policy.tests:
            facts = case(test, level(policy.scope.division), [], windows)
            if facts and test.outcome in ("hold", "block") and unit.in_force(facts.on):
                yield unit, facts


@pytest.mark.slow
@pytest.mark.parametrize("lost", [*([r] for r in Register), list(Register)], ids=str)
def test_no_lost_register_lets_pass_what_is_refused_with_it(lost: list[Register]) -> None:
    for unit, facts in _refused_cases():
        without = changed(facts, unavailable=facts.unavailable | frozenset(lost))
        found = [f for f in BOOK.decide(without) if f.policy == unit.policy.id]
        assert found and SEVERITY[found[0].action] >= SEVERITY[Action.HOLD], unit.policy.id


def test_every_policy_that_raises_holds_and_is_named() -> None:
    row = LAWFUL[0]
    broken: Expr = Negate(Read(SCHEMA["payee.name"]), BOOL)
    for unit in BOOK.units:
        if not unit.in_force(row.on) or unit.policy.scope.voucher_types:
            continue
        clauses = tuple(attrs.evolve(clause, expr=broken) for clause in unit.clauses)
        bad = attrs.evolve(unit, clauses=clauses, condition=broken, predicate=predicate(broken))
        book = Book([bad], CODES, "x")
        for facts in (row, changed(row, unavailable=frozenset(Register))):
            (finding,) = book.decide(facts)
            assert finding.action is Action.HOLD and finding.policy == unit.policy.id
