# ruff: noqa: E501  clauses and documents are quoted whole
"""Windows: what they read as, when a decision asks for them, what an instruction adds to them."""

import datetime as dt
import re
from typing import Any

import pytest

from gateway.domain.codes import AccountClass, Evidence, Exemption, Register, Settlement
from gateway.domain.decision import Action, Outcome
from gateway.domain.facts import Facts, changed
from gateway.domain.money import Fen
from gateway.domain.windows import Measure
from policies.book.book import Book
from policies.book.cases import CASES
from policies.book.compile import compile_policy
from policies.book.load import book_of, load_codes
from policies.book.read import read_policy
from policies.language.errors import PolicyRefused
from tests.policies.split_cash import BOTH, document

CODES = load_codes()


def book(*texts: str) -> Book:
    return book_of({f"{n}.toml": text for n, text in enumerate(texts)}, CODES)


def cash(**changes: Any) -> Facts:
    return Facts(**(CASES["cash_to_person"] | changes))


def test_a_window_is_believed_empty_until_a_value_is_known() -> None:
    ours = book(document())
    assert ours.decide(cash()) == ()
    (finding,) = ours.decide(cash(windows={"JL-944.sum": 240_000, "JL-944.times": 3}))
    assert finding.action is Action.HOLD
    assert finding.reason_zh == "五日内已支付现金2,400.00元，3笔"


@pytest.mark.parametrize(
    ("sum", "times", "fires"),
    [(220_000, 3, False), (220_001, 3, True), (220_001, 2, False), (9_999_999, 2, False)],
)
def test_both_sides_of_a_window_s_threshold(sum: int, times: int, fires: bool) -> None:
    found = book(document()).decide(cash(windows={"JL-944.sum": sum, "JL-944.times": times}))
    assert bool(found) is fires


def test_an_ordinary_payment_asks_for_no_window() -> None:
    ours = book(document())
    assert ours.asks(cash(settlement=Settlement.TRANSFER)) == ()
    assert ours.shares(cash(settlement=Settlement.TRANSFER)) == ()


def test_cash_asks_for_the_windows_with_the_days_and_what_was_believed() -> None:
    row = cash(windows={"JL-944.times": 2})
    asks = {ask.key.window: ask for ask in book(document()).asks(row)}
    assert set(asks) == {"JL-944.sum", "JL-944.times"}
    times = asks["JL-944.times"]
    assert times.believed == 2 and times.measure is Measure.COUNT and times.key.key == "101001"
    assert times.since == row.on - dt.timedelta(days=4)
    assert asks["JL-944.sum"].believed == 0


def test_an_excused_payment_asks_for_none() -> None:
    row = cash(payee_is_basic=True, evidence=frozenset({Evidence.CONTRACT}))
    assert book(document()).asks(row) == ()


def test_what_is_asked_does_not_depend_on_what_is_believed() -> None:
    ours = book(document())
    keys = [a.key for a in ours.asks(cash())]
    believed = cash(windows={"JL-944.sum": 10**9, "JL-944.times": 99})
    assert [a.key for a in ours.asks(believed)] == keys


def test_a_personal_key_is_only_a_digest_and_the_same_for_the_same_account() -> None:
    ours = book(document())
    (one,) = [a for a in ours.asks(cash()) if a.key.window == "JL-944.sum"]
    (share,) = [s for s in ours.shares(cash()) if s.key.window == "JL-944.sum"]
    assert one.key == share.key and cash().payee_account not in one.key.key
    other = ours.asks(cash(payee_account="6228230123456789026"))
    assert one.key not in [a.key for a in other]


def test_an_instruction_adds_its_amount_or_one_by_its_outcome() -> None:
    ours = book(document())
    row = cash(amount=Fen(12_345))
    passed = {s.key.window: s.value for s in ours.shares(row, Outcome.PASS)}
    assert passed == {"JL-944.sum": 12_345, "JL-944.times": 1}
    assert [s.key.window for s in ours.shares(row, Outcome.HOLD)] == ["JL-944.sum"]
    assert ours.shares(row, Outcome.BLOCK) == ()
    assert {s.day for s in ours.shares(row)} == {row.on}


def test_what_cannot_be_known_is_asked_and_counted() -> None:
    where = """where = 'payee.is_basic'"""
    text = document().replace("where = 'has(settlement) && settlement == \"cash\"'", where)
    ours = book(text)
    assert ours.shares(cash()) == ()
    lost = cash(unavailable=frozenset({Register.ACCOUNTS}))
    assert len(ours.shares(lost)) == 2 and len(ours.asks(lost)) == 2


def test_texts_told_apart_are_items() -> None:
    text = document("window.times >= 3").replace('measure = "count"', 'measure = "distinct"')
    text = text.replace('days = 5\ncounts = ["passed"]', 'of = "payee.name"\ndays = 5\ncounts = ["passed"]')  # fmt: skip
    (share,) = [s for s in book(text).shares(cash()) if s.key.window == "JL-944.times"]
    assert share.value == 1 and share.item and "李" not in share.item


