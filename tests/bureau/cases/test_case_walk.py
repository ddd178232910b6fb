"""A case from an interception to its archive, over real HTTP, as each office sees and does it."""

import datetime as dt
import hashlib
import io
import re
from pathlib import Path
from urllib.parse import unquote

import docx
import pytest

from adapters.bureau.frame import framed
from adapters.postgres import migrate
from bureau.desk.people import Office
from gateway.domain.legal_day import legal_day
from tests.bureau.desks import Desk, Seated
from tests.bureau.words import DIVISION, GATEWAY, Bureau, Chain, House, notice, verdict

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
CARD = f"{HOME}/2026/8202/{1:013d}"
PDF = b"%PDF-1.7 a paper"
REPORTED = "已报送整改，待认可"
MIGRATIONS = [
    Path(migrate.__file__).parent / "migrations_bureau" / name
    for name in ("0064_reported_cases.sql", "0065_least_far.sql")
]


async def intercepted(bureau: Bureau, chain: Chain, house: House, number: int = 1) -> None:
    body = notice(number)
    digest = hashlib.sha256(body).hexdigest()
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    chain.seal([verdict(0), verdict(number, "blocked", notice_sha256=digest)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))


async def moved(who: Seated, case: str, move: str, **body: object) -> str:
    status, where = await who.post(f"{case}/{move}", {"seen": await who.seen(case), **body})
    assert (status, where) == (303, case), where
    return (await who.get(case))[1]


