"""Complaints: the informant is nowhere to be found but where two keepers opened the seal."""

import datetime as dt
import io

import attrs
import pytest
import structlog.testing
from python_calamine import CalamineWorkbook

from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused
from bureau.web.desk import table_of
from gateway.domain.legal_day import legal_day
from tests.bureau.desks import Desk, Seated
from tests.bureau.words import DIVISION, Bureau

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/complaints"
NAME, PHONE, OTHER = "欧阳举报人", "13904310099", "净月区某街7号"
SECRETS = (NAME, PHONE, OTHER)
STORY = {
    "way": "phone", "against": "agency", "agency_name": "吉林省示例厅", "agency_code": "101001",
    "bank": "", "title": "虚列会议费", "story": "三月的会议没有开，会议费照付。",
}  # fmt: skip
WHO = {"informant_name": NAME, "informant_phone": PHONE, "informant_other": OTHER}


async def taken(keeper: Seated, **more: str) -> str:
    status, path = await keeper.post(HOME + "/new", {**STORY, **WHO, **more})
    assert status == 303, path
    return path


async def test_a_complaint_is_taken_handled_approved_and_answered(desk: Desk) -> None:
    keeper, reviewer, approver = [
        await desk.seat(office) for office in (Office.KEEPER, Office.REVIEWER, Office.APPROVER)
    ]
    path = await taken(keeper)
    for seated, step, words, told in (
        (reviewer, "accept", "", "受理"), (reviewer, "note", "调取了会议签到表", "记录办理情况"),
        (reviewer, "conclude", "核实属实，已责令退回", "提出办结意见"),
        (approver, "send_back", "请补充金额", "退回重办"),
        (reviewer, "conclude", "核实属实，责令退回12000元", "提出办结意见"),
        (approver, "approve", "", "批准意见"),
        (keeper, "feed_back", "电话告知处理结果", "向举报人反馈"),
    ):  # fmt: skip
        form = {"words": words, "seen": await seated.seen(path)}
        status, where = await seated.post(f"{path}/steps/{step}", form)
        assert (status, where) == (303, path), step
        assert f"已办理：{told}。" in (await seated.get(path))[1]
    _, text = await reviewer.get(path)
    assert "已办结" in text and "电话告知处理结果" in text and "调取了会议签到表" in text
    status, text = await reviewer.post(f"{path}/steps/note", {"words": "再记一笔"})
    assert status == 409 and "已办结的举报不能记录办理情况" in text


async def test_a_step_out_of_order_or_of_another_office_changes_nothing(desk: Desk) -> None:
    keeper, reviewer, approver = [
        await desk.seat(office) for office in (Office.KEEPER, Office.REVIEWER, Office.APPROVER)
    ]
    path = await taken(keeper)
    for seated, step in ((keeper, "accept"), (approver, "approve"), (reviewer, "conclude")):
        status, _ = await seated.post(f"{path}/steps/{step}", {"words": "一二三四"})
        assert status == 409, step
    assert "尚未办理" in (await reviewer.get(path))[1]


async def test_a_case_of_a_complaint_without_a_code_asks_for_it_so_that_the_agency_can_answer(
    desk: Desk,
) -> None:
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    path = await taken(keeper, agency_code="", agency_name="某厅")
    await reviewer.post(f"{path}/steps/accept", {"words": ""})
    status, page = await reviewer.post(f"{path}/case", {"words": "会议费疑似虚列"})
    assert status == 409 and "请填写预算单位代码" in page and ">会议费疑似虚列</textarea>" in page
    status, case = await reviewer.post(f"{path}/case", {"words": "虚列", "agency_code": "101001"})
    assert status == 303
    due = legal_day(desk.hands.now).isoformat()
    asked = {"means": "document_request", "due": due, "text": "合同"}
    assert (await reviewer.post(f"{case}/verify", asked))[0] == 303
    agency = await desk.seat(Office.AGENCY)
    assert "提交回复" in (await agency.get(case))[1]


async def test_a_complaint_becomes_a_case_that_says_nothing_of_the_informant(
    desk: Desk, bureau: Bureau
) -> None:
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    path = await taken(keeper)
    await reviewer.post(f"{path}/steps/accept", {"words": ""})
    status, case = await reviewer.post(f"{path}/case", {"words": "会议费疑似虚列"})
    assert status == 303 and "/cases/" in case
    assert "虚列会议费" in (await reviewer.get(case))[1]
    assert (await reviewer.post(f"{path}/case", {"words": "再立一案"}))[0] == 409
    assert case in (await reviewer.get(path))[1]


async def test_one_keeper_alone_opens_nothing_and_two_open_once(desk: Desk, bureau: Bureau) -> None:
    first, second = await desk.seat(Office.KEEPER), await desk.seat(Office.KEEPER, "keeper.two")
    path = await taken(first)
    assert (await first.post(f"{path}/openings", {"reason": "急"}))[0] == 409, "no reason"
    assert (await first.post(f"{path}/openings", {"reason": "需向举报人反馈结果"}))[0] == 303
    opening = f"{path}/openings/1"
    page = (await second.get(path))[1]
    assert f"{first.person.name}（{first.person.login}）" in page and f"{opening}/agree" in page
    assert f"{opening}/agree" not in (await first.get(path))[1], "not one's own"
    assert (await first.post(f"{opening}/open"))[0] == 409, "nobody agreed"
    assert (await first.post(f"{opening}/agree"))[0] == 409, "one's own request"
    assert (await second.post(f"{opening}/open"))[0] == 409, "not the one who asked"
    assert (await second.post(f"{opening}/agree"))[0] == 303
    assert (await second.post(f"{opening}/open"))[0] == 409, "agreed, but did not ask"
    status, text = await first.post(f"{opening}/open")
    assert status == 200 and all(secret in text for secret in SECRETS)
    assert (await first.post(f"{opening}/open"))[0] == 409, "once"
    security = await desk.seat(Office.SECURITY)
    _, trail = await security.get(f"/desk/{DIVISION}/trail")
    for what in ("informant.asked", "informant.agreed", "informant.opened"):
        assert what in trail
    assert trail.count("需向举报人反馈结果") >= 2, "the reason stands with the opening itself"
    assert not any(secret in trail for secret in SECRETS)


