"""Three readings of one clause agree: generated Python, the interpreter, and Google's CEL."""

import importlib
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.codes import Register
from gateway.domain.facts import Facts, changed
from policies.book.cases import CASES
from policies.book.load import load_codes
from policies.language.checker import check
from policies.language.generate import group, predicate
from policies.language.interpret import UNAVAILABLE, Missing, truth
from policies.language.literals import Terms
from policies.language.parser import parse
from policies.language.typed import Expr
from policies.language.types import SCHEMA, Fact, Kind
from tests.examples import examples
from tests.policies.shipped import BOOK

TERMS = Terms(
    facts=SCHEMA, params={}, lists={}, codes=load_codes(), first_year=2022, last_year=9999
)
ECONOMIC = ("30201", "30211", "30226", "31001", "399", "bad")


def _values(fact: Fact) -> st.SearchStrategy[Any]:
    kind = fact.type.kind
    plain: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.TEXT: st.sampled_from(["", "8202", "5201", "吉林省示例厅", "某酒店", "厅店某 酒店厅"]),
        Kind.CODE: st.sampled_from(ECONOMIC),
        Kind.MONEY: st.integers(0, 300_000),
        Kind.COUNT: st.integers(-3, 12),
        Kind.BOOL: st.booleans(),
    }
    if kind is Kind.ENUM:
        found: st.SearchStrategy[Any] = st.sampled_from(list(fact.type.enum or []))
    elif kind is Kind.SET:
        found = st.frozensets(st.sampled_from(list(fact.type.enum or [])), max_size=3)
    else:
        found = plain[kind]
    return st.none() | found if fact.optional else found


@st.composite
def rows(draw: st.DrawFn, *, lost: bool = False) -> Facts:
    base = dict(CASES["authorized_transfer"])
    for fact in SCHEMA.values():
        base[fact.attribute] = draw(_values(fact))
    base["division"], base["voucher_type"] = "220000000", draw(st.sampled_from(["8202", "5201"]))
    unavailable = st.frozensets(st.sampled_from(list(Register)), max_size=4)
    return Facts(**base, unavailable=draw(unavailable) if lost else frozenset())


def _quoted(options: type[StrEnum] | None) -> st.SearchStrategy[str]:
    return st.sampled_from([f'"{o.value}"' for o in options or []])


def _guarded(name: str, optional: bool, body: str, negative: bool) -> str:
    if not optional:
        return f"({body})"
    return f"(!has({name}) || {body})" if negative else f"(has({name}) && {body})"


@st.composite
def atoms(draw: st.DrawFn) -> str:
    fact = draw(st.sampled_from([f for f in SCHEMA.values() if f.type.kind is not Kind.DATE]))
    name, kind = fact.name, fact.type.kind
    order = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    same = draw(st.sampled_from(["==", "!="]))
    match kind:
        case Kind.BOOL:
            body = name
        case Kind.SET:
            option = draw(_quoted(fact.type.enum))
            forms = [f"{name} {same} []", f"{option} in {name}", f"any_of({name}, [{option}])"]
            return draw(st.sampled_from([*forms, f"all_of({name}, [{option}])"]))
        case Kind.MONEY:
            cents = draw(st.integers(0, 300_000))
            written = f'yuan("{cents // 100 + 1}.{cents % 100:02d}")'
            forms = [f"{name} * 2 - amount {order} {written}"]
            forms += [f'({name} - amount) % {written} {same} yuan("0.00")']
            body = draw(st.sampled_from(forms))
        case Kind.COUNT:
            forms = [f"{name} * -2 + 3 {order} {draw(st.integers(-9, 9))}"]
            forms += [f"({name} * -2 + 3) % {draw(st.integers(2, 9))} {same} 0"]
            body = draw(st.sampled_from(forms))
        case Kind.ENUM:
            option = draw(_quoted(fact.type.enum))
            body = draw(st.sampled_from([f"{name} {same} {option}", f"{name} in [{option}]"]))
        case Kind.CODE:
            if fact.type.codes != "dept_economic":
                return "true"
            body = draw(st.sampled_from([f'under({name}, "302")', f'{name} == "30201"']))
        case _:
            looked_for = 'contains_any({}, ["酒店", "店", "厅"], ["某酒店", "示例厅", "厅店"])'
            forms = [f'{name} {same} "8202"', f'contains_any({name}, ["酒店", "厅"])']
            body = draw(st.sampled_from([*forms, looked_for.format(name)]))
    return _guarded(name, fact.optional, body, draw(st.booleans()))


