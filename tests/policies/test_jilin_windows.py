"""What Jilin's policies look back over: which payments, how far, by what key, and when they ask."""

import hashlib
from typing import Any

import pytest

from gateway.domain.codes import CashReason, Expenditure, Settlement
from gateway.domain.decision import Outcome
from gateway.domain.facts import Facts, changed
from gateway.domain.money import Fen
from policies.book.cases import CASES
from tests.policies.shipped import BOOK

HELD_TOO, PAID = ("passed", "held"), ("passed",)

WINDOWS = {
    "JL-015.paid": ("indicator.id", "sum", "amount", 366, PAID),
    "JL-016.late": ("indicator.id", "sum", "amount", 61, PAID),
    "JL-034.main": ("batch.main", "count", "", 366, HELD_TOO),
    "JL-044.small_draws": ("agency.code", "count", "", 7, HELD_TOO),
    "JL-044.small_drawn": ("agency.code", "sum", "amount", 7, HELD_TOO),
    "JL-044.to_person": ("payee.person", "sum", "amount", 1, HELD_TOO),
    "JL-072.goods": ("agency.code payee.account", "sum", "amount", 30, HELD_TOO),
    "JL-072.works": ("agency.code payee.account", "sum", "amount", 30, HELD_TOO),
    "JL-073.parts": ("agency.code payee.account", "sum", "amount", 30, HELD_TOO),
    "JL-092.same_batch": ("payer.account amount purpose batch.paid", "count", "", 7, HELD_TOO),
    "JL-092.same": ("payer.account payee.account amount purpose", "count", "", 7, HELD_TOO),
}
"""Key, measure, of what, days with today, and which outcomes count."""

RETIRED = {"JL-044.draws", "JL-044.drawn", "JL-044.person"}
"""Names under which something else was counted once. Whoever has a book with one of them in force
may activate no book in which it means something else, so it is never used again."""
COUNTED = {
    "JL-015.paid": "614e5910baa3dd83",
    "JL-016.late": "e7efdb12818f4c49",
    "JL-034.main": "f8fe642df5d555b0",
    "JL-044.small_draws": "8ab0f44fcd5d8fe4",
    "JL-044.small_drawn": "8ab0f44fcd5d8fe4",
    "JL-044.to_person": "0fa3f84e5891cc65",
    "JL-072.goods": "69abaa7fe014a201",
    "JL-072.works": "b7c9f4de21668f33",
    "JL-073.parts": "52636538701be73c",
    "JL-092.same_batch": "1ffea2be92d93e78",
    "JL-092.same": "368c3c9fa34dd346",
}
"""SHA-256 of what each counts (`where`), as it was first released: to count something else takes
another name, and the old one goes into RETIRED."""


def facts(base: str = "authorized_transfer", **changes: Any) -> Facts:
    return Facts(**(CASES[base] | changes))


def asked(row: Facts) -> set[str]:
    return {ask.key.window for ask in BOOK.asks(row)}


def test_every_window_looks_back_as_far_and_by_the_key_that_the_rule_says() -> None:
    found = {
        f"{policy.id}.{w.name}": (" ".join(w.key), w.measure, w.of, w.days, tuple(w.counts))
        for policy in {unit.policy.id: unit.policy for unit in BOOK.units}.values()
        for w in policy.windows
    }
    assert found == WINDOWS


def test_no_window_counts_something_else_than_it_did_under_its_name() -> None:
    policies = {unit.policy.id: unit.policy for unit in BOOK.units}.values()
    found = {
        f"{policy.id}.{window.name}": hashlib.sha256(window.where.encode()).hexdigest()[:16]
        for policy in policies
        for window in policy.windows
    }
    assert found == COUNTED and not RETIRED & set(found)


@pytest.mark.parametrize("base", [base for base in CASES if base != "cash_to_person"])
def test_an_ordinary_payment_asks_for_nothing_and_leaves_nothing(base: str) -> None:
    assert asked(facts(base)) == set()
    assert BOOK.shares(facts(base), Outcome.PASS) == ()


def test_cash_asks_what_the_agency_and_the_person_had() -> None:
    assert asked(facts("cash_to_person")) == {
        "JL-044.small_draws",
        "JL-044.small_drawn",
        "JL-044.to_person",
    }


def test_a_large_payment_asks_whether_it_was_made_before() -> None:
    large = facts(amount=Fen(10_000_000), dept_economic_code="30206", gov_economic_code="50201")
    assert asked(large) == {"JL-092.same"}
    assert asked(changed(large, amount=Fen(9_999_999))) == set()


def test_a_sizeable_part_of_an_indicator_is_looked_at_in_its_season() -> None:
    project = facts(indicator_expenditure=Expenditure.PROJECT, indicator_granted=Fen(20_000_000))
    assert asked(project) == set()
    assert asked(changed(project, month=11)) == {"JL-016.late"}
    basic = facts(indicator_granted=Fen(20_000_000), indicator_posted=Fen(0))
    assert asked(basic) == {"JL-015.paid"}


def test_a_blocked_payment_leaves_no_trace_in_any_window() -> None:
    row = facts("cash_to_person", cash_reason=CashReason.PETTY, settlement=Settlement.CASH)
    assert BOOK.shares(row, Outcome.BLOCK) == ()
    assert BOOK.shares(row, Outcome.HOLD) != ()