async def test_an_agreement_that_is_a_day_old_opens_nothing(desk: Desk) -> None:
    first, second = await desk.seat(Office.KEEPER), await desk.seat(Office.KEEPER, "keeper.two")
    path = await taken(first)
    await first.post(f"{path}/openings", {"reason": "需向举报人反馈结果"})
    await second.post(f"{path}/openings/1/agree")
    desk.hands.now += dt.timedelta(hours=25)
    later = await desk.seat(Office.KEEPER)
    assert (await later.post(f"{path}/openings/1/open"))[0] == 409


async def test_a_story_that_names_the_informant_is_not_kept_and_anonymous_ones_are(
    desk: Desk, bureau: Bureau
) -> None:
    keeper = await desk.seat(Office.KEEPER)
    for more in ({"story": f"我是{NAME[:2]} {NAME[2:]}，举报……"}, {"title": "回电 139-0431-0099"}):
        status, text = await keeper.post(HOME + "/new", {**STORY, **WHO, **more})
        assert status == 409 and "请改写后再登记" in text
        assert OTHER not in text, "a refused form does not give the identity back"
    assert await bureau.pool.fetchval("SELECT count(*) FROM complaint") == 0
    nobody = dict.fromkeys(WHO, "")
    assert "匿名" in (await keeper.get(await taken(keeper, **nobody)))[1]


async def test_the_informant_is_in_no_page_export_log_or_table(
    desk: Desk, bureau: Bureau, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logs:
        keeper = await desk.seat(Office.KEEPER)
        path = await taken(keeper)
        reviewer = await desk.seat(Office.REVIEWER)
        await reviewer.post(f"{path}/steps/accept", {"words": ""})
        await reviewer.post(f"{path}/case", {"words": "会议费疑似虚列"})
        seats = [await desk.seat(office) for office in Office]
        pages = [
            route.path.replace("{division}", DIVISION)
            for route in table_of(desk.rooms)
            if route.method == "GET" and route.path.count("{") <= 1 and "events" not in route.path
        ]
        exports = [f"/desk/{DIVISION}/interceptions.{kind}" for kind in ("csv", "xlsx")]
        for seated in (*seats, keeper):
            for page in (*pages, path, f"/desk/{DIVISION}/cases/{path.split('/')[-2]}/1", *exports):
                status, body, _ = await seated.bytes(page)
                assert not hidden(body), (seated.person.office, page, status)
        caplog.handler.flush()
    assert not any(secret in str(logs) + caplog.text for secret in SECRETS)
    for table, dump in (await dumped(bureau)).items():
        assert not hidden(dump), table


def hidden(body: bytes) -> list[str]:
    """Which secrets stand in these bytes, as text, as hexadecimal, or in a workbook's cells."""
    looked = [body, body.hex().encode()]
    if body.startswith(b"PK"):
        book = CalamineWorkbook.from_filelike(io.BytesIO(body))
        looked += [str(book.get_sheet_by_name(n).to_python()).encode() for n in book.sheet_names]
    forms = [form for s in SECRETS for form in (s, s.encode().hex(), ascii(s).strip("'"))]
    return [form for form in forms if any(form.encode() in each for each in looked)]


async def dumped(bureau: Bureau) -> dict[str, bytes]:
    """Every table of the database, every row as text."""
    names = await bureau.pool.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    found = {}
    for (name,) in names:
        if not await bureau.pool.fetchval("SELECT has_table_privilege($1, 'SELECT')", name):
            continue
        rows = await bureau.pool.fetch(f'SELECT t::text FROM "{name}" AS t')
        found[name] = "\n".join(row[0] for row in rows).encode()
    assert found["complaint"], "the dump holds the complaint"
    return found


async def test_the_seal_asks_for_keepers_whoever_calls(desk: Desk) -> None:
    """Not the table of routes alone: by whatever way somebody gets there."""
    first, second = await desk.seat(Office.KEEPER, "k1"), await desk.seat(Office.KEEPER, "k2")
    reviewer, complaints = await desk.seat(Office.REVIEWER), desk.rooms.complaints
    path = await taken(first)
    year, number = (int(part) for part in path.split("/")[-2:])
    key, other = (DIVISION, year, number), reviewer.person
    await complaints.ask(key, "须当面核实", first.person)
    await complaints.agree(key, 1, second.person)
    as_asker = attrs.evolve(first.person, office=Office.REVIEWER)
    for refused in (
        complaints.ask(key, "须当面核实", other), complaints.agree(key, 1, other),
        complaints.open(key, 1, other), complaints.open(key, 1, as_asker),
    ):  # fmt: skip
        with pytest.raises(ActRefused, match="只有投诉受理岗"):
            await refused
    assert (await complaints.open(key, 1, first.person)).name == NAME


async def test_nobody_asks_who_reported_where_nobody_said_it(desk: Desk) -> None:
    keeper = await desk.seat(Office.KEEPER)
    path = await taken(keeper, **dict.fromkeys(WHO, ""))
    assert "申请查阅举报人身份" not in (await keeper.get(path))[1]
    status, page = await keeper.post(f"{path}/openings", {"reason": "须当面核实"})
    assert status == 409 and "举报人没有留下身份信息" in page and "没有人申请查阅" in page