clauses = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        inner.map(lambda a: f"!({a})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "(" + " && ".join(p) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "(" + " || ".join(p) + ")"),
    ),
    max_leaves=8,
)


def checked(clause: str) -> Expr:
    return check(parse(clause)[0], TERMS).expr


@examples(300)
@given(clauses, rows())
def test_generated_python_and_interpreter_agree(clause: str, facts: Facts) -> None:
    expr = checked(clause)
    assert predicate(expr)(facts) is truth(expr, facts)
    assert group([expr, expr])(facts) == ([0, 1] if truth(expr, facts) else [])


@pytest.mark.slow
@examples(200)
@given(clauses, rows(lost=True), rows())
def test_what_is_certain_without_a_register_stays_so_whatever_it_would_have_said(
    clause: str, facts: Facts, other: Facts
) -> None:
    expr = checked(clause)
    found = truth(expr, facts)
    if found is UNAVAILABLE:
        return
    regained = {
        f.attribute: getattr(other, f.attribute)
        for f in SCHEMA.values()
        if f.register in facts.unavailable
    }
    assert truth(expr, changed(facts, unavailable=frozenset(), **regained)) is found


@pytest.mark.slow
@examples(300)
@given(rows())
def test_the_books_generated_code_agrees_with_its_interpreter(facts: Facts) -> None:
    book = BOOK
    explained = {e.finding for e in book.explain(facts) if e.finding is not None}
    assert set(book.decide(facts)) == explained
    assert all("执行出错" not in f.reason_zh for f in book.decide(facts))


def _cel_type(cel: Any, fact: Fact) -> Any:
    kinds = {Kind.BOOL: cel.Type.BOOL, Kind.MONEY: cel.Type.INT, Kind.COUNT: cel.Type.INT}
    if fact.type.kind is Kind.SET:
        return cel.Type.List(cel.Type.STRING)
    return kinds.get(fact.type.kind, cel.Type.STRING)


def _as_cel(clause: str) -> str:
    """Dots become underscores; has(f), which CEL asks of fields only, becomes a Boolean of ours."""
    for fact in sorted(SCHEMA.values(), key=lambda f: -len(f.name)):
        clause = clause.replace(f"has({fact.name})", f"has_{fact.attribute}")
        clause = (
            clause.replace(fact.name, f"f_{fact.name.replace('.', '_')}")
            if ("." in fact.name)
            else clause
        )
    return clause


OVERLAP = [
    'has(settlement) && settlement in ["cash", "cash_cheque"]',
    "persons.unfiled * 2 + 1 > voucher.age_days - 3",
    'payee.relation == "own" || payee.relation != "superior" && !payee.is_basic',
    '"purpose" in missing_elements || missing_elements == []',
    'has(payer.class) && (payer.class == "zero_balance" || payer.class == "real_fund")',
    '!has(payee.class) || payee.class != "tax"',
    "-persons.unfiled + -2 < -persons.unidentified",
    "true && (persons.unfiled == 0 || persons.unfiled >= 5)",
    'voucher.type in ["8202"] && payee.is_basic == false',
    'has(exemption) && exemption == "student_aid" || persons.unfiled <= voucher.age_days',
]


@examples(100)
@given(st.sampled_from(OVERLAP), rows())
def test_googles_cel_agrees_on_the_overlapping_subset(clause: str, facts: Facts) -> None:
    module = pytest.importorskip("cel_expr_python")
    cel = importlib.import_module(f"{module.__name__}.cel")
    variables: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for fact in SCHEMA.values():
        name = f"f_{fact.name.replace('.', '_')}" if "." in fact.name else fact.name
        variables[name], variables[f"has_{fact.attribute}"] = _cel_type(cel, fact), cel.Type.BOOL
        value = getattr(facts, fact.attribute)
        values[f"has_{fact.attribute}"] = value is not None
        if isinstance(value, frozenset):
            values[name] = [str(v.value) for v in value]
        elif value is not None:
            values[name] = str(value) if isinstance(value, str) else value
    env = cel.NewEnv(variables=variables)
    found = env.compile(_as_cel(clause)).eval(data=values)
    assert found.type() != cel.Type.ERROR, found.plain_value()
    expected = truth(checked(clause), facts)
    assert not isinstance(expected, Missing)
    assert found.plain_value() is expected
