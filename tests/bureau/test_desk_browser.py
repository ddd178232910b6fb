"""People at the desk in a real Chromium: live arrival to archive, with and without scripts; axe."""

import datetime as dt
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.bureau.frame import framed
from adapters.postgres.bureau_releases import BureauReleases
from bureau.desk.people import Office
from bureau.web.desk import table_of
from gateway.domain.legal_day import legal_day
from tests.bureau.browsers import chromium
from tests.bureau.desks import Desk
from tests.bureau.test_desk_offices import filled, told_case
from tests.bureau.words import (
    DIVISION,
    GATEWAY,
    Bureau,
    Chain,
    House,
    finding,
    notice,
    verdict,
)

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
HOME = f"/desk/{DIVISION}"
SHOTS = os.environ.get("DESK_SCREENSHOTS", "")
"""A folder to keep screenshots of the main pages in, light and dark, at 1366 and 1920."""
SERIOUS = ("serious", "critical")
PIECES = ("/events", "/rows")
"""A stream, and a part of a page for the page's script."""


@attrs.frozen(kw_only=True)
class People:
    """One browser page for each office, signed in by its link."""

    desk: Desk
    pages: dict[Office, Any]
    contexts: list[Any]

    def __getitem__(self, office: Office) -> Any:
        return self.pages[office]


async def seated(desk: Desk, office: Office, folder: Path, **more: Any) -> tuple[Any, Any]:
    context = await desk.stack.enter_async_context(chromium(folder / office.value, **more))
    who = await desk.seat(office)
    token = await desk.link(who.person)
    page = context.pages[0]
    await page.goto(f"{desk.url}/sign-in/link/{token}")
    await page.get_by_role("button", name="进入工作台").click()
    return context, page


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
async def people(
    desk: Desk, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[People]:
    pages, contexts = {}, []
    for office in (Office.REVIEWER, Office.APPROVER, Office.AGENCY):
        context, pages[office] = await seated(
            desk, office, tmp_path, java_script_enabled=request.param,
            viewport={"width": 1366, "height": 768},
        )  # fmt: skip
        contexts.append(context)
    yield People(desk=desk, pages=pages, contexts=contexts)
    assert [url for context in contexts for url in context.outside] == []


async def fill_form(page: Any, title: str, **fields: Any) -> None:
    """Opens the form of this title, fills it in, sends it."""
    form = page.locator("details.act", has=page.locator(f"summary:text-is('{title}')"))
    if await form.get_attribute("open") is None:
        await form.locator("summary").click()
    for name, value in fields.items():
        field = form.locator(f"[name='{name}']")
        if name == "files":
            await field.set_input_files(value)
        elif await field.evaluate("e => e.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(value)
    await form.locator("button[type=submit]").click()


async def test_from_a_live_interception_to_the_archive(
    people: People, bureau: Bureau, chain: Chain, house: House, tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    desk, reviewer = people.desk, people[Office.REVIEWER]
    scripts = "no scripts" not in request.node.name
    await reviewer.goto(f"{desk.url}{HOME}/interceptions")
    assert await reviewer.get_by_text("暂无拦截").count() == 1
    body = notice(1)
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    digest = hashlib.sha256(body).hexdigest()
    chain.seal([verdict(0), verdict(1, "blocked", notice_sha256=digest)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    if not scripts:
        await reviewer.reload()
    await reviewer.get_by_role("link", name=f"{1:013d}").click()
    await reviewer.get_by_role("button", name="核验证据").click()
    assert await reviewer.get_by_text("财政部门已签收").count() == 1
    await reviewer.get_by_role("button", name="立案核实").click()
    case = reviewer.url
    day = legal_day(desk.hands.now)
    later = (day + dt.timedelta(days=7)).isoformat()
    await fill_form(
        reviewer, "发起核实：约谈", day=later, room="507", ground="电话无法核实", due=later
    )
    async with reviewer.expect_download() as coming:
        await reviewer.get_by_role("link", name="PDF").click()
    assert (await coming.value).suggested_filename.startswith("interview-")
    agency, approver = people[Office.AGENCY], people[Office.APPROVER]
    await agency.goto(f"{desk.url}{HOME}")
    await agency.get_by_role("link", name=f"{day.year}年第1号").click()
    paper = {"name": "说明.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n"}
    await fill_form(agency, "提交回复：第1项 约谈", text="已按时到场说明", files=paper)
    await reviewer.goto(case)
    await fill_form(reviewer, "采信回复：第1项 约谈", text="情况属实")
    await fill_form(reviewer, "提出认定意见", verdict="confirmed", text="违规划转属实")
    await approver.goto(f"{desk.url}{HOME}")
    await approver.get_by_role("link", name=f"{day.year}年第1号").click()
    await fill_form(approver, "认定")
    await reviewer.goto(case)
    await reviewer.get_by_label("第二十一条（二）").check()
    await fill_form(
        reviewer, "提出处理意见", text="退回违规资金",
        **{"returned 21(2)": "12,800.00", "due 21(2)": later},
    )  # fmt: skip
    await approver.reload()
    await fill_form(approver, "批准处理")
    await agency.reload()
    assert await agency.get_by_text("违规问题处理单").count() == 1
    title = "报送整改结果：第1项 第二十一条（二）退回资金、调整账目、补办手续"
    await fill_form(agency, title, text="资金已退回", returned="12800")
    await reviewer.goto(case)
    await fill_form(reviewer, title.replace("报送整改结果", "认可整改"), text="凭证核对无误")
    await fill_form(reviewer, "归档")
    assert await reviewer.locator("h1 .tag").inner_text() == "已归档"


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
    await page.get_by_role("button", name="退出").click()
    await page.screenshot(path=f"{SHOTS}/sign_in.png")


async def test_a_hold_is_released_by_two_persons(
    people: People, bureau: Bureau, chain: Chain
) -> None:
    desk, reviewer, approver = people.desk, people[Office.REVIEWER], people[Office.APPROVER]
    said = finding(policy="JL-052", revision=3, action="hold", detail="", unavailable=[])
    chain.seal([verdict(1, "held", findings=[said], digest="ab" * 32)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    await reviewer.goto(f"{desk.url}{HOME}/holds")
    await reviewer.get_by_role("link", name=f"{1:013d}").click()
    await reviewer.get_by_label("放行 Release").check()
    await reviewer.get_by_role("textbox", name="理由").fill("材料已经补齐")
    await reviewer.get_by_role("button", name="提交复核").click()
    await approver.goto(f"{desk.url}{HOME}/holds/2026/8202/{1:013d}")
    wide = "[...document.querySelectorAll('.table')].some(e => e.scrollWidth > e.clientWidth)"
    assert not await approver.evaluate(wide), "at 1366 nothing of a decision is out of sight"
    await approver.get_by_role("button", name="批准并签署").click()
    [feed] = await BureauReleases(bureau.pool).waiting_feeds()
    assert "材料已经补齐".encode() in feed["body"]
