# ruff: noqa: E501  clauses and documents are quoted whole
"""Tables whose rows are rules, clauses that can never matter, and loading in short steps."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.domain.decision import Action
from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.cases import CASES
from policies.book.load import LIBRARY, book_of, building, load, load_codes, load_texts
from policies.book.read import law_digest
from policies.book.steps import in_turns
from policies.language import generate
from policies.language.checker import check
from policies.language.errors import PolicyRefused
from policies.language.factor import Branch, branches
from policies.language.literals import Terms
from policies.language.parser import parse
from policies.language.satisfy import possible
from policies.language.typed import Expr
from policies.language.types import SCHEMA

CODES = load_codes()
TERMS = Terms(facts=SCHEMA, params={}, lists={}, codes=CODES, first_year=2024, last_year=9999)
DOCUMENT = """
id = "JL-953"
revision = 1
light = "orange"
action = "hold"
lower_levels_may = "tighten"
title = { zh = "超标准", en = "Over the standard" }
law = { document = "吉财库〔2022〕1136号", article = "19", text = "不得超过。", digest = "DIGEST" }
scope = { division = "22" }
effective = { from = 2024-01-01 }
reason = { zh = "{causes}", en = "{causes}" }
remedy = { zh = "说明", en = "explain" }

[when]
transfer = 'has(settlement) && settlement == "transfer"'

[table]
columns = { code = "text", cap = "money", words = "list" }
when = '''
has(dept_economic_code) && dept_economic_code == row.code && amount > row.cap
&& has(purpose) && contains_any(purpose, row.words)'''

[[table.row]]
id = "repair"
article = "19①"
code = "30213"
cap = "12000.00"
words = ["维修", "修缮"]
zh = "维修超过{row.cap}元"
en = "repair over {row.cap}"

[[table.row]]
id = "lecture"
article = "19②"
action = "warn"
code = "30226"
cap = "500.00"
words = ["讲课"]
zh = "讲课费超过{row.cap}元"
en = "lecture over {row.cap}"

