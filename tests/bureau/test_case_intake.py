"""A case opened by hand is about the agency that was meant, and nothing typed is lost."""

import pytest

from bureau.desk.people import Office
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
