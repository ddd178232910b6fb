"""A policy that was opened before another's change was agreed to does not take that change back."""

import re

import attrs
import pytest

from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
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
    risen = OTHERWISE.replace("revision = 3", "revision = 4", 1)
    anew = stale | {"document": risen, "upon": await opened(second, edit)}
    assert (await second.post(edit, anew))[0] == 303


async def test_of_two_drafts_written_upon_the_same_document_one_is_agreed_to(desk: Desk) -> None:
    """The second says the whole document: agreed to, it would take the first back unseen."""
    first, second = await desk.seat(Office.REVIEWER, "r1"), await desk.seat(Office.REVIEWER, "r2")
    approver, edit = await desk.seat(Office.APPROVER), f"{HOME}/JL-042/edit"
    drafts = []
    for who, document in ((first, LOWER), (second, OTHERWISE)):
        form = {"document": document, "step": "draft", "reason": "同时修改"}
        drafts.append((await who.post(edit, form))[1])
    assert (await approver.post(f"{drafts[0]}/agree"))[0] == 303
    status, page = await approver.post(f"{drafts[1]}/agree")
    assert status == 409 and "须退回重新起草" in page
    assert "再议" not in (await first.get(f"{HOME}/JL-042"))[1]
    assert (await approver.post(f"{drafts[1]}/send-back", {"reason": "请重新起草"}))[0] == 303


async def test_nobody_agrees_to_what_he_drafted_in_another_office(desk: Desk) -> None:
    reviewer, policies = await desk.seat(Office.REVIEWER), desk.rooms.policies
    form = {"document": LOWER, "step": "draft", "reason": "降低限额"}
    assert (await reviewer.post(f"{HOME}/JL-042/edit", form))[0] == 303
    now_approver = attrs.evolve(reviewer.person, office=Office.APPROVER)
    for agreed in (True, False):
        with pytest.raises(ActRefused, match="您自己的草稿"):
            await policies.decide(DIVISION, 1, agreed, now_approver, "另有考虑")
    assert len(await policies.store.waiting(DIVISION, 9)) == 1


async def test_a_changed_policy_is_not_handed_on_under_its_old_revision(desk: Desk) -> None:
    """It was only remarked upon, and two laws went by one name (decision 0146)."""
    reviewer, edit = await desk.seat(Office.REVIEWER), f"{HOME}/JL-042/edit"
    same = LOWER.replace("revision = 3", "revision = 2", 1)
    form = {"document": same, "step": "draft", "reason": "降低限额"}
    status, page = await reviewer.post(edit, form)
    assert status == 409 and "修订号须高于现行的第2版" in page and "降低限额" in page
    assert not await desk.rooms.policies.store.drafts(DIVISION, 9)
    assert (await reviewer.post(edit, form | {"document": LOWER}))[0] == 303
