"""A page that is refreshed by itself leaves alone what somebody has in hand."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bureau.desk.people import Office
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.test_holds_pages import HOLD, REASON, held, told
from tests.bureau.words import Bureau, Chain
from tests.patience import until

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
COUNTING = """
    const parse = DOMParser.prototype.parseFromString;
    window.parsed = 0;
    DOMParser.prototype.parseFromString = function (...all) {
        window.parsed += 1;
        return parse.apply(this, all);
    };"""
OLD = """() => [...document.querySelectorAll("#live form")].forEach(e => e.dataset.old = "")"""


class Wire:
    """What the page's script asks for comes when the test lets it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def carry(self, route: Any) -> None:
        if route.request.resource_type == "fetch":
            self.asked.set()
            await self.go.wait()
        await route.continue_()

    async def brings(self) -> None:
        """Until the script has the fresh page in hand; what it does with it is done by then."""
        self.go.set()
        await until(lambda: self.page.evaluate("window.parsed"))


@pytest.fixture
async def wire(desk: Desk, bureau: Bureau, chain: Chain, tmp_path: Path) -> AsyncIterator[Wire]:
    """An approver's page with a proposal on it, while its first refresh is on the way."""
    await told(bureau, chain, held(1))
    await (await desk.seat(Office.REVIEWER)).post(f"{HOLD}/propose", REASON)
    _, page = await seated(desk, Office.APPROVER, tmp_path)
    made = Wire(page)
    await page.add_init_script(COUNTING)
    await page.route("**/*", made.carry)
    await page.goto(desk.url + HOLD)
    await page.evaluate(OLD)
    async with asyncio.timeout(60):
        await made.asked.wait()
    yield made
    await page.unroute_all(behavior="wait")


async def test_words_that_were_begun_during_a_refresh_stay_and_it_comes_after_them(
    wire: Wire,
) -> None:
    field = wire.page.locator("#live [name='reason']")
    await field.press_sequentially("合同不是原件")
    await wire.brings()
    assert await field.input_value() == "合同不是原件"
    wire.asked.clear()
    await field.blur()
    assert await field.input_value() == "合同不是原件"
    assert not wire.asked.is_set(), "not sent yet: on the way to the button with the Tab key"
    await field.fill("")
    await field.blur()
    await wire.page.locator("#live form:not([data-old])").first.wait_for()


async def test_a_button_that_is_being_pressed_is_not_exchanged_for_another(wire: Wire) -> None:
    """The press began on the old one and would end on the new one: nothing would be sent."""
    page = wire.page
    button = page.get_by_role("button", name="批准并签署")
    await button.hover()
    await page.mouse.down()
    await wire.brings()
    async with page.expect_navigation():
        await page.mouse.up()
    assert await page.get_by_text("批准并签署").count() == 0


async def test_the_keyboard_stays_where_it_was_in_what_is_refreshed(wire: Wire) -> None:
    """Each arrival sent it back to the page's beginning: no list could be walked on a busy day."""
    page = wire.page
    await page.get_by_role("button", name="批准并签署").focus()
    await wire.brings()
    await page.locator("#live form:not([data-old])").first.wait_for()
    here = "(e => [e.innerText, e.form && e.form.dataset.old])(document.activeElement)"
    words, old = await page.evaluate(here)
    assert words.startswith("批准并签署") and old is None, "on the fresh button"
