"""What was ordered in yuan is answered in yuan: nobody takes less for all without being told."""

import datetime as dt

import pytest

from bureau.desk.casework.words import Move
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from bureau.web.sections.form_bodies import amount
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_edges import AGENCY, REVIEWER, ordered
from tests.bureau.cases.test_case_walk import HOME, moved
from tests.bureau.desks import Desk

pytestmark = pytest.mark.postgres
LATE = {"number": 1, "text": "已退回"}


async def test_a_report_that_says_less_than_was_ordered_says_so_to_who_judges_it(
    desk: Desk,
) -> None:
    key = await ordered(desk, "21(2)", 5)
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    _, text = await agency.get(case)
    assert "已退回资金（元；应为 1.00）" in text, "the form asks for it"
    status, text = await agency.post(f"{case}/report", {"seen": await agency.seen(case), **LATE})
    assert status == 409 and "请填写金额：已退回资金；尚未办理的填 0。" in text
    await moved(agency, case, "report", returned="0.40元", **LATE)
    _, text = await reviewer.get(case)
    assert "已报 0.40" in text and "报送金额不足：退回资金尚差 0.60 元" in text
    assert "第1项" in text, "and which order it is about"
    await moved(reviewer, case, "reject_report", number=1, text="未足额退回")
    await moved(agency, case, "report", number=1, text="已补足", returned="1")
    _, text = await reviewer.get(case)
    assert "已报 1.00" in text and "报送金额不足" not in text


async def test_a_file_that_is_refused_is_named(desk: Desk) -> None:
    key = await ordered(desk, "21(2)", 5)
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    agency = await desk.seat(Office.AGENCY)
    form = {**LATE, "returned": "1", "seen": await agency.seen(case)}
    status, text = await agency.post(f"{case}/report", {**form, "files": ("说明.txt", b"x")})
    assert status == 409 and "文件“说明.txt”不予接收" in text


async def test_the_amount_is_asked_for_by_the_office_and_kept_with_the_order(desk: Desk) -> None:
    key = await ordered(desk, "21(2)", 5)
    office = desk.rooms.office
    with pytest.raises(ActRefused, match="returned"):
        await office.move(key, Move.REPORT, LATE, AGENCY)
    await office.move(key, Move.REPORT, {**LATE, "returned": 100}, AGENCY)
    await desk.rooms.office.move(key, Move.ACCEPT_REPORT, LATE, REVIEWER)
    _, case, _ = await office.state(key)
    assert case.orders[0].short == {} and case.orders[0].reported == {"returned": 100}


@pytest.mark.parametrize("text", ["12800.50", "12,800.5", "１２，８００．５０", "￥12,800.50 元"])
def test_an_amount_is_read_as_people_of_finance_write_it(text: str) -> None:
    assert amount(text) == 1_280_050
    assert amount(" ") == 0
    for wrong in ("一万", "12.345", "-1", "1元2"):
        with pytest.raises(ActRefused, match="no amount"):
            amount(wrong)


async def test_money_is_stopped_only_when_the_written_order_s_term_is_over(desk: Desk) -> None:
    """Art. 21(4): a report that is refused within the term may be made anew, and is not late."""
    key = await ordered(desk, "21(2)", 5)
    case, office = f"{HOME}/cases/{key[1]}/{key[2]}", desk.rooms.office
    reviewer, day = await desk.seat(Office.REVIEWER), legal_day(desk.hands.now)

    async def refused(number: int, returned: int) -> str:
        body = {"number": number, "text": "已退回", "returned": returned}
        await office.move(key, Move.REPORT, body, AGENCY)
        await office.move(key, Move.REJECT_REPORT, {"number": number, "text": "不足"}, REVIEWER)
        return (await reviewer.get(case))[1]

    page = await refused(1, 40)
    assert "未按要求整改：应升级为第二十一条（三）" in page and "未按期" not in page
    await ordered(desk, "21(3)", 5, key)
    page = await refused(2, 50)
    assert "书面整改意见期限届满仍未落实的，应升级为第二十一条（四）" in page
    assert 'value="21(4)"' not in page
    late = (day + dt.timedelta(days=9)).isoformat()
    stopped = {"text": "停拨", "orders": [{"measure": "21(4)", "due": late}]}
    with pytest.raises(ActRefused, match="期限尚未届满"):
        await office.move(key, Move.PROPOSE_HANDLING, stopped, REVIEWER)
    desk.hands.now += dt.timedelta(days=6)
    reviewer = await desk.seat(Office.REVIEWER, "r2")
    assert 'value="21(4)"' in (page := (await reviewer.get(case))[1]) and "期限届满" not in page
    await office.move(key, Move.PROPOSE_HANDLING, stopped, REVIEWER)