def test_a_city_has_its_own_window_of_the_same_policy() -> None:
    ours = book(document(), document(division="2201"))
    asked = {a.key.window for a in ours.asks(cash(division="220100000"))}
    assert asked == {"JL-944.sum", "JL-944.times", "JL-944@2201.sum", "JL-944@2201.times"}
    assert {a.key.window for a in ours.asks(cash())} == {"JL-944.sum", "JL-944.times"}


@pytest.mark.parametrize(
    "split",
    [
        BOTH,
        "window.times >= 3 || window.sum > params.limit",
        "!(window.times < 3) && payee.is_basic",
        "payee.is_basic || window.times >= 3 && amount > window.sum",
        "!(has(exemption) && (window.times < 3 || exemption == \"service_purchase\"))",
        "!has(exemption) || exemption == \"student_aid\" && window.sum > amount * 2",
    ],
)  # fmt: skip
def test_a_window_that_is_not_asked_for_cannot_change_the_findings(split: str) -> None:
    text = document(split).replace("五日内已支付现金{window.sum}元，{window.times}笔", "拆分")
    text = text.replace("{window.sum} in cash", "split")
    for name in ("sum", "times"):
        if f"window.{name}" not in split:
            text = re.sub(rf"\[window\.{name}\].*?\n\n", "", text, flags=re.DOTALL)
    ours = Book(compile_policy(read_policy(text, "x.toml"), CODES), CODES, "x")
    windows = [{}, {"JL-944.sum": 500_000}, {"JL-944.times": 5}, {"JL-944.sum": 9, "JL-944.times": 9}]  # fmt: skip
    for base in CASES:
        for exemption in (None, Exemption.STUDENT_AID, Exemption.SERVICE_PURCHASE):
            for basic in (False, True):
                row = Facts(**(CASES[base] | {"exemption": exemption, "payee_is_basic": basic}))
                asked = {a.key.window for a in ours.asks(row)}
                for values in windows:
                    unasked = {k: v for k, v in values.items() if k not in asked}
                    moved = changed(row, windows=unasked)
                    assert ours.decide(moved) == ours.decide(row), (split, row, asked)


def test_a_window_is_written_right_or_refused_with_its_place() -> None:
    for old, new, says in (
        ('of = "amount"', 'of = "agency.name"', "sum takes no text"),
        ('of = "amount"', 'of = "cash_per_person_max"', "where must ask has(cash_per_person_max)"),
        ('of = "amount"', 'of = "amont"', "did you mean amount"),
        ('measure = "sum"', 'measure = "mean"', "no 'mean'"),
        ('key = ["agency.code"]', "key = []", "names no fact"),
        ('key = ["agency.code"]', 'key = ["evidence"]', "is a set"),
        ("days = 5", "days = 0", "is less than 1"),
        ("days = 5", "days = 400", "more than 366"),
        ('counts = ["passed"]', 'counts = ["held"]', "passed, or passed and held"),
        ("window.sum + amount", "window.some + amount", "did you mean sum"),
        ("{window.sum} in", "{window.some} in", "did you mean window.sum"),
        ("windows = { sum", "windows = { some", "did you mean sum"),
        ("times = 3 }", "times = -3 }", "windows.times"),
        ('where = \'has(settlement) && settlement == "cash"\'', "where = 'window.times > 1'", "no window.times"),
        ("window.times >= 3", "has(window.times)", "always has a value"),
        ("window.times >= 3", "window.sum == 3", "expected money"),
        ("window.times >= 3 &&", "window.times >= 0 &&", "always holds"),
    ):  # fmt: skip
        text = document()
        assert old in text
        with pytest.raises(PolicyRefused) as refused:
            book(text.replace(old, new))
        assert says in str(refused.value), (new, str(refused.value))


CAUSES = """
[[cause]]
id = "transfer"
when = 'payee.is_basic'
zh = "基本户"
en = "basic"
[[cause]]
id = "often"
when = 'persons.unfiled > 2 && window.times >= 3'
zh = "多笔"
en = "often"
"""


def test_a_window_of_a_cause_is_asked_even_where_another_cause_already_fires() -> None:
    """The finding names each cause that holds: which they are must be proven too."""
    text = document("window.sum > params.limit").replace("[[unless]]", CAUSES + "[[unless]]", 1)
    text = text.replace("五日内已支付现金{window.sum}元，{window.times}笔", "{causes}")
    text = text.replace("{window.sum} in cash", "{causes}")
    ours = Book(compile_policy(read_policy(text, "x.toml"), CODES), CODES, "x")
    for unfiled, wanted in ((3, {"JL-944.sum", "JL-944.times"}), (2, {"JL-944.sum"})):
        row = cash(payee_is_basic=True, persons_unfiled=unfiled)
        assert {a.key.window for a in ours.asks(row)} == wanted


def test_a_window_that_nothing_uses_is_refused() -> None:
    text = (
        document("window.times >= 3").replace("{window.sum}元，", "").replace("{window.sum}", "x")
    )
    with pytest.raises(PolicyRefused, match="no clause or sentence uses it"):
        book(text)


def test_the_real_fund_account_of_an_agency_is_no_key_of_another() -> None:
    row = cash(agency_code="101/001", payee_account_class=AccountClass.REAL_FUND)
    (times,) = [a for a in book(document()).asks(row) if a.key.window == "JL-944.times"]
    assert times.key.key == "101%2F001"
