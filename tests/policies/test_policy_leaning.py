"""Who approves a book sees first what lets more pass: words of lists and policies that replace."""

import re

import pytest

from policies.book.document import Policy
from policies.book.load import LIBRARY, load_texts
from policies.book.read import read_policy
from policies.replay.compare import compare
from policies.replay.leaning import NARROWS, WIDENS, leanings

TEXTS = load_texts(LIBRARY / "jilin")


def policy(name: str, text: str = "") -> Policy:
    return read_policy(text or TEXTS[f"{name}.toml"], f"{name}.toml")


@pytest.mark.parametrize(
    ("name", "listed", "way"),
    [
        ("JL-082", "goods", {WIDENS}),
        ("JL-082", "goods_apart", {NARROWS}),
        ("JL-041", "scope", {NARROWS}),
        ("JL-023", "paid_to_persons", {NARROWS}),
        ("JL-045", "card_items", {WIDENS}),
        ("JL-045", "to_filed_persons", {NARROWS}),
        ("JL-025", "union_items", {NARROWS}),
        ("JL-061", "hospitable_items", {NARROWS}),
        ("JL-072", "goods", {WIDENS, NARROWS}),
        ("JL-006", "dept", {NARROWS}),
    ],
)
def test_each_list_of_the_library_leans_as_its_clauses_use_it(
    name: str, listed: str, way: set[int]
) -> None:
    assert leanings(policy(name))[listed] == way


@pytest.mark.parametrize(
    ("name", "listed", "gained", "lost"),
    [
        ("JL-082", "goods", False, True),
        ("JL-082", "goods_apart", True, False),
        ("JL-041", "scope", True, False),
        ("JL-072", "goods", True, True),
    ],
)
def test_a_word_more_or_less_is_marked_as_what_it_does(
    name: str, listed: str, gained: bool, lost: bool
) -> None:
    more = re.sub(rf"(?m)^({listed} = \[)", r'\1"30998",', TEXTS[f"{name}.toml"], count=1)
    old, new = policy(name), policy(name, more)
    for before, after, says, looser in ((old, new, "增加", gained), (new, old, "减少", lost)):
        (told,) = [each for each in compare([before], [after]) if says in each.zh]
        assert told.looser is looser, told


@pytest.mark.parametrize(("levels", "looser"), [("tighten", False), ("replace", True)])
def test_a_city_that_replaces_the_provinces_policy_may_ask_less(levels: str, looser: bool) -> None:
    text = TEXTS["JL-091.toml"]
    above = policy("JL-091", text.replace('may = "tighten"', f'may = "{levels}"'))
    city = policy("JL-091", text.replace('division = "22"', 'division = "2201"'))
    (told,) = [each for each in compare([above], [above, city]) if "新增" in each.zh]
    assert told.looser is looser and ("替换上级" in told.zh) is looser
