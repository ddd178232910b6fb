"""A case opened by hand is about the agency that was meant, and nothing typed is lost."""

import csv
import io

import pytest
from python_calamine import CalamineWorkbook

from bureau.desk.people import Office
from bureau.web import exports
from gateway.domain.legal_day import legal_day
from tests.bureau.desks import Desk, bare
from tests.bureau.test_registers import AGENCY, loaded
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
NEW = f"/desk/{DIVISION}/cases/new"
TYPED = {
    "against": "agency",
    "title": "多头支付",
    "reason": "排查发现",
    "amount": "1万",
    "bank": "",
}


async def test_a_code_and_a_name_that_are_not_one_agency_open_no_case(desk: Desk) -> None:
    reviewer, _ = await loaded(desk)
    code, name = str(AGENCY["code"]), str(AGENCY["name"])
    form = {**TYPED, "amount": "1,200元", "agency_code": code}
    status, text = await reviewer.post(NEW, {**form, "agency_name": "另一个单位"})
    assert status == 409 and f"登记中代码{code}是“{name}”，与所填名称不符" in text
    assert 'value="多头支付"' in text and ">排查发现</textarea>" in text, "what was typed stays"
    status, text = await reviewer.post(NEW, {**form, "agency_code": "999999"})
    assert status == 409 and "登记中没有代码999999" in text
    status, case = await reviewer.post(NEW, {**form, "agency_name": ""})
    assert status == 303
    _, text = await reviewer.get(case)
    assert name in text and "1,200.00" in text


async def test_what_an_intake_lacks_is_said_where_it_was_typed(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for more, words in (
        ({}, "请填写预算单位代码。"),
        ({"against": "bank"}, "请填写代理银行行号。"),
        ({"agency_code": "101001", "agency_name": "厅"}, "金额“1万”写法不对"),
    ):
        status, text = await reviewer.post(NEW, {**TYPED, **more})
        assert status == 409 and words in text and 'role="alert"' in text
        assert 'value="多头支付"' in text


async def test_the_list_of_cases_leaves_as_a_workbook_as_it_is_searched(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    form = {**TYPED, "agency_code": "101001", "agency_name": "厅"}
    for amount, title in (("1000", "=甲"), ("234.50", "乙")):
        await reviewer.post(NEW, {**form, "amount": amount, "title": title})
    home = NEW.removesuffix("/new")
    _, book, _ = await reviewer.bytes(f"{home}.xlsx?q=乙")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_name("数据").to_python()
    assert len(rows) == 2 and rows[1][3:5] == ["厅", "101001"]
    assert rows[1][6:8] == ["乙", 234.5] and rows[1][9] == "疑点登记，待核实"
    _, text, _ = await reviewer.bytes(f"{home}.csv")
    listed = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    assert [row[6:8] for row in listed[1:]] == [["乙", "234.50"], ["'=甲", "1000.00"]]
    status, _, headers = await reviewer.bytes(f"{home}.csv?q=金额:x")
    assert status == 303 and "q=" in headers["Location"], "the page says what is wrong"
    security = await desk.seat(Office.SECURITY)
    assert "导出案件台账" in (await security.get(f"/desk/{DIVISION}/trail"))[1]


async def test_a_list_beyond_the_limit_leaves_as_a_workbook_that_says_so_and_never_as_csv(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CSV file ended there without a word. Nothing left, so the trail has no export."""
    reviewer, security = await desk.seat(Office.REVIEWER), await desk.seat(Office.SECURITY)
    form = {**TYPED, "agency_code": "101001", "agency_name": "厅"}
    for title in ("甲", "乙"):
        await reviewer.post(NEW, {**form, "amount": "1000", "title": title})
    home, trail = NEW.removesuffix("/new"), f"/desk/{DIVISION}/trail"
    for most, said in ((2, "2"), (1, "1（已达上限，以后还有 at the limit, there are more）")):
        monkeypatch.setattr(exports, "ROWS_MAX", most)
        _, book, _ = await reviewer.bytes(f"{home}.xlsx")
        notes = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_name("筛选条件")
        assert ["行数 Rows", said] in notes.to_python()
        exported = (await security.get(trail))[1].count("导出案件台账")
        status, text, headers = await reviewer.bytes(f"{home}.csv")
        assert status == (200 if most == 2 else 409)
        now = (await security.get(trail))[1].count("导出案件台账")
        assert now == exported + (most == 2)
    assert "CSV 文件无法写明自己不完整" in text.decode() and "attachment" not in str(headers)
    status, text, _ = await security.bytes(f"{trail}.csv")
    assert status == 409 and "缩小范围" in text.decode()


async def test_cases_of_several_stages_are_summed_in_the_report(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    form = {**TYPED, "agency_code": "101001", "agency_name": "厅"}
    day = legal_day(desk.hands.now).isoformat()
    for amount in ("1000", "234.50"):
        _, case = await reviewer.post(NEW, {**form, "amount": amount})
    asked = {"means": "document_request", "due": day, "text": "合同"}
    assert (await reviewer.post(f"{case}/verify", asked))[0] == 303
    _, text = await reviewer.get(f"/desk/{DIVISION}/report")
    rows = bare(text).partition("案件按阶段")[2].partition("</table>")[0]
    assert rows.count("<tr") == 4 and "合计" in rows and ">1,234.50<" in rows
