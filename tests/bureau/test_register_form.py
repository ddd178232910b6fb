"""A register's form that was not taken comes back as it was filled in."""

import datetime as dt
import re

import pytest

from gateway.domain.legal_day import legal_day
from tests.bureau.desks import Desk
from tests.bureau.test_registers import ACCOUNT, AGENCY, HOME, form_of, loaded

pytestmark = pytest.mark.postgres


async def test_all_that_is_wrong_is_told_at_its_fields_and_what_was_picked_stays(
    desk: Desk,
) -> None:
    reviewer, _ = await loaded(desk)
    form = form_of("agencies", AGENCY | {"name": ""}, op="remove") | {"reason": "删"}
    status, text = await reviewer.post(f"{HOME}/agencies/edit", form)
    assert status == 409 and "名称：必填" in text and "理由：请填写，不少于4个字" in text
    assert text.count('aria-invalid="true"') == 2 and text.count(" autofocus") == 1
    assert '<option value="remove" selected>' in text, "it was to be taken away, not put anew"


async def test_an_account_has_not_changed_on_a_day_that_is_yet_to_come(desk: Desk) -> None:
    """A notice of it would never be late (Art. 13(1))."""
    reviewer, _ = await loaded(desk)
    today = legal_day(desk.hands.now)
    for day, status, words in (
        (today + dt.timedelta(days=1), 409, "变更日期：不能晚于今天"), (today, 303, "/changes/"),
    ):  # fmt: skip
        form = form_of("accounts", ACCOUNT, changed_on=day.isoformat())
        answer = await reviewer.post(f"{HOME}/accounts/edit", form)
        assert answer[0] == status and words in answer[1]


async def test_a_row_that_another_changed_since_it_was_opened_is_not_put_back(desk: Desk) -> None:
    """A form says the whole row: the other's change would be taken back unseen."""
    reviewer, approver = await loaded(desk)
    edit = f"{HOME}/agencies/edit"
    page = (await reviewer.get(f"{edit}?key={AGENCY['code']}"))[1]
    [upon] = re.findall(r'name="upon" value="([0-9]+)"', page)
    first = form_of("agencies", AGENCY | {"name": "更名后的单位"}) | {"reason": "机构改革"}
    status, change = await reviewer.post(edit, first | {"upon": upon})
    assert status == 303 and (await approver.post(f"{change}/approve"))[0] == 303
    stale = form_of("agencies", AGENCY) | {"reason": "改另一项", "upon": upon}
    status, text = await reviewer.post(edit, stale)
    assert status == 409 and "打开本页之后该登记已另有变更" in text
    assert f'name="upon" value="{upon}"' in text, "pressed again it is refused again"
    page = (await reviewer.get(f"{edit}?key={AGENCY['code']}"))[1]
    [upon] = re.findall(r'name="upon" value="([0-9]+)"', page)
    assert (await reviewer.post(edit, stale | {"upon": upon}))[0] == 303