[[test]]
name = "维修"
outcome = "hold"
[[test]]
name = "维修未超"
facts = { amount = "12000.00" }
outcome = "none"
[[test]]
name = "讲课费"
base = "transfer_to_person"
outcome = "warn"
""".replace("DIGEST", law_digest("不得超过。"))


def book(text: str = DOCUMENT) -> Book:
    return book_of({"JL-953.toml": text}, CODES)


def facts(base: str = "authorized_transfer", **changes: Any) -> Facts:
    return Facts(**(CASES[base] | changes))


def refused(old: str, new: str) -> str:
    assert old in DOCUMENT
    with pytest.raises(PolicyRefused) as problem:
        book(DOCUMENT.replace(old, new))
    return str(problem.value)


def test_a_row_is_a_rule_with_its_own_numbers_words_and_article() -> None:
    (finding,) = book().decide(facts())
    assert finding.article == "19①" and finding.reason_zh == "维修超过12,000.00元"
    assert finding.reason_en == "repair over 12,000.00"
    (mild,) = book().decide(facts("transfer_to_person"))
    assert mild.article == "19②" and mild.action is Action.WARN


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('cap = "12000.00"', "cap = 12000", "row[1].cap"),
        ('cap = "12000.00"\n', "", "row[1].cap: 缺少"),
        ('cap = "12000.00"', 'cap = "12000.00"\nlimit = 3', "row[1].limit"),
        ('code = "30226"', 'code = "30266"', "has no code 30266"),
        ('code = "30226"', 'code = "302"', "is a class of codes"),
        ("row.cap\n", "row.cup\n", "no row.cup; did you mean cap?"),
        ("{row.cap}元", "{row.cup}元", "did you mean row.cap?"),
        ('cap = "money"', 'cap = "mony"', "did you mean money?"),
        ('cap = "money"', 'id = "money"', "is no name for a column"),
        ("row.words)", "row.cap)", "row.cap 不是列表"),
        ("== row.code", "== row.words", "row.words is a list"),
        ('action = "warn"', 'action = "block"', "more severe than the policy"),
        ('name = "讲课费"\nbase = "transfer_to_person"\noutcome = "warn"', 'name = "x"\noutcome = "hold"', "a test that shows cause lecture"),
        ('{ code = "text"', '{ extra = "count", code = "text"', "row[1].extra: 缺少"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_table_is_told_with_its_row(old: str, new: str, says: str) -> None:
    assert says in refused(old, new)


@pytest.mark.parametrize(
    ("transfer", "says"),
    [
        ("has(settlement) && settlement == \"transfer\" && settlement == \"cash\"", "can never hold"),
        ("amount > yuan(\"100.00\") && amount < yuan(\"100.01\")", "can never hold"),
        ("amount >= yuan(\"100.00\") || amount < yuan(\"100.00\")", "always holds"),
        ("amount >= yuan(\"100.00\") || amount > yuan(\"200.00\") && amount < yuan(\"50.00\")", "part 2 of ||"),
        ("fiscal_year == 2026 && fiscal_year > 2020", "always holds"),
        ("has(dept_economic_code) && under(dept_economic_code, \"303\")", "cause.repair: 在前面"),
        ("has(settlement) && settlement != \"transfer\" && 1 + 1 == 3", "can never hold"),
    ],
)  # fmt: skip
def test_a_clause_or_row_that_never_matters_is_refused(transfer: str, says: str) -> None:
    assert says in refused('has(settlement) && settlement == "transfer"', transfer)


def typed(clause: str) -> Expr:
    return check(parse(clause)[0], TERMS).expr


@pytest.mark.parametrize(
    ("clauses", "answer"),
    [
        (["payee.is_basic", "!payee.is_basic"], False),
        (["payee.is_basic || persons.unfiled > 2", "!payee.is_basic", "persons.unfiled < 3"], False),
        (["payee.is_basic || persons.unfiled > 2", "!payee.is_basic", "persons.unfiled < 4"], True),
        (["\"tender\" in evidence", "evidence == []"], False),
        (["all_of(evidence, [\"tender\", \"invoice\"])", "!any_of(evidence, [\"invoice\"])"], False),
        (["any_of(evidence, [\"tender\", \"invoice\"])", "!(\"invoice\" in evidence)"], True),
        (["evidence != []", "!all_of(evidence, [\"tender\", \"invoice\"])"], True),
        (["has(functional_code) && under(functional_code, \"20102\")", "!has(functional_code)"], False),
        (["has(dept_economic_code) && under(dept_economic_code, [\"301\", \"302\"])", "has(dept_economic_code) && under(dept_economic_code, \"303\")"], False),
        (["has(dept_economic_code) && under(dept_economic_code, [\"302\"])", "has(dept_economic_code) && !under(dept_economic_code, \"30201\")"], True),
        (["has(dept_economic_code) && dept_economic_code == \"30201\"", "has(dept_economic_code) && !under(dept_economic_code, \"302\")"], False),
        (["contains_any(payee.name, [\"大酒店\"])", "!contains_any(payee.name, [\"酒店\"])"], False),
        (["contains_any(payee.name, [\"酒店\"])", "!contains_any(payee.name, [\"大酒店\"])"], True),
        (["payee.relation in [\"own\", \"superior\"]", "payee.relation != \"own\"", "payee.relation != \"superior\""], False),
        (["voucher.age_days * 2 > persons.unfiled", "persons.unfiled >= voucher.age_days * 2"], False),
        (["voucher.age_days > 3", "voucher.age_days != 4", "voucher.age_days < 5"], False),
        (["!(voucher.age_days < 5)", "voucher.age_days == 5"], True),
        (["!(voucher.age_days > 5)", "voucher.age_days == 5"], True),
        (["!(voucher.age_days <= 5)", "voucher.age_days == 5"], False),
        (["!(voucher.age_days >= 5)", "voucher.age_days == 5"], False),
        (["!(5 < voucher.age_days)", "voucher.age_days == 5"], True),
        (["!(5 >= voucher.age_days)", "voucher.age_days == 5"], False),
        (["!(voucher.age_days == 5)", "voucher.age_days == 5"], False),
        (["!(voucher.age_days != 5)", "voucher.age_days == 6"], False),
    ],
)  # fmt: skip
def test_impossible_is_said_only_of_what_is(clauses: list[str], answer: bool) -> None:
    assert possible(map(typed, clauses)) is answer


@pytest.mark.slow
async def test_a_book_loads_while_others_work_and_is_the_same_book() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(others())
    found = await in_turns(building(load_texts(LIBRARY / "jilin"), CODES))
    working.cancel()
    assert found.revision == load(LIBRARY / "jilin").revision
    assert turns > len(found.units) * 3


@pytest.mark.slow
def test_no_step_of_loading_takes_in_more_than_a_hundred_rules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[int] = []

    def noted(conditions: Sequence[Expr]) -> tuple[Branch, ...]:
        compiled.append(len(conditions))
        return branches(conditions)

    monkeypatch.setattr(generate, "branches", noted)
    texts = {f"{n}.toml": DOCUMENT.replace("JL-953", f"JL-{n + 100}") for n in range(250)}
    steps, count = building(texts, CODES), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            assert len(end.value.units) == 250
            break
        count += 1
    assert sum(compiled) >= 250 and max(compiled) <= 100
    assert count > 250 * 5
