"""The bureau's own duties, read off plans as they are: two ways of payment, and not all rows."""

import datetime as dt

import pytest

from bureau.desk.registers.duties import plan_duties
from bureau.web.sections import registers as registers_pages

MARCH = dt.date(2026, 3, 9)


def test_a_month_that_is_granted_for_two_ways_of_payment_is_one_grant() -> None:
    plans = [
        {"indicator_id": "A", "month": m, "payment_method": way, "amount": a}
        for m, way, a in (
            (1, "authorized", "90.00"), (1, "direct", "10.00"), (2, "authorized", "90.00"),
            (2, "direct", "10.00"), (3, "direct", "100.00"),
        )
    ]  # fmt: skip
    assert plan_duties(plans, MARCH, {}) == []


def test_a_plan_of_which_not_every_month_was_read_is_not_told_as_never_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans = [{"indicator_id": i, "month": m, "amount": "5.00"} for i in "AB" for m in (1, 2, 3)]
    monkeypatch.setattr(registers_pages, "DUTY_ROWS", 5)
    assert plan_duties(registers_pages._whole(plans[:5], 5), MARCH, {}) == []
    assert registers_pages._whole(plans[:4], 4) == plans[:4], "all that there are"


def test_months_are_due_in_the_indicator_s_own_year() -> None:
    """At the turn of the year both years' plans stand: the next one's is not late in December, and
    what the last one lacks is not forgotten in January."""
    plans = [
        {"indicator_id": id, "month": m, "amount": "5.00"}
        for id, months in (("OLD", range(1, 12)), ("NEW", range(1, 2)))
        for m in months
    ]
    years = {"OLD": 2026, "NEW": 2027}
    for day in (dt.date(2026, 12, 31), dt.date(2027, 1, 1)):
        told = [(each.subject, each.zh) for each in plan_duties(plans, day, years)]
        assert told == [("OLD", "12月没有下达额度")]
