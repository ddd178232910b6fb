"""The scope of a policy by kind of fund (资金性质): whom it reaches, and what may be written."""

from typing import Any

import attrs
import pytest

from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.cases import CASES
from policies.book.load import book_of, load_codes
from policies.book.read import law_digest
from policies.language.errors import PolicyRefused

CODES = load_codes()
DOCUMENT = """
id = "JL-910"
revision = 1
light = "red"
action = "block"
lower_levels_may = "none"
title = { zh = "大额", en = "Large" }
law = { document = "吉财库〔2022〕1136号", article = "9", text = "不得超过。", digest = "DIGEST" }
scope = { division = "22", funds = FUNDS }
effective = { from = 2024-01-01 }
reason = { zh = "大额", en = "large" }
remedy = { zh = "减少", en = "less" }
[when]
over = 'amount > yuan("20000.00")'
[[test]]
name = "大额"
facts = { amount = "20000.01", fund_code = "CODE" }
outcome = "block"
[[test]]
name = "小额"
facts = { amount = "20000.00", fund_code = "CODE" }
outcome = "none"
"""


def book(funds: str = '["11", "3"]', code: str = "111", old: str = "", new: str = "") -> Book:
    text = DOCUMENT.replace("DIGEST", law_digest("不得超过。")).replace("FUNDS", funds)
    text = text.replace("CODE", code)
    assert old in text
    return book_of({"a.toml": text.replace(old, new) if old else text}, CODES)


def facts(**changes: Any) -> Facts:
    return Facts(**(CASES["authorized_transfer"] | {"amount": 9_000_000} | changes))


@pytest.mark.parametrize(
    ("fund", "reached"),
    [
        ("11", True),
        ("111", True),
        ("11111", True),
        ("3", True),
        ("12", False),
        ("1", False),
        ("2", False),
        (None, True),
        ("", True),
    ],
)
def test_a_policy_reaches_the_funds_of_its_scope_and_whoever_states_none(
    fund: str | None, reached: bool
) -> None:
    found = book().decide(facts(fund_code=fund))
    assert ("JL-910" in [f.policy for f in found]) is reached


def test_the_answer_for_one_fund_is_never_given_to_another() -> None:
    ours = book()
    seen = [
        [f.policy for f in ours.decide(facts(fund_code=fund))]
        for fund in ("111", "12", "111", None, "12", "")
    ]
    assert seen == [["JL-910"], ["BOOK"], ["JL-910"], ["JL-910"], ["BOOK"], ["JL-910"]]


def test_without_funds_a_policy_reaches_every_fund() -> None:
    ours = book(funds="[]")
    for fund in ("111", "12", "2", None):
        assert [f.policy for f in ours.decide(facts(fund_code=fund))] == ["JL-910"]


@pytest.mark.parametrize(
    ("funds", "says"),
    [
        ('["8"]', "没有资金性质 '8'"),
        ('["11", ""]', "no fund code ''"),
        ('["11x"]', "no fund code '11x'"),
        ('["111111"]', "no fund code '111111'"),
        ("[11]", "scope.funds"),
        ('"11"', "scope.funds"),
    ],
)
def test_a_fund_that_does_not_exist_is_refused_with_its_place(funds: str, says: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        book(funds)
    assert says in str(refused.value) and "a.toml.scope.funds" in str(refused.value)


def test_a_test_outside_the_scope_shows_nothing_firing() -> None:
    with pytest.raises(PolicyRefused, match="大额"):
        book(code="12")
    small = 'name = "小额"\nfacts = { amount = "20000.00", fund_code = "111" }'
    other = 'name = "别的资金"\nfacts = { amount = "20000.01", fund_code = "12" }'
    assert book(old=small, new=other).units


def test_the_revision_follows_the_funds() -> None:
    assert book('["11"]').revision != book('["11", "3"]').revision
    assert attrs.asdict(book().units[0].policy.scope)["funds"] == frozenset({"11", "3"})
