"""JL-008 from the bureau's feed to the answer: a payer's changed name, counted in working days."""

import datetime as dt
import json
from typing import Any

import pytest

from gateway.domain.legal_day import legal_day
from tests.registers.conftest import Office
from tests.registers.feeds import put
from tests.registers.test_feed_door import in_force, payer

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

NEW_NAME = "更名后的某单位"
BEFORE = 12
"""Days since the change; the calendar says of each of them whether it is worked."""


def calendar(today: dt.date, worked: set[int]) -> list[dict[str, Any]]:
    """The bureau's calendar over those days: `worked` counts back from today, which is 0.

    Weekdays that are not in it are holidays, weekend days that are in it are make-up days.
    """
    days = [today - dt.timedelta(days=back) for back in range(BEFORE + 1)]
    return [
        put({"date": day.isoformat(), "is_workday": back in worked})
        for back, day in enumerate(days)
    ]


def ordinary(today: dt.date, days: int) -> set[int]:
    """The last so many weekdays of them that are not today, weekend days left out."""
    weekdays = [
        back for back in range(1, BEFORE) if (today - dt.timedelta(days=back)).weekday() < 5
    ]
    return set(weekdays[:days])


async def told(office: Office, number: str, **lists: Any) -> tuple[str, list[str]]:
    """What becomes of a payment under the new name once this delta is in force."""
    assert (await office.send(await office.next_delta(**lists))).status == 200
    await in_force(office)
    named = json.loads(office.siege.model.raw)["payer"] | {"name": NEW_NAME}
    answer = (await office.siege.post(office.siege.instruction(number, payer=named))).fields
    return answer["outcome"], [finding["policy"] for finding in answer["findings"]]


async def test_a_payers_name_changed_past_five_working_days_fires_jl_008_and_within_five_not(
    office: Office,
) -> None:
    today = legal_day(dt.datetime.now(dt.UTC))
    account = office.row("accounts", account=payer(office))
    assert account["name"] != NEW_NAME
    changed = (today - dt.timedelta(days=BEFORE)).isoformat()
    renamed = put(account, name=NEW_NAME, change_notice_date=changed)
    five = ordinary(today, 5)
    assert len(five) == 5, "twelve days hold five weekdays at least"
    weekend = next(
        back for back in range(1, BEFORE) if (today - dt.timedelta(days=back)).weekday() >= 5
    )
    holiday = min(five)
    seen = {
        "within": await told(
            office, "NAME-5", accounts=[renamed], calendar=calendar(today, five)
        ),
        "make-up day": await told(
            office, "NAME-6", calendar=calendar(today, five | {weekend})
        ),
        "holiday": await told(
            office, "NAME-7", calendar=calendar(today, (five | {weekend}) - {holiday})
        ),
        "sixth day": await told(office, "NAME-8", calendar=calendar(today, five | {0})),
    }  # fmt: skip
    assert seen["within"] == ("passed", [])
    assert seen["holiday"] == ("passed", [])
    for overdue in ("make-up day", "sixth day"):
        outcome, policies = seen[overdue]
        assert outcome == "held" and policies == ["JL-008"], overdue
    restored = await told(office, "NAME-9", accounts=[put(account, name=NEW_NAME)])
    assert restored == ("passed", []), "filed: the bureau takes the date out"
    old = {"accounts": [put(account)], "calendar": []}
    assert (await office.send(await office.next_delta(**old))).status == 200
