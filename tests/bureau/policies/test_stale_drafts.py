"""A policy that was opened before another's change was agreed to does not take that change back."""

import re

import pytest

from bureau.desk.people import Office
from tests.bureau.desks import Desk, Seated
from tests.bureau.policies.test_policy_trials import CASH, HOME, LOWER
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
OTHERWISE = CASH.replace("revision = 2", "revision = 3", 1).replace('zh = "', 'zh = "再议', 1)


async def opened(person: Seated, page: str) -> str:
    """From which document it begins."""
    found = re.search(r'name="upon" value="([0-9a-f]+)"', (await person.get(page))[1])
    assert found
    return found[1]


async def test_a_form_of_before_is_told_so_and_comes_back_as_it_was_typed(desk: Desk) -> None:
    first, second = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver, edit = await desk.seat(Office.APPROVER), f"{HOME}/JL-042/edit"
    upon = await opened(second, edit)
    assert upon == await opened(second, f"{HOME}/JL-042/form")
    lower = {"document": LOWER, "step": "draft", "reason": "降低限额", "upon": upon}
    status, draft = await first.post(edit, lower)
    assert status == 303 and (await approver.post(f"{draft}/agree"))[0] == 303
    stale = {"document": OTHERWISE, "step": "draft", "reason": "改个说法", "upon": upon}
    status, page = await second.post(edit, stale)
    assert status == 409 and "打开本页之后该规则已另有修改" in page and "再议" in page
    assert f'name="upon" value="{upon}"' in page, "pressed again it is refused again"
    assert len(await desk.rooms.policies.store.drafts(DIVISION, 9)) == 1
    anew = stale | {"upon": await opened(second, edit)}
    assert (await second.post(edit, anew))[0] == 303
