"""After a form the keyboard goes on where the answer stands, which a screen reader says."""

from pathlib import Path
from typing import Any

import pytest

from bureau.desk.people import Office
from tests.bureau.browsers import pressed
from tests.bureau.cases.test_case_walk import CARD, intercepted
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.words import DIVISION, Bureau, Chain, House

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
HOME = f"/desk/{DIVISION}"
FORM = f"{HOME}/policies/JL-020/form"
HERE = """() => { const e = document.activeElement, said = e.getAttribute("aria-describedby");
    return [e.getAttribute("role") || e.name || e.tagName,
        e.innerText + (said ? document.getElementById(said).innerText : "")]; }"""
FRAMES_MAX = 100


async def lands(page: Any, what: str, words: str) -> None:
    """The focus is on an element of this role or name, which says these words; it can be seen.
    A page that has arrived takes its focus with its first frame, which may be a moment later."""
    for _ in range(FRAMES_MAX):
        role, said = await page.evaluate(HERE)
        if role == what:
            break
        await page.wait_for_timeout(20)
    assert (role, words in said) == (what, True), (role, said)
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(ring) == "solid", "where the keyboard is can be seen"


@pytest.mark.parametrize("scripts", [True, False])
async def test_after_a_form_the_focus_is_on_its_first_error_or_on_what_was_done(
    desk: Desk, tmp_path: Path, scripts: bool
) -> None:
    _, page = await seated(desk, Office.REVIEWER, tmp_path, java_script_enabled=scripts)
    await page.goto(f"{desk.url}{HOME}/registers/plans/edit")
    for name, value in (("f-indicator_id", "I"), ("f-month", "13"), ("f-amount", "1.00")):
        await page.locator(f"[name='{name}']").fill(value)
    await page.locator("[name='reason']").fill("年中追加预算")
    await pressed(page, page.get_by_role("button", name="提交批准"))
    await lands(page, "f-month", "月份为1至12")
    await page.locator("[name='f-month']").fill("12")
    await pressed(page, page.get_by_role("button", name="提交批准"))
    await lands(page, "status", "已办理：提交")


async def test_a_refused_act_and_a_flawed_policy_say_so_where_the_keyboard_is(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    await intercepted(bureau, chain, house)
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(desk.url + CARD)
    await pressed(page, page.get_by_role("button", name="核验证据"))
    await lands(page, "status", "✓")
    await page.goto(f"{desk.url}{HOME}/cases/new")
    await page.locator("#title").fill("疑点")
    await page.locator("#reason").fill("说明")
    await pressed(page, page.get_by_role("button", name="立案"))
    await lands(page, "alert", "请填写预算单位代码")
    await page.goto(desk.url + FORM)
    await page.locator("[name='p.revision']").fill("零")
    await pressed(page, page.locator("button[name=step][value=check]"))
    await lands(page, "p.revision", "应为整数")
    await page.goto(desk.url + FORM.replace("JL-020", "JL-042"))
    await page.locator("[name='p.params.0.value']").fill("60000.00")
    await pressed(page, page.locator("button[name=step][value=check]"))
    await lands(page, "alert", "接受勾选的新结论")


async def test_a_picker_that_brings_its_row_anew_keeps_the_focus(
    desk: Desk, tmp_path: Path
) -> None:
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(desk.url + FORM)
    picker = page.locator("select[data-refresh]:visible").first
    name, now = await picker.get_attribute("name"), await picker.input_value()
    others = await picker.locator("option").evaluate_all("all => all.map(one => one.value)")
    async with page.expect_navigation():
        await picker.select_option(next(each for each in others if each != now))
    await page.wait_for_function("name => document.activeElement.name === name", arg=name)


async def test_the_first_key_offers_to_skip_the_menu(desk: Desk, tmp_path: Path) -> None:
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(desk.url + HOME)
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="跳到正文")
    box = await skip.bounding_box()
    assert box["x"] >= 0 and box["y"] >= 0, "seen while it has the focus"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
