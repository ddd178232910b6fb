"""What is printed is read by who was not there: the facts, in dark ink, and nothing to press."""

from pathlib import Path

import pytest

from bureau.desk.people import Office
from tests.bureau.cases.test_case_walk import CARD, intercepted
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.words import DIVISION, Bureau, Chain, House

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
HOME = f"/desk/{DIVISION}"
TO_PRESS = """() => [...document.querySelectorAll("button, .button, input, select, summary")]
    .filter(e => e.checkVisibility()).map(e => e.innerText || e.name)"""
PALE = """() => [...document.querySelectorAll("main *")].filter(e => e.checkVisibility())
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .filter(e => { const [r, g, b] = getComputedStyle(e).color.match(/[0-9.]+/g).map(Number);
        const line = [r, g, b].map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        const light = 0.2126 * line[0] + 0.7152 * line[1] + 0.0722 * line[2];
        return 1.05 / (light + 0.05) < 4.5; })
    .map(e => e.className + " " + e.innerText.slice(0, 30))"""
STYLE = "([what, name]) => getComputedStyle(document.querySelector(what))[name]"


async def test_paper_has_the_facts_in_dark_ink_and_no_buttons_whatever_the_screen_is(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    await intercepted(bureau, chain, house)
    reviewer = await desk.seat(Office.REVIEWER, "reviewer.two")
    _, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.emulate_media(color_scheme="dark", media="print")
    for path in (case, CARD, f"{HOME}/cases", f"{HOME}/interceptions/print", f"{HOME}/report"):
        await page.goto(desk.url + path)
        assert await page.evaluate(TO_PRESS) == [], path
        assert await page.evaluate(PALE) == [], path
    assert await page.evaluate(STYLE, ["h2", "breakAfter"]) == "avoid", "with what it heads"


async def test_a_printed_list_gives_its_room_to_what_is_long(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    """In a fifth of the sheet a reason is a tower, and a page of A4 bears three lines."""
    await intercepted(bureau, chain, house)
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(f"{desk.url}{HOME}/interceptions/print")
    await page.set_viewport_size({"width": 1047, "height": 718})
    await page.emulate_media(media="print")
    share = "() => { const cell = document.querySelector('table.rows td.wide');"
    share += " return cell.offsetWidth / cell.closest('table').offsetWidth; }"
    assert await page.evaluate(share) > 0.3


async def test_a_printed_case_says_that_it_is_under_dispute_and_a_sum_stands_once(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    for number in (1, 2):
        await intercepted(bureau, chain, house, number)
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(f"{desk.url}{HOME}/report")
    await page.emulate_media(media="print")
    row = ["tbody tr:first-child", "breakBefore"]
    assert await page.evaluate(STYLE, row) == "avoid", "no page ends with a head and no row"
    sums = "() => [...document.querySelectorAll('tfoot')].map(e => getComputedStyle(e).display)"
    assert set(await page.evaluate(sums)) <= {"table-row-group"}, "not at the end of each page"
    await page.evaluate(
        "() => document.querySelector('main').insertAdjacentHTML('beforeend', "
        '\'<p class="notice">复议</p><p class="notice on-screen">提示</p>\')'
    )
    shown = "() => [...document.querySelectorAll('.notice')].map(e => e.checkVisibility())"
    assert await page.evaluate(shown) == [True, False], "facts are printed, hints are not"


async def test_a_narrow_screen_has_the_figures_and_no_chart_that_nobody_can_read(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    await intercepted(bureau, chain, house)
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(f"{desk.url}{HOME}/statistics")
    for width, there in ((390, False), (1366, True)):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.locator("svg.chart").first.is_visible() is there, width
