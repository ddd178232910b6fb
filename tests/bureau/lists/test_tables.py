"""Tables are read at any width: cells carry their column's words, no list scrolls sideways."""

from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from adapters.bureau.frame import framed
from bureau.desk.people import Office
from bureau.desk.registers.words import SHEETS
from bureau.web.desk import table_of
from bureau.web.tables import tabled
from tests.bureau.desks import Desk
from tests.bureau.entry.test_desk_offices import filled, told_case
from tests.bureau.pages.test_desk_browser import PIECES, seated
from tests.bureau.test_registers import snapshot
from tests.bureau.words import DIVISION, GATEWAY, Bureau, Chain, House, verdict
from tests.registers import feeds

HEAD = (
    '<thead><tr><th scope="col">时间 <span class="en">Time</span></th><th>甲&amp;"乙"</th>'
    "<th>丙</th></tr></thead>"
)
WIDTHS = (320, 390, 680, 768, 1024, 1263, 1280, 1349, 1366, 1920)
"""Screens, and two of them less a scroll bar."""
SIDEWAYS = """() => [...document.querySelectorAll(".table")]
    .filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText.slice(0, 80))"""
FOREIGN: dict[str, Any] = {
    "payee": {"name": "Changbai " + "Forstwirtschaftsentwicklungsgesellschaft" * 2},
    "amount_fen": 99_999_999_999_999,
}
"""One word longer than a column, and the most that an instruction may be of."""
PAST = "() => document.documentElement.scrollWidth - window.innerWidth"


def test_each_cell_carries_the_words_of_its_column_past_what_spans_several() -> None:
    text = tabled(HEAD + '<tbody><tr><td class="x">1</td><td>2</td><td>3</td></tr>')
    assert isinstance(text, Markup)
    assert '<td class="x" role="cell" data-label="时间 Time">1' in text
    assert 'data-label="甲&amp;&#34;乙&#34;">2' in text, "its quotes end no attribute"
    spanned = tabled(HEAD + '<tbody><tr><td colspan="2">1</td><td>2</td></tr>')
    assert '<td colspan="2" role="cell">1' in spanned and 'data-label="丙">2' in spanned


def test_a_row_s_own_heading_is_heard_as_one_and_a_table_without_a_head_is_one_too() -> None:
    text = tabled(HEAD + '<tbody><tr><th scope="row">户名</th><td>2</td></tr></tbody>', "rows")
    assert '<table class="rows" role="table">' in text
    assert '<th scope="row" role="rowheader">户名' in text and text.count('"columnheader"') == 3
    assert "data-label" not in tabled("<tbody><tr><td>1</td></tr></tbody>")


def test_every_table_of_the_desk_is_made_that_way() -> None:
    for template in Path("bureau/web/templates").glob("*.html"):
        assert "<table" not in template.read_text(encoding="utf-8"), template.name


def test_a_register_s_list_has_as_many_columns_as_a_screen_holds_and_loses_none() -> None:
    for sheet in SHEETS.values():
        assert len(sheet.abreast) <= 7
        assert {c.name for c in (*sheet.abreast, *sheet.beside)} == {c.name for c in sheet.columns}
        assert set(sheet.aside) <= {column.name for column in sheet.columns}


@pytest.mark.walk
@pytest.mark.postgres
async def test_the_menu_marks_one_page_and_not_its_parent_too(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for path, mark in (("/registers", "page"), ("/registers/agencies", "page"),
                       ("/registers/agencies/edit", "true")):  # fmt: skip
        _, text = await reviewer.get(f"/desk/{DIVISION}{path}")
        marked = [f'aria-current="{each}"' in text for each in ("page", "true")]
        assert marked == [mark == "page", mark == "true"], path


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize("office", [Office.REVIEWER, Office.ADMINISTRATOR, Office.SECURITY])
async def test_no_list_scrolls_sideways_at_any_width(
    office: Office, desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    await told_case(desk, bureau, chain, house)
    chain.seal([verdict(n, outcome, **FOREIGN) for n, outcome in ((2, "blocked"), (3, "held"))])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    loader, chief = [
        (await desk.seat(o, f"{o}.two")).person for o in (Office.REVIEWER, Office.APPROVER)
    ]
    await desk.rooms.registers.propose_snapshot(DIVISION, registers(), "年初登记", loader)
    await desk.rooms.registers.approve(DIVISION, 1, chief)
    _, page = await seated(desk, office, tmp_path)
    found = []
    for route in table_of(desk.rooms):
        path = filled(route.path, DIVISION)
        if route.method != "GET" or office not in route.offices or path.endswith(PIECES):
            continue
        if (
            path.rpartition(".")[2] in ("xlsx", "csv", "zip", "pdf", "docx", "json")
            or "/files/" in path
        ):
            continue
        await page.goto(desk.url + path)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            found += [(path, width, each) for each in await page.evaluate(SIDEWAYS)]
            if await page.evaluate(PAST) > 0:
                found.append((path, width, "the page itself"))
    assert found == []


def registers() -> bytes:
    """Every list has a row that is as long as rows get."""
    agency = {**feeds.AGENCY, "code": "101001", "name": "吉林省示例机关事务管理中心本级"}
    approval = {
        "approval_no": "吉财库函〔2026〕第0001号", "kind": "advance_repayment", "agency": "101001",
        "payee_account": "0710101011015200001234", "dept_economic_code": "30213",
        "amount": "123456789.00", "used": "0.00", "valid_from": "2026-01-01",
        "valid_to": "2026-12-31", "document": "关于同意归垫资金的批复",
    }  # fmt: skip
    contract = {
        "contract_no": "JLHT-2026-000000123", "agency": "101001", "filing_no": "BA-2026-0001",
        "supplier": "白山南湖餐饮管理有限公司", "account": "0710101011015200001234",
        "amount": "123456789.00", "paid": "12345678.00",
    }  # fmt: skip
    indicator = {
        **feeds.INDICATOR, "id": "2200002026101001301010", "agency": "101001",
        "project_code": "22000026101001P301010", "granted": "123456789.00", "posted": "9876543.21",
    }  # fmt: skip
    return snapshot(
        agencies=[agency], indicators=[indicator], contracts=[contract], approvals=[approval],
        accounts=[{**feeds.ACCOUNT, "agency": "101001", "name": agency["name"]}],
        plans=[{"indicator_id": indicator["id"], "month": 1, "amount": "60000.00"}],
        payee_classes=[{"account": "2200", "name": "社会保险", "class": "social_insurance"}],
        filings=[{**feeds.FILING, "agency": "101001"}],
    )  # fmt: skip