@pytest.mark.walk
async def test_from_interception_to_archive(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    agency = await desk.seat(Office.AGENCY)
    day = legal_day(desk.hands.now)
    status, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    assert status == 303 and case == f"{HOME}/cases/{day.year}/1"
    assert (await agency.get(case))[0] == 404, "nothing was addressed to it yet"
    due = (day + dt.timedelta(days=7)).isoformat()
    text = await moved(
        reviewer, case, "verify", means="interview", due=due, day=due, room="507",
        ground="电话无法核实",
    )  # fmt: skip
    assert "约谈通知书" in text
    [paper] = set(re.findall(rf"{HOME}/papers/[0-9]+/[0-9]+.pdf", text))
    status, pdf, headers = await agency.bytes(paper)
    assert status == 200 and pdf.startswith(b"%PDF-")
    name = headers["Content-Disposition"].partition("filename*=UTF-8''")[2]
    assert unquote(name) == f"预算执行动态监控约谈通知书（{day.year}年第1号）.pdf", "as it is kept"
    assert hashlib.sha256(pdf).hexdigest()[:12] in text
    await moved(agency, case, "reply", number=1, text="已按时到场说明", files=("说明.pdf", PDF))
    text = await moved(reviewer, case, "accept", number=1, text="情况属实")
    assert "说明.pdf" in text
    await moved(reviewer, case, "propose", verdict="confirmed", text="违规划转属实")
    asked = (await approver.get(case))[1].partition("待复核的意见")[2].partition("</section>")[0]
    assert "确认违规" in asked and "违规划转属实" in asked, "what one decides about stands first"
    assert "待复核的意见" not in (await agency.get(case))[1]
    await moved(approver, case, "decide")
    shown = (await reviewer.get(case))[1]
    assert "支付业务 1 笔，其中已付款 0.00 元" in shown, "nobody returns what was never paid"
    assert '<span class="tag blocked">拦截</span>' in shown.partition("支付业务")[2]
    await moved(
        reviewer, case, "propose_handling", text="退回违规资金", measure=["21(2)"],
        review_to="吉林省人民政府", court="长春市示例区人民法院",
        **{"returned 21(2)": "12,800.00", "due 21(2)": due},
    )  # fmt: skip
    asked = (await approver.get(case))[1].partition("待复核的意见")[2].partition("</section>")[0]
    assert "吉林省人民政府" in asked and "长春市示例区人民法院" in asked, "it is agreed to as well"
    assert "第二十一条（二）" in asked and "12,800.00" in asked
    text = await moved(approver, case, "approve_handling")
    assert "违规问题处理单" in text and "12,800.00" in text
    *_, sheet = sorted(set(re.findall(rf"{HOME}/papers/[0-9]+/[0-9]+.docx", text)))
    form = docx.Document(io.BytesIO((await agency.bytes(sheet))[1]))
    assert "向 吉林省人民政府 申请行政复议" in "".join(p.text for p in form.paragraphs)
    text = await moved(agency, case, "report", number=1, text="已退回", returned="12800")
    assert REPORTED in text, "its party reads it too"
    await told_apart(bureau, reviewer, case)
    text = await moved(reviewer, case, "accept_report", number=1, text="凭证核对无误")
    assert "整改完成" in text
    text = await moved(reviewer, case, "archive")
    assert "已归档" in text
    security = await desk.seat(Office.SECURITY)
    status, trail = await security.post(f"{HOME}/trail")
    assert status == 200 and "完整无改动" in trail


async def told_apart(bureau: Bureau, reviewer: Seated, case: str) -> None:
    """What was reported waits for the bureau: it is in rectification no more, wherever it is read,
    also where a case has not moved since cases have phases (bureau migration 0064)."""
    for stored in ("reported", ""):
        await bureau.pool.execute("UPDATE case_file SET phase = $1", stored)
        await migrated(bureau)
        for path in (case, f"{HOME}/cases", HOME, CARD, f"{HOME}/statistics", f"{HOME}/report"):
            _, text = await reviewer.get(path)
            words = re.sub(r"<a class=.button.[^>]*>[^<]*</a>", "", text)
            assert REPORTED in words and ">整改中<" not in words, (stored, path)
        assert ">已报送，待认可</td>" in (await reviewer.get(case))[1]
        for query, there in ((REPORTED, True), ("待认可", True), ("整改中", False)):
            _, text = await reviewer.get(f"{HOME}/cases?q=stage:{query}")
            assert (case in text) is there, query
    _, text = await reviewer.get(f"{HOME}/bulletin")
    assert "已报送整改结果" in text and "正在督促整改" not in text


async def migrated(bureau: Bureau) -> None:
    for file in MIGRATIONS:
        await bureau.pool.execute(file.read_text("utf-8").partition("CREATE INDEX")[0])


async def test_a_case_of_which_one_order_is_reported_and_another_open_is_in_rectification(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    """Wherever it is read, also where its phase is of before (bureau migration 0065)."""
    await intercepted(bureau, chain, house)
    reviewer = await desk.seat(Office.REVIEWER)
    _, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    day = legal_day(desk.hands.now)
    due = (day + dt.timedelta(days=9)).isoformat()
    unanswered = {"means": "document_request", "due": day, "text": "x"}
    await moved(reviewer, case, "verify", **unanswered)
    desk.hands.now += dt.timedelta(days=2)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await moved(reviewer, case, "propose", verdict="confirmed", text="属实")
    await moved(approver, case, "decide")
    handling = {"measure": ["21(1)", "21(2)"], "due 21(1)": due, "due 21(2)": due}
    await moved(reviewer, case, "propose_handling", text="退回", **handling)
    await moved(approver, case, "approve_handling")
    agency = await desk.seat(Office.AGENCY)
    await moved(agency, case, "report", number=2, text="已退回")
    for stored in ("rectifying", "reported", ""):
        await bureau.pool.execute("UPDATE case_file SET phase = $1", stored)
        await migrated(bureau)
        for who in (reviewer, agency):
            for path in (case, f"{HOME}/cases", HOME, CARD):
                words = "整改中；另有事项已报送，待认可"
                assert words in (await who.get(path))[1], (stored, path)
        for query, there in (("整改中", True), (REPORTED, False)):
            _, text = await reviewer.get(f"{HOME}/cases?q=stage:{query}")
            assert (case in text) is there, query
        for path in (f"{HOME}/statistics", f"{HOME}/report"):
            _, text = await reviewer.get(path)
            words = re.sub(r"<a class=.button.[^>]*>[^<]*</a>", "", text)
            assert "整改中" in words and REPORTED not in words, (stored, path)
    assert case in await section(reviewer), "who judges the report has it to do"
    assert case in await section(agency), "and so has who owes the other"


async def section(who: Seated) -> str:
    """What waits for this person, of the first page."""
    return (await who.get(HOME))[1].partition("<section>")[2].partition("</section>")[0]


async def test_text_of_several_lines_goes_into_its_letter_as_a_browser_sends_it(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer = await desk.seat(Office.REVIEWER)
    _, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    due = legal_day(desk.hands.now).isoformat()
    asked = {"means": "document_request", "due": due}
    page = await moved(reviewer, case, "verify", text="一、合同。\r\n二、发票。", **asked)
    assert "预算执行动态监控调阅材料通知书" in page and "一、合同。\n二、发票。" in page
    status, page = await reviewer.post(f"{case}/verify", {**asked, "text": "合同\u200b🙂"})
    assert status == 409 and "（U+200B）、🙂（U+1F642）" in page, "what cannot be seen is named"
