"""Complaints, holds, registers, policies and statistics in a real Chromium; axe on each page."""

import os
from pathlib import Path
from typing import Any

import pytest

from bureau.desk.people import Office
from policies.book.load import LIBRARY, load_texts
from tests.bureau.browsers import pressed
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import SERIOUS, seated
from tests.bureau.test_holds_pages import held, told
from tests.bureau.test_registers import AGENCY, PERSON, snapshot
from tests.bureau.words import DIVISION, Bureau, Chain, verdict

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
HOME = f"/desk/{DIVISION}"
SHOTS = os.environ.get("DESK_SCREENSHOTS", "")
CASH = load_texts(LIBRARY / "jilin")["JL-042.toml"]


async def looked_at(page: Any, url: str, name: str) -> list[tuple[str, str, str]]:
    """What axe finds serious in light and dark; a screenshot at both widths where asked for."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    found = []
    await page.goto(url)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        results = await axe.Axe().run(page)
        found += [
            (name, scheme, f"{one['id']} {one['nodes'][0]['html']}")
            for one in results.response["violations"]
            if one["impact"] in SERIOUS
        ]
        for width in (1366, 1920) if SHOTS else ():
            await page.set_viewport_size({"width": width, "height": width * 9 // 16})
            await page.screenshot(path=f"{SHOTS}/{name}_{width}_{scheme}.png", full_page=True)
    await page.emulate_media(color_scheme="light")
    return found


async def test_a_policy_is_edited_and_agreed_to_and_axe_finds_nothing_serious(
    desk: Desk, bureau: Bureau, chain: Chain, tmp_path: Path
) -> None:
    wide = {"bypass_csp": True, "viewport": {"width": 1366, "height": 768}}
    await told(
        bureau, chain, *[held(n) for n in range(4)],
        *[verdict(n, "blocked" if n % 3 else "held", amount_fen=n * 1_234_567,
                  agency={"code": f"10{n % 5}001", "name": f"吉林省示例{'厅局院校所'[n % 5]}本级"})
          for n in range(10, 60)],
    )  # fmt: skip
    (_, reviewer), (_, approver), (_, keeper) = [
        await seated(desk, office, tmp_path, **wide)
        for office in (Office.REVIEWER, Office.APPROVER, Office.KEEPER)
    ]
    await reviewer.goto(f"{desk.url}{HOME}/policies/JL-042/edit")
    text = CASH.replace("revision = 2", "revision = 3", 1).replace("超过限额", "超过规定限额", 1)
    await reviewer.get_by_label("规则文件").fill(text)
    await pressed(reviewer, reviewer.get_by_role("button", name="检查"))
    assert await reviewer.get_by_text("检查通过").count() == 1
    checked = await looked_at_now(reviewer, "policy_checked")
    await reviewer.get_by_label("修改理由").fill("用词更准")
    await pressed(reviewer, reviewer.get_by_role("button", name="提交审批岗"))
    draft = reviewer.url
    await approver.goto(draft)
    await pressed(approver, approver.get_by_role("button", name="同意"))
    assert await approver.locator("h1 .tag").inner_text() == "已同意"
    office = desk.rooms.registers
    by = (
        (await desk.seat(Office.REVIEWER, "loader")).person,
        (await desk.seat(Office.APPROVER, "chief")).person,
    )
    raw = snapshot(
        agencies=[AGENCY], persons=[PERSON],
        plans=[{"indicator_id": "IND-1", "month": 1, "amount": "60000.00"}],
    )  # fmt: skip
    await office.propose_snapshot(DIVISION, raw, "年初登记", by[0])
    await office.approve(DIVISION, 1, by[1])
    await keeper.goto(f"{desk.url}{HOME}/complaints/new")
    for name in ("agency_name", "title", "story"):
        await keeper.locator(f"[name='{name}']").fill("虚列会议费")
    await pressed(keeper, keeper.get_by_role("button", name="登记并封存"))
    complaint = keeper.url
    found = checked
    for name, path in {
        "policies": "/policies", "policy": "/policies/JL-042",
        "policy_edit": "/policies/JL-042/edit",
        "holds": "/holds", "hold": f"/holds/2026/8202/{1:013d}", "releases": "/releases",
        "numbers": "/numbers",
        "statistics": "/statistics?from=2026-01&to=2026-12",
        "report": "/report?from=2026-01&to=2026-12",
        "agency": "/statistics/agencies/101001?from=2026-01&to=2026-12", "bulletin": "/bulletin",
        "registers": "/registers", "agencies": "/registers/agencies",
        "persons": "/registers/persons",
        "plans": "/registers/plans", "edit": "/registers/accounts/edit",
        "change": "/registers/changes/1", "complaints": "/complaints",
    }.items():  # fmt: skip
        found += await looked_at(reviewer, f"{desk.url}{HOME}{path}", name)
    found += await looked_at(keeper, complaint, "complaint")
    found += await looked_at(keeper, f"{desk.url}{HOME}/complaints/new", "complaint_new")
    assert found == []


async def looked_at_now(page: Any, name: str) -> list[tuple[str, str, str]]:
    """The answer to a form has no address to come back to: in light only, as it stands."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    results = await axe.Axe().run(page)
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)
    return [
        (name, "light", f"{one['id']} {one['nodes'][0]['html']}")
        for one in results.response["violations"]
        if one["impact"] in SERIOUS
    ]
