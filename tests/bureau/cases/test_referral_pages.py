"""A referral (Art. 23) over real HTTP: proposed by one, agreed to by another, and a letter that
states the case."""

import datetime as dt
import re

import orjson
import pytest

from adapters.papers.setter import portable
from bureau.desk.people import Office
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_walk import CARD, HOME, intercepted, moved
from tests.bureau.desks import Desk, Seated
from tests.bureau.words import Bureau, Chain, House

pytestmark = pytest.mark.postgres
FOUND = "以工会经费名义划转，无拨款文件"


async def confirmed(reviewer: Seated, approver: Seated, day: dt.date) -> str:
    """A case from an interception's card, verified by phone and confirmed."""
    _, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    due = (day + dt.timedelta(days=7)).isoformat()
    await moved(reviewer, case, "verify", means="phone_call", person="李会计", text="?", due=due)
    await moved(reviewer, case, "record", number=1, text="承认划转")
    await moved(reviewer, case, "accept", number=1, text="属实")
    await moved(reviewer, case, "propose", verdict="confirmed", text=FOUND)
    await moved(approver, case, "decide")
    return case


async def test_a_referral_takes_two_people_and_its_letter_states_the_case(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    day = legal_day(desk.hands.now)
    case = await confirmed(reviewer, approver, day)
    page = (await reviewer.get(case))[1]
    form = page.partition(f'action="{case}/propose_referral"')[2].partition("</form>")[0]
    assert re.search(r'<select[^>]*required>\s*<option value="">', form), "no preset addressee"
    assert "人民代表大会常务委员会" in form
    for office, who in (("approver", approver), ("reviewer", reviewer)):
        refused = "propose_referral" if office == "approver" else "approve_referral"
        assert (await who.post(f"{case}/{refused}", {"to": "audit", "text": "同意"}))[0] == 403
    assert (await approver.post(f"{case}/refer", {"to": "audit", "text": "同意。"}))[0] == 404
    seen = await reviewer.seen(case)
    for wrong in ({"text": "移送"}, {"to": "audit"}, {"to": "other", "text": "移送"}):
        status, _ = await reviewer.post(f"{case}/propose_referral", {"seen": seen, **wrong})
        assert status == 409, wrong
    page = await moved(reviewer, case, "propose_referral", to="audit", text="多次违规")
    assert "吉林省审计厅" in page and "移交函</td>" not in page, "no number before it is agreed to"
    assert case in (await approver.get(HOME))[1], "in the approver's to-do"
    await moved(approver, case, "return_referral", text="先处理")
    due = (day + dt.timedelta(days=7)).isoformat()
    await moved(
        reviewer, case, "propose_handling", text="退回", measure=["21(2)"],
        **{"returned 21(2)": "12,800.00", "due 21(2)": due},
    )  # fmt: skip
    await moved(approver, case, "approve_handling")
    agency = await desk.seat(Office.AGENCY)
    await moved(agency, case, "report", number=1, text="已退回国库", returned="12800")
    await moved(reviewer, case, "propose_referral", to="audit", text="多次违规")
    assert case in (await approver.get(HOME))[1], "also while the handling goes on"
    assert "移交" not in (await agency.get(case))[1]
    status, _ = await approver.post(f"{case}/approve_referral", {"seen": 1})
    assert status == 409, "agreed to as shown"
    page = await moved(approver, case, "approve_referral")
    assert page.count("违规问题移交函</td>") == 1
    rows = await bureau.pool.fetch("SELECT layout FROM case_paper WHERE kind = 'referral'")
    [letter] = [row["layout"].decode() for row in rows]
    for fact in (
        "吉林省审计厅", "多次违规", FOUND, "第十条", "12,800.00", "壹万贰仟捌佰元整",
        "第二十一条（二）", "已退回国库", "已报送整改结果，待认可",
    ):  # fmt: skip
        assert fact in letter, fact


async def test_the_letter_is_read_as_it_will_be_set_before_it_is_agreed_to(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    case = await confirmed(reviewer, approver, legal_day(desk.hands.now))
    draft, laid_out = f"{case}/referral.pdf", list[bytes]()

    def setter(layout: bytes) -> bytes:
        laid_out.append(layout)
        return portable(layout)

    desk.rooms.office._setter = setter
    assert (await approver.get(draft))[0] == 409 and draft not in (await approver.get(case))[1]
    await moved(reviewer, case, "propose_referral", to="audit", text="多次违规")
    assert draft in (await approver.get(case))[1]
    numbers = await bureau.pool.fetch("SELECT * FROM desk_number ORDER BY series")
    status, pdf, headers = await approver.bytes(draft)
    assert status == 200 and headers["Content-Type"] == "application/pdf"
    assert numbers == await bureau.pool.fetch("SELECT * FROM desk_number ORDER BY series")
    assert await bureau.pool.fetchval("SELECT count(*) FROM case_paper") == 0
    assert (await (await desk.seat(Office.AGENCY)).get(draft))[0] == 403
    security = await desk.seat(Office.SECURITY)
    assert "预览文书草稿" in (await security.get(f"{HOME}/trail"))[1]
    await moved(approver, case, "approve_referral")
    issued = await bureau.pool.fetchrow("SELECT * FROM case_paper WHERE kind = 'referral'")
    assert issued["paper_number"] == 1, "looking took no number"
    will, said = map(orjson.loads, laid_out)
    year = legal_day(desk.hands.now).year
    assert will.pop("draft") and will.pop("reference") == "草稿：未编号、未印发"
    assert said.pop("reference") == f"编号：{year}年第1号"
    assert will == said, "every other word as it is issued"
    assert pdf != issued["pdf"] and issued["layout"] == laid_out[1]
    assert (await approver.get(draft))[0] == 409, "nothing waits any more"
