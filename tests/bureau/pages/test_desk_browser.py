"""Every page of the desk in a real Chromium: what axe finds, and screenshots where asked for."""

import os
from pathlib import Path
from typing import Any

import pytest

from adapters.bureau.frame import framed
from bureau.desk.people import Office
from bureau.web.desk import table_of
from gateway.domain.legal_day import legal_day
from tests.bureau.browsers import chromium, pressed
from tests.bureau.desks import Desk
from tests.bureau.entry.test_desk_offices import filled, told_case
from tests.bureau.words import (
    DIVISION,
    GATEWAY,
    Bureau,
    Chain,
    House,
    verdict,
)

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
HOME = f"/desk/{DIVISION}"
SHOTS = os.environ.get("DESK_SCREENSHOTS", "")
"""A folder to keep screenshots of the main pages in, light and dark, at 1366 and 1920."""
SERIOUS = ("serious", "critical")
PIECES = ("/events", "/rows")
"""A stream, and a part of a page for the page's script."""


async def seated(desk: Desk, office: Office, folder: Path, **more: Any) -> tuple[Any, Any]:
    context = await desk.stack.enter_async_context(chromium(folder / office.value, **more))
    who = await desk.seat(office)
    token = await desk.link(who.person)
    page = context.pages[0]
    await page.goto(f"{desk.url}/sign-in/link/{token}")
    await pressed(page, page.get_by_role("button", name="进入工作台"))
    return context, page


@pytest.mark.parametrize("office", list(Office))
async def test_axe_finds_nothing_serious_on_any_page(
    office: Office, desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    await told_case(desk, bureau, chain, house)
    context, page = await seated(
        desk, office, tmp_path, bypass_csp=True, viewport={"width": 1366, "height": 768}
    )
    paths = ["/me"] + [
        filled(route.path, DIVISION)
        for route in table_of(desk.rooms)
        if route.method == "GET" and office in route.offices and not route.path.endswith(PIECES)
    ]
    found = []
    for path in [*paths, "/nowhere"]:
        answer = await context.request.get(desk.url + path)
        if not answer.headers["content-type"].startswith("text/html"):
            continue  # a file to download
        await page.goto(desk.url + path)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            results = await axe.Axe().run(page)
            found += [
                (path, scheme, one["id"], one["nodes"][0]["html"])
                for one in results.response["violations"]
                if one["impact"] in SERIOUS
            ]
    assert found == [] and context.outside == []


@pytest.mark.skipif(not SHOTS, reason="DESK_SCREENSHOTS names no folder")
async def test_screenshots_of_the_main_pages(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    await told_case(desk, bureau, chain, house)
    chain.seal([
        verdict(
            n, "held" if n % 3 else "blocked", amount_fen=n * 1_234_567,
            agency={"code": f"10{n % 4}001", "name": f"吉林省示例{'厅局院校'[n % 4]}本级"},
        ) for n in range(10, 60)
    ])  # fmt: skip
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery(start=2)))
    year = legal_day(desk.hands.now).year
    own = (
        "", "/interceptions", "/interceptions?q=agency:101001", f"/cases/{year}/1",
        "/cases", f"/2026/8202/{1:013d}", "/concerns", "/cases/new", "/interceptions/print",
    )  # fmt: skip
    offices = {
        Office.REVIEWER: own,
        Office.AGENCY: ("", f"/cases/{year}/1"),
        Office.SECURITY: ("/trail",),
    }
    for office, paths in offices.items():
        _, page = await seated(desk, office, tmp_path)
        for path in (*(HOME + path for path in paths), "/me"):
            for width, scheme in ((1366, "light"), (1920, "light"), (1366, "dark")):
                await page.set_viewport_size({"width": width, "height": width * 9 // 16})
                await page.emulate_media(color_scheme=scheme)
                await page.goto(desk.url + path)
                name = path.replace("/", "_").replace("?", "_").replace(":", "_")
                await page.screenshot(path=f"{SHOTS}/{office.value}{name}_{width}_{scheme}.png")
    _, page = await seated(desk, Office.ADMINISTRATOR, tmp_path)
    await page.screenshot(path=f"{SHOTS}/accounts.png")
    await pressed(page, page.get_by_role("button", name="退出"))
    await page.screenshot(path=f"{SHOTS}/sign_in.png")
