"""A case's form that was not taken comes back as it was filled in, with all that is wrong."""

import datetime as dt
from pathlib import Path

import pytest

from bureau.desk.casework.state import Case
from bureau.desk.casework.words import Against, Move
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from bureau.web.sections.forms import forms_of
from gateway.domain.legal_day import legal_day
from gateway.domain.workdays import is_workday
from tests.bureau.browsers import pressed
from tests.bureau.cases.test_case_edges import APPROVER, HOME, REVIEWER, opening
from tests.bureau.cases.test_case_walk import CARD, intercepted
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.pages.test_focus_browser import lands
from tests.bureau.words import DIVISION, Bureau, Chain, House

pytestmark = pytest.mark.postgres


async def confirmed(desk: Desk) -> str:
    office, due = desk.rooms.office, legal_day(desk.hands.now).isoformat()
    key = await office.open(DIVISION, opening(), [], REVIEWER)
    for move, body, by in (
        (Move.VERIFY, {"means": "phone_call", "due": due, "text": "x", "person": "王某"}, REVIEWER),
        (Move.RECORD, {"number": 1, "text": "x"}, REVIEWER),
        (Move.ACCEPT, {"number": 1, "text": "x"}, REVIEWER),
        (Move.PROPOSE, {"verdict": "confirmed", "text": "x"}, REVIEWER),
        (Move.DECIDE, {}, APPROVER),
    ):
        await office.move(key, move, body, by)
    return f"{HOME}/cases/{key[1]}/{key[2]}"


def marked(text: str, action: str) -> str:
    """The one form of that action that says what is wrong."""
    forms = [one.partition("</form>")[0] for one in text.split("<form ")[1:]]
    (found,) = [one for one in forms if f'action="{action}"' in one and 'role="alert"' in one]
    return found


async def test_every_field_that_is_wrong_is_told_at_once_and_what_was_typed_stays(
    desk: Desk,
) -> None:
    case = await confirmed(desk)
    reviewer = await desk.seat(Office.REVIEWER)
    sent = {
        "measure": ["21(1)", "21(2)"], "due 21(1)": "2099-01-01", "due 21(2)": "",
        "returned 21(2)": "一万", "adjusted 21(2)": "12,800.00", "court": "长春市示例区人民法院",
        "seen": await reviewer.seen(case),
    }  # fmt: skip
    status, page = await reviewer.post(f"{case}/propose_handling", sent)
    form = marked(page, f"{case}/propose_handling")
    assert status == 409
    for words in (
        "“期限”应在今天至一年之内。", "“期限”请按 2026-03-02 填写。", "金额“一万”写法不对",
        "请填写“处理意见”。", "没有提交，已填写的内容都在。",
    ):  # fmt: skip
        assert words in form, words
    assert form.count('aria-invalid="true"') == 4 and page.count(" autofocus") == 1
    for kept in ('value="一万"', 'value="12,800.00"', 'value="长春市示例区人民法院"'):
        assert kept in form, kept
    assert form.count(" checked") == 2
    status, page = await reviewer.post(f"{case}/propose_handling", {"seen": sent["seen"]})
    assert status == 409 and "请选择处理方式。" in marked(page, f"{case}/propose_handling")


async def test_a_notice_invites_nobody_to_a_day_that_is_over_and_sends_somebody(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, today = await desk.seat(Office.REVIEWER), legal_day(desk.hands.now)
    _, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    due = {"due": (today + dt.timedelta(days=7)).isoformat(), "ground": "电话无法核实"}
    past = (today - dt.timedelta(days=1)).isoformat()
    interview = {**due, "means": "interview", "room": "507", "day": past}
    onsite = {**due, "means": "onsite_verification", "leader": "王某", "persons": "0"}
    for form, words in (
        (interview, "“约谈日期”应在今天至一年之内。"),
        (interview | {"day": "2199-01-01"}, "“约谈日期”应在"),
        (interview | {"day": (today + dt.timedelta(days=8)).isoformat()}, "不能早于约谈日期。"),
        (onsite, "“人数”应为 1 至 9999 的数字。"), (onsite | {"persons": "-1"}, "“人数”应为"),
    ):  # fmt: skip
        status, page = await reviewer.post(f"{case}/verify", form)
        assert status == 409 and words in marked(page, f"{case}/verify")
    key = DIVISION, today.year, 1
    late = interview | {"day": (today + dt.timedelta(days=8)).isoformat()}
    for body, said in (
        (interview, "约谈日期"), (late, "不能早于"), (onsite | {"persons": 0}, "人数"),
    ):  # fmt: skip
        with pytest.raises(ActRefused, match=said):
            await desk.rooms.office.move(key, Move.VERIFY, body, REVIEWER)
    assert (await reviewer.post(f"{case}/verify", interview | {"day": today.isoformat()}))[0] == 303


@pytest.mark.parametrize("today", [dt.date(2026, 9, 20), dt.date(2026, 12, 1)])
def test_no_term_or_interview_stands_preset_on_a_day_off(today: dt.date) -> None:
    """Counted from 1 December 2026 an interview came to a Sunday, and from 20 September papers to
    the Mid-Autumn Festival."""
    case = Case(against=Against.AGENCY)
    forms, _ = forms_of(case, REVIEWER, today)
    preset = [f.value for form in forms for f in form.fields if f.kind == "date"]
    assert len(preset) == 7 and all(is_workday(dt.date.fromisoformat(day), {}) for day in preset)
    assert min(preset) > today.isoformat()


async def test_what_the_case_itself_refuses_stands_over_its_form_too(desk: Desk) -> None:
    case = await confirmed(desk)
    reviewer = await desk.seat(Office.REVIEWER)
    sent = {"to": "", "text": "情节严重", "person": ""}
    status, page = await reviewer.post(f"{case}/propose_referral", sent)
    form = marked(page, f"{case}/propose_referral")
    assert status == 409 and "情节严重</textarea>" in form


@pytest.mark.slow
async def test_the_keyboard_goes_on_at_the_first_field_that_is_wrong(
    desk: Desk, tmp_path: Path
) -> None:
    case = await confirmed(desk)
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(desk.url + case)
    form = page.locator(f"form[action='{case}/propose_handling']")
    await form.locator("[name='measure'][value='21(2)']").check()
    await form.locator("[name='returned 21(2)']").fill("壹万")
    await form.locator("textarea").fill("退回")
    await pressed(page, form.get_by_role("button"))
    await lands(page, "returned 21(2)", "写法不对")
    assert (
        await page.locator(f"form[action='{case}/propose_handling'] textarea").input_value()
        == "退回"
    )
    day = legal_day(desk.hands.now) + dt.timedelta(days=15)
    assert await page.locator("[name='due 21(2)']").input_value() == day.isoformat()
