"""A register's form that was not taken comes back as it was filled in."""

import pytest

from tests.bureau.desks import Desk
from tests.bureau.test_registers import AGENCY, HOME, form_of, loaded

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
