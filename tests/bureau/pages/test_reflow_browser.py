"""Nothing of a page is cut off or waits in a box of its own, at any width or zoom (WCAG 1.4.10)."""

from pathlib import Path

import pytest

from bureau.desk.people import Office
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.test_holds_pages import HOLD, held, told
from tests.bureau.words import DIVISION, Bureau, Chain, finding, verdict

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
SIZES = ((1366, 768), (1920, 1080), (683, 384), (320, 568))
"""Two screens, the first of them at 200 % zoom, and the width that reflow is asked for at."""
HIDDEN = """() => [...document.querySelectorAll("main *")]
    .filter(e => !e.matches("textarea, .table, thead, .unseen, .unseen *"))
    .filter(e => getComputedStyle(e).overflowY !== "visible" && e.scrollHeight > e.clientHeight + 1)
    .map(e => e.tagName + "." + e.className)"""
SIDEWAYS = "() => document.documentElement.scrollWidth - window.innerWidth"


async def test_all_of_a_hold_s_panel_is_on_the_page_itself(
    desk: Desk, bureau: Bureau, chain: Chain, tmp_path: Path
) -> None:
    await told(bureau, chain, held(1))
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(desk.url + HOLD)
        assert await page.evaluate(HIDDEN) == []
        assert await page.evaluate(SIDEWAYS) <= 0, f"wider than {width}"
        button = page.get_by_role("button", name="提交复核")
        if width >= 1366:  # without scrolling, on the screens that people sit at
            box = await button.bounding_box()
            assert box["y"] + box["height"] <= height
    for path in ("/holds", "/interceptions?q=金额:多", "/statistics", f"/2026/8202/{1:013d}"):
        await page.goto(f"{desk.url}/desk/{DIVISION}{path}")
        assert await page.evaluate(SIDEWAYS) <= 0, path
        assert await page.evaluate(HIDDEN) == [], path


OVERFLOWS = """() => [...document.querySelectorAll(".table")]
    .filter(e => e.scrollWidth > e.clientWidth).map(e => e.querySelector("thead").innerText)"""


async def test_lists_fit_a_small_screen_and_a_narrow_one_shows_the_page_before_the_menu(
    desk: Desk, bureau: Bureau, chain: Chain, tmp_path: Path
) -> None:
    long = "采购支出542,487.32元，科目31003 专用设备购置，没有已登记的合同。" * 3
    said = finding(policy="JL-052", action="hold", detail="", unavailable=[], reason_zh=long)
    payment = verdict(
        1, "held", findings=[said], digest="ab" * 32, voucher_no="202611290000000003",
        amount_fen=54_248_732, payee={"name": "白山南湖餐饮管理有限公司"},
    )  # fmt: skip
    await told(bureau, chain, payment)
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    reviewer = await desk.seat(Office.REVIEWER, "reviewer.two")
    card = f"/desk/{DIVISION}/2026/8202/202611290000000003"
    status, case = await reviewer.post(f"{card}/case", {"against": "agency"})
    assert status == 303
    home = f"/desk/{DIVISION}"
    for path in (home, f"{home}/interceptions", f"{home}/holds", f"{home}/cases", case):
        await page.set_viewport_size({"width": 1280, "height": 800})
        await page.goto(desk.url + path)
        assert await page.evaluate(OVERFLOWS) == [], path
        await page.set_viewport_size({"width": 390, "height": 800})
        assert await page.evaluate(SIDEWAYS) <= 0, path
        heading = await page.locator("h1").bounding_box()
        assert heading["y"] < 260, "what the page is about is on the first screen"
        await page.get_by_role("link", name="菜单").click()
        assert await page.evaluate("document.activeElement.id") == "menu"
