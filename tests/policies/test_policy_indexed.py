"""Filing conditions under a code or option changes how many are asked, never what fires."""

from typing import Any

import pytest

from bench.drawn import drawn
from bench.neutral import bent, rules
from bench.peers import ours
from gateway.domain.facts import Facts
from gateway.domain.facts import changed as changed_facts
from policies.book.steps import finished
from policies.book.workload import passing
from policies.language import indexed as indexed_module
from policies.language.factor import factored
from policies.language.generate import group
from policies.language.indexed import Remembered, Shelf, indexed, question_of
from policies.language.typed import All, Compare, Constant, ContainsAny, OneOf, Read, Under
from policies.language.typed import Any as AnyOf
from policies.language.types import MONEY, SCHEMA, Kind

SETTLEMENT, CODE, AMOUNT = SCHEMA["settlement"], SCHEMA["dept_economic_code"], SCHEMA["amount"]
CASH = Compare("==", Read(SETTLEMENT), Constant("cash", SETTLEMENT.type))
GOODS = Under(Read(CODE), ("302",))
LARGE = Compare(">", Read(AMOUNT), Constant(100, MONEY))
(LAWFUL, *_) = passing()


def changed(**values: Any) -> Facts:
    return changed_facts(LAWFUL, **values)


@pytest.mark.slow
def test_what_fires_is_what_fires_when_all_are_asked() -> None:
    book, _ = ours(rules(44))
    conditions = [unit.condition for unit in book.units]
    filed, plain = finished(indexed(conditions)), group(conditions)
    facts = bent(drawn(200).facts, rules(44), offender_each=2)
    assert [sorted(filed(one)) for one in facts] == [sorted(plain(one)) for one in facts]
    assert sum(bool(filed(one)) for one in facts) == 100


def test_a_condition_is_filed_under_its_rarest_question() -> None:
    found = question_of(All((All((CASH, GOODS)), LARGE)))
    assert found is not None and found.fact is CODE
    assert question_of(LARGE) is None


def test_a_condition_without_a_question_is_always_asked() -> None:
    run = finished(indexed([LARGE, CASH]))
    assert run(changed(settlement=None)) == [0]


def test_a_long_condition_on_codes_alone_is_asked_once_for_each_combination() -> None:
    codes = [Compare("==", Read(CODE), Constant(f"302{n:02}", CODE.type)) for n in range(40)]
    long, asked = AnyOf(tuple(codes)), group([AnyOf(tuple(codes))])
    run = finished(indexed([long, LARGE]))
    values = ("30201", "30239", "30240", None, "30201", 30201, ["unhashable"])
    for each in values:
        row = changed(dept_economic_code=each, amount=1)
        assert run(row) == asked(row) == ([0] if each in ("30201", "30239") else [])
    calls: list[Facts] = []
    remembered = Remembered(lambda facts: calls.append(facts) or [0], ["dept_economic_code"])
    assert [remembered(changed(dept_economic_code=c)) for c in ("1", "1", "2")] == [[0]] * 3
    assert len(calls) == 2


def test_neighbours_that_look_for_words_in_one_text_look_once() -> None:
    name, purpose = Read(SCHEMA["payee.name"]), Read(SCHEMA["purpose"])
    first, second = ContainsAny(name, ("酒", "烟")), ContainsAny(name, ("茶",))
    found = factored(AnyOf((first, second, ContainsAny(purpose, ("酒",)), LARGE)))
    assert isinstance(found, AnyOf)
    assert ContainsAny(name, ("酒", "烟", "茶")) in found.operands
    assert len(found.operands) == 3


def test_an_absent_code_is_under_no_class() -> None:
    run = finished(indexed([GOODS]))
    assert run(changed(dept_economic_code=None)) == []
    assert run(changed(dept_economic_code="30201")) == [0]
    assert run(changed(dept_economic_code="30101")) == []


def test_a_value_of_a_wrong_type_lets_the_condition_itself_fire() -> None:
    run = finished(indexed([GOODS]))
    assert run(changed(dept_economic_code=30201)) == [0]


def test_one_of_several_options_is_found_under_each() -> None:
    either = OneOf(Read(SETTLEMENT), frozenset({"cash", "cash_cheque"}))
    run = finished(indexed([either]))
    assert run(changed(settlement="cash_cheque")) == [0]
    assert run(changed(settlement="transfer")) == []


def test_values_beyond_the_bound_are_answered_but_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexed_module, "VALUES_MAX", 1)
    question = question_of(GOODS)
    assert question is not None
    shelf = Shelf([(question, (group([GOODS]), (0,)))])
    assert [len(shelf[code]) for code in ("30201", "30202", "30101")] == [1, 1, 0]
    assert len(shelf) == 1


def test_true_and_false_are_filed_apart() -> None:
    fact = next(f for f in SCHEMA.values() if f.type.kind is Kind.BOOL and not f.optional)
    run = finished(indexed([Read(fact)]))
    assert run(changed(**{fact.attribute: True})) == [0]
    assert run(changed(**{fact.attribute: False})) == []


def test_filing_pauses_between_a_few_compilations() -> None:
    conditions = [LARGE] * (3 * indexed_module.GROUP_MAX)
    assert len(list(indexed(conditions))) >= 3
