"""Nothing of a page is cut off or waits in a box of its own, at any width or zoom (WCAG 1.4.10)."""

from pathlib import Path

import pytest

from bureau.desk.people import Office
from tests.bureau.desks import Desk
from tests.bureau.test_desk_browser import seated
from tests.bureau.test_holds_pages import HOLD, held, told
from tests.bureau.words import DIVISION, Bureau, Chain

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
SIZES = ((1366, 768), (1920, 1080), (683, 384), (320, 568))
"""Two screens, the first of them at 200 % zoom, and the width that reflow is asked for at."""
HIDDEN = """() => [...document.querySelectorAll("main *")]
    .filter(e => !e.matches("textarea, .table, .unseen, .unseen *"))
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
