"""The bureau's own duties, read off plans as they are: two ways of payment, and not all rows."""

import pytest

from bureau.desk.registers.duties import plan_duties
from bureau.web.sections import registers as registers_pages


def test_a_month_that_is_granted_for_two_ways_of_payment_is_one_grant() -> None:
    plans = [
        {"indicator_id": "A", "month": m, "payment_method": way, "amount": a}
        for m, way, a in (
            (1, "authorized", "90.00"), (1, "direct", "10.00"), (2, "authorized", "90.00"),
            (2, "direct", "10.00"), (3, "direct", "100.00"),
        )
    ]  # fmt: skip
    assert plan_duties(plans, 3) == []


def test_a_plan_of_which_not_every_month_was_read_is_not_told_as_never_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans = [{"indicator_id": i, "month": m, "amount": "5.00"} for i in "AB" for m in (1, 2, 3)]
    monkeypatch.setattr(registers_pages, "DUTY_ROWS", 5)
    assert plan_duties(registers_pages._whole(plans[:5], 5), 3) == []
    assert registers_pages._whole(plans[:4], 4) == plans[:4], "all that there are"
