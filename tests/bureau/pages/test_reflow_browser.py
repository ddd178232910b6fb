"""Nothing of a page is cut off or waits in a box of its own, at any width or zoom (WCAG 1.4.10)."""

from pathlib import Path

import pytest

from bureau.desk.people import Office
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_walk import intercepted, moved
from tests.bureau.cases.test_referral_pages import confirmed
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.test_holds_pages import HOLD, held, told
from tests.bureau.words import DIVISION, Bureau, Chain, House, finding, verdict

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


SQUEEZED = """() => [...document.querySelectorAll("main dl:not(.pairs) > dd")]
    .filter(e => e.offsetParent && e.offsetWidth < e.parentElement.clientWidth / 2)
    .map(e => e.innerText)"""


async def test_the_words_of_a_long_label_leave_what_was_said_its_place(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    day = legal_day(desk.hands.now)
    case = await confirmed(reviewer, approver, day)
    await moved(
        reviewer, case, "propose_handling", text="款项已拦截、未付出", measure=["21(2)"],
        **{"other 21(2)": "12,800.00", "due 21(2)": day.isoformat()},
    )  # fmt: skip
    _, page = await seated(desk, Office.APPROVER, tmp_path)
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(desk.url + case)
        assert await page.locator("dl", has_text="第二十一条（二）").count() == 2
        assert await page.evaluate(SQUEEZED) == [], f"at {width}"
