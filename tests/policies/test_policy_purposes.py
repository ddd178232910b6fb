"""Purposes as agencies write them pass the lists of words, and what the lists are for does not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.domain.codes import Expenditure
from gateway.domain.facts import Facts
from policies.book.cases import CASES
from policies.form.condition import clause_of
from policies.form.conditions import kinds_of
from policies.form.recognise import rows_of
from policies.form.words import sentence
from policies.language.checker import check
from policies.language.errors import ClauseError
from policies.language.generate import predicate
from policies.language.interpret import truth
from policies.language.parser import parse
from tests.policies.shipped import BOOK
from tests.policies.test_policy_language_agreement import TERMS

TRANSFER: Final = CASES["authorized_transfer"]
PAID_FROM: Final = {
    "basic": TRANSFER,
    "project": TRANSFER | {"indicator_expenditure": Expenditure.PROJECT},
    "to a person": CASES["transfer_to_person"] | {"persons_count": 1},
}
"""Lawful but for what the purpose says: each asks for other lists."""
LISTS: Final = ("JL-032", "JL-082")
PHRASES = 'has(purpose) && contains_any(purpose, ["人参", "购人参"], ["人参加", "残疾人参保"])'


def purposes(name: str) -> list[str]:
    lines = (Path(__file__).parent / f"{name}_purposes.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def told(base: Mapping[str, Any], purpose: str) -> list[str]:
    return [f.policy for f in BOOK.decide(Facts(**{**base, "purpose": purpose}))]


@pytest.mark.parametrize("case", PAID_FROM)
def test_no_ordinary_purpose_is_taken_for_a_forbidden_one(case: str) -> None:
    ordinary = purposes("ordinary")
    assert len(ordinary) > 300
    found = {one: policies for one in ordinary if (policies := told(PAID_FROM[case], one))}
    # Not forbidden: a fee to a person is to say what it is measured on.
    assert found == ({"讲课费": ["JL-053"]} if case == "to a person" else {})


def test_a_forbidden_purpose_is_told_however_near_it_stands_to_an_ordinary_one() -> None:
    unseen = [one for one in purposes("told") if not set(told(TRANSFER, one)) & {*LISTS}]
    assert unseen == []


@pytest.mark.parametrize(
    ("purpose", "found"),
    [
        ("残疾人参保", False),
        ("残疾·人参 保", False),
        ("个人参加会议", False),
        ("个人参加会议，购人参", True),
        ("残疾人参保及人参礼盒", True),
        ("人参加人参", True),
        ("购人参加急", True),
        ("残疾人参", True),
        ("人参", True),
    ],
)
def test_a_word_counts_unless_the_whole_of_it_stands_within_a_phrase(
    purpose: str, found: bool
) -> None:
    expr = check(parse(PHRASES)[0], TERMS).expr
    facts = Facts(**{**TRANSFER, "purpose": purpose})
    assert predicate(expr)(facts) is found
    assert truth(expr, facts) is found


@pytest.mark.parametrize(
    ("apart", "complaint"),
    [('["人参"]', "never found"), ('["海参崴"]', "none of the words"), ('["—"]', "no letter")],
)
def test_a_phrase_that_hides_a_word_or_holds_none_is_a_mistake(apart: str, complaint: str) -> None:
    clause = f'has(purpose) && contains_any(purpose, ["人参"], {apart})'
    with pytest.raises(ClauseError, match=complaint):
        check(parse(clause)[0], TERMS)


def test_the_form_shows_the_phrases_as_a_list_of_its_own_and_reads_them_out() -> None:
    clause = "has(purpose) && contains_any(purpose, lists.goods, lists.goods_apart)"
    kinds = kinds_of({})
    rows = rows_of(clause, kinds)
    assert rows is not None
    assert [row.apart for row in rows.rows] == ["lists.goods_apart"]
    assert clause_of(rows, kinds) == clause
    said = sentence(clause, kinds, lambda table, code: "")
    assert "名单“goods”（整个落在名单“goods_apart”的字词中的不算）" in said


@pytest.mark.parametrize(
    "purpose", ["社保", "医保", "年金", "租金", "党费", "利息", "工资", "水费"]
)
def test_a_short_name_of_what_is_paid_is_not_vague(purpose: str) -> None:
    assert told({**TRANSFER, "purpose_bare": purpose, "purpose_length": 2}, purpose) == []
    more = {**TRANSFER, "purpose_bare": "备用", "purpose_length": 2}
    assert told(more, "备用") == ["JL-005"]
