"""Statistics: sums that follow what arrives, score cards, the report, bulletins without names."""

import datetime as dt
import io
import re
from unittest.mock import ANY

import pytest
from python_calamine import CalamineWorkbook

from adapters.postgres.bureau.statistics import BureauStatistics
from bureau.desk.people import Office
from bureau.desk.statistics import span_of
from gateway.domain.legal_day import legal_day
from gateway.domain.records import unnumbered
from tests.bureau.cases.test_case_walk import intercepted
from tests.bureau.desks import AGENCY, ISSUER, Desk, bare
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, House, finding, told, verdict

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
MARCH = (dt.date(2026, 3, 1), dt.date(2026, 3, 31))
SPAN = "from=2026-02&to=2026-04"


def at(day: dt.date, number: int = 0) -> int:
    noon = dt.datetime(day.year, day.month, day.day, 4, tzinfo=dt.UTC)
    return int(noon.timestamp()) * 1_000_000 + number


def alert(policy: str, day: dt.date) -> bytes:
    return unnumbered(
        {
            "bank": BANK, "division": DIVISION, "kind": "conduct_alert", "policy": policy,
            "recorded_at": at(day), "fiscal_year": 2026, "voucher_no": "", "voucher_type": "8202",
        }
    )  # fmt: skip


async def counts(bureau: Bureau, measure: str) -> dict[str, tuple[int, int, int]]:
    rows = await BureauStatistics(bureau.pool).by_key(DIVISION, measure, MARCH, 50)
    return {r["key"]: (r["count"], r["blocked"] or 0, int(r["amount_fen"])) for r in rows}


async def recounted(bureau: Bureau) -> dict[str, tuple[int, int, int]]:
    """By policy, counted anew from the lines themselves."""
    rows = await bureau.pool.fetch(
        "SELECT p, count(*), count(*) FILTER (WHERE outcome = 'blocked') AS blocked,"
        " sum(amount_fen) AS fen FROM interception, unnest(policies) AS p"
        " WHERE decided_at >= '2026-03-01+08' AND decided_at < '2026-04-01+08' GROUP BY p"
    )
    return {row["p"]: (row["count"], row["blocked"], int(row["fen"])) for row in rows}


async def test_a_figure_leads_to_the_payments_that_it_counts(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    """It led to those of all years: the officer counted others than the figure did."""
    warned = [finding(policy="JL-042", action="warn")]
    await told(
        bureau, chain,
        verdict(1, "blocked", recorded_at=at(dt.date(2026, 3, 31))),
        verdict(2, "blocked", recorded_at=at(dt.date(2026, 5, 1))),
        verdict(3, "passed", findings=warned, recorded_at=at(dt.date(2026, 2, 1))),
        verdict(4, "passed", findings=warned, recorded_at=at(dt.date(2026, 1, 31))),
    )  # fmt: skip
    reviewer = await desk.seat(Office.REVIEWER)
    pages = {path: (await reviewer.get(f"{HOME}/{path}?{SPAN}"))[1] for path in (
        "statistics", "statistics/agencies/101001", f"statistics/banks/{BANK}"
    )}  # fmt: skip
    links = [link for page in pages.values() for link in re.findall(r'href="([^"]+q=[^"]+)"', page)]
    assert len(links) == 7, links
    for link in links:
        listed = (await reviewer.get(link))[1]
        numbers = {number for number in range(1, 5) if f">{number:013d}</a>" in listed}
        assert numbers in ({1}, {3}), link


async def test_sums_follow_notices_records_and_what_a_record_corrects(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    other = finding(policy="JL-041", action="hold")
    await told(
        bureau, chain,
        verdict(2, "held", findings=[finding(), other], amount_fen=500),
        verdict(3, "blocked", recorded_at=at(dt.date(2026, 4, 1))),
        verdict(1, "held", findings=[other], amount_fen=700),
    )  # fmt: skip
    assert await counts(bureau, "policy") == await recounted(bureau) != {}
    assert (await counts(bureau, "agency"))["101001"][0] == 2
    assert await BureauStatistics(bureau.pool).fold() > 0
    assert await bureau.pool.fetchval("SELECT count(*) FROM stat_delta") == 0
    assert await counts(bureau, "policy") == await recounted(bureau)
    await told(bureau, chain, verdict(4, "blocked", amount_fen=10_000_000))
    assert await counts(bureau, "policy") == await recounted(bureau)
    assert await BureauStatistics(bureau.pool).fold(least=1_000) == 0, "few wait, and are counted"
    assert await bureau.pool.fetchval("SELECT count(*) FROM stat_delta") > 0
    assert (await counts(bureau, "amount"))["3"] == (1, 1, 10_000_000)


async def test_a_month_begins_in_beijing(bureau: Bureau, chain: Chain) -> None:
    eve = dt.datetime(2026, 2, 28, 16, 0, tzinfo=dt.UTC)  # March 1st, 00:00 in Beijing
    micros = int(eve.timestamp()) * 1_000_000
    await told(
        bureau, chain, verdict(1, "held", recorded_at=micros),
        verdict(2, "held", recorded_at=micros - 1),
    )  # fmt: skip
    assert (await counts(bureau, "bank"))[BANK][0] == 1


async def test_pages_report_and_workbook_tell_the_same_figures(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    day = dt.date(2026, 3, 2)
    await told(
        bureau, chain, *[verdict(n, "blocked", recorded_at=at(day, n)) for n in range(7)],
        verdict(9, "held", recorded_at=at(day, 9)), alert("JL-100", day), alert("JL-104", day),
    )  # fmt: skip
    reviewer = await desk.seat(Office.REVIEWER)
    _, text = await reviewer.get(f"{HOME}/statistics?{SPAN}")
    assert "<svg" in text and "JL-020" in text and "2026-03" in text
    assert "无凭证或超凭证划转资金" in text
    assert "style=" not in text, "the policy of content would not let it through"
    _, text = await reviewer.get(f"{HOME}/report?{SPAN}")
    assert "共监控发现疑点支付 8 笔" in text and "其中拦截 7 笔，挂起 1 笔" in text
    _, book, _ = await reviewer.bytes(f"{HOME}/report.xlsx?{SPAN}")
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(book))
    rows = workbook.get_sheet_by_name("数据").to_python()
    assert rows[1][:6] == ["合计", "", "合计", 8, 7, 1], "what can be summed is a number"
    assert dict(workbook.get_sheet_by_name("筛选条件").to_python())["行政区划 Division"] == DIVISION
    _, text = await reviewer.get(f"{HOME}/statistics/banks/{BANK}?{SPAN}")
    assert '<b class="held">75</b>' in text, "100 less 20 and 5"
    _, text = await reviewer.get(f"{HOME}/statistics/agencies/101001?{SPAN}")
    assert '<b class="passed">85</b>' in text, "100 less 7 times 2 and once 1"
    assert (await reviewer.get(f"{HOME}/statistics?from=2026-04&to=2026-03"))[0] == 409
    assert (await reviewer.get(f"{HOME}/statistics?from=x"))[0] == 409


async def test_the_report_lists_every_policy_and_the_statistics_say_what_they_put_together(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    day = dt.date(2026, 3, 2)
    policies = [f"JL-{900 + n}" for n in range(25)]
    await told(
        bureau, chain,
        verdict(1, "held", recorded_at=at(day), findings=[finding(policy=p) for p in policies]),
        verdict(2, "blocked", recorded_at=at(day, 1), findings=[finding(policy=policies[0])]),
        alert("JL-100", day),
    )  # fmt: skip
    reviewer = await desk.seat(Office.REVIEWER)
    text = bare((await reviewer.get(f"{HOME}/report?{SPAN}"))[1])
    assert all(f'<td class="number">{policy}</td>' in text for policy in policies)
    assert "共25条，全部列出" in text and "其他" not in text
    assert "合计（一笔触发几条规则的，各条都计）" in text
    text = bare((await reviewer.get(f"{HOME}/statistics?{SPAN}"))[1])
    assert ">JL-919</a>" in text and ">JL-920</a>" not in text
    assert '<td class="wide" colspan="2">其他5项</td><td class="money">5</td>' in text
    summed = text.partition("一笔触发几条规则的，各条都计")[2].partition("</tr>")[0]
    assert '<td class="money">26</td><td class="money">1</td><td class="money">25</td>' in summed
    assert "列笔数最多的前 20 项，其余 5 项并入“其他”" in text
    _, book, _ = await reviewer.bytes(f"{HOME}/report.xlsx?{SPAN}")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_name("数据").to_python()
    assert {row[1] for row in rows if row[0] == "按规则"} == set(policies)


async def test_an_official_report_says_words_instead_of_the_codes_of_a_program(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    day = dt.date(2026, 3, 2)
    await told(
        bureau, chain, verdict(1, "blocked", recorded_at=at(day)),
        verdict(2, "held", recorded_at=at(day, 1)), alert("JL-104", day),
    )  # fmt: skip
    reviewer = await desk.seat(Office.REVIEWER)
    text = bare((await reviewer.get(f"{HOME}/report?{SPAN}"))[1])
    report = text.partition("<article")[2].partition("</article>")[0]
    for code in ("blocked", "held", "2", f"{BANK} JL-104"):
        assert f'<td class="number">{code}</td>' not in report, code
    assert '<td class="wide">拦截</td>' in report and '<td class="wide">挂起</td>' in report
    assert '<td class="wide">1万至10万元</td>' in report
    today = legal_day(desk.hands.now)
    assert f"填报时间：{today.year}年{today.month}月{today.day}日</p>" in report
    assert "涉及金额 25,600.00 元（2.56 万元）" in report
    assert report.count("2026年2月") == 3, "heading, first sentence, once among the empty months"
    assert "没有拦截和挂起的月份：2026年2月、2026年4月。" in report
    _, text = await reviewer.get(f"{HOME}/statistics?{SPAN}")
    charts = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert ">1万至10万元<" in charts and ">拦截<" in charts, "words, not the codes of a program"
    assert report.count("<caption>") == report.count("<table") == 12
    assert 'class="unseen"' not in report
    _, book, _ = await reviewer.bytes(f"{HOME}/report.xlsx?{SPAN}")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_name("数据").to_python()
    assert ["按月份", "2026年3月"] in [[row[0], row[2]] for row in rows]
    assert not {"blocked", "held", "2026-02"} & {str(row[1]) for row in rows}


async def test_the_card_of_a_held_payment_asks_why_it_is_held_and_names_the_bank(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    await told(bureau, chain, verdict(2, "held"))
    reviewer = await desk.seat(Office.REVIEWER)
    _, text = await reviewer.get(f"{HOME}/2026/8202/{1:013d}")
    assert "<h1>为何拒付" in text and "拦截；拦截" not in text
    assert f"{BANK} 签名</span>" in text and "<code>spiffe:" not in text
    _, text = await reviewer.get(f"{HOME}/2026/8202/{2:013d}")
    assert "<h1>为何挂起" in text and "为何拒付" not in text


async def test_a_bulletin_names_nobody(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    card = f"{HOME}/2026/8202/{1:013d}"
    _, case = await reviewer.post(f"{card}/case", {"against": "agency"})
    due = (legal_day(desk.hands.now) + dt.timedelta(days=3)).isoformat()
    asked = {"means": "phone_call", "due": due, "text": "问过张某", "person": "张某"}
    assert (await reviewer.post(f"{case}/verify", asked))[0] == 303
    assert (await reviewer.post(f"{case}/record", {"number": 1, "text": "张某承认"}))[0] == 303
    assert (await reviewer.post(f"{case}/accept", {"number": 1, "text": "属实"}))[0] == 303
    confirmed = {"verdict": "confirmed", "text": "吉林省示例厅本级的张某违规"}
    assert (await reviewer.post(f"{case}/propose", confirmed))[0] == 303
    assert (await approver.post(f"{case}/decide", {"seen": await approver.seen(case)}))[0] == 303
    month = f"{legal_day(desk.hands.now):%Y-%m}"
    handling = {"text": "张某退回", "measure": ["21(1)", "21(2)"], "returned 21(2)": "12800"}
    handling |= {"due 21(1)": due, "due 21(2)": due}
    for agreed in (False, True):
        assert (await reviewer.post(f"{case}/propose_handling", handling))[0] == 303
        _, text = await reviewer.get(f"{HOME}/bulletin?from={month}&to={month}")
        assert "退回资金" not in text, "only proposed"
        seen = {"seen": await approver.seen(case), "text": "再议"}
        move = "approve_handling" if agreed else "send_back"
        assert (await approver.post(f"{case}/{move}", seen))[0] == 303
    _, text = await reviewer.get(f"{HOME}/bulletin?from={month}&to={month}")
    assert "第二十一条（二）退回资金、调整账目、补办手续，退回资金12,800.00元" in text
    assert "正在督促整改" in text and "第十条（三）11" in text and "实有资金账户划转资金。" in text
    assert "案例1" in text and "JL-020" in text and "某预算单位" in text
    article = text.partition("<article")[2].partition("</article>")[0]
    assert f'<p class="signed">{ISSUER}　' in article, (
        "signed by whoever issues it, not by the office"
    )
    for name in ("示例厅", "示例科技", "张某", BANK, "101001", f"{1:013d}"):
        assert name not in article, name
    agency = await desk.seat(Office.AGENCY)
    for number, words in (
        (2, "，部分事项已报送整改结果，其余正在督促整改。"),
        (1, "正在核对认可。"),
    ):
        papers = {"files": ("a.pdf", b"%PDF-x")}
        report = {"number": number, "text": "已退回", "returned": "12800", **papers}
        assert (await agency.post(f"{case}/report", report))[0] == 303
        assert words in (await reviewer.get(f"{HOME}/bulletin?from={month}&to={month}"))[1]
        shown = "另有事项已报送，待认可" in (await agency.get(f"{HOME}/cases"))[1]
        assert shown is (number == 2), "what the party itself still owes"


async def test_cases_are_counted_by_the_stage_at_which_they_stand(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer = await desk.seat(Office.REVIEWER)
    _, case = await reviewer.post(f"{HOME}/2026/8202/{1:013d}/case", {"against": "agency"})
    due = (legal_day(desk.hands.now) + dt.timedelta(days=3)).isoformat()
    asked = {"means": "phone_call", "due": due, "text": "问", "person": "甲"}
    assert (await reviewer.post(f"{case}/verify", asked))[0] == 303
    await BureauStatistics(bureau.pool).fold()
    today = legal_day(desk.hands.now)
    month = (today.replace(day=1), today)
    rows = await BureauStatistics(bureau.pool).by_key(DIVISION, "stage", month, 9)
    assert [(row["key"], row["count"]) for row in rows] == [("verifying", 1)]
    rows = await BureauStatistics(bureau.pool).by_key(DIVISION, "origin", month, 9)
    assert [(row["key"], row["count"]) for row in rows] == [("finding", 1)]


async def test_a_case_about_the_bank_takes_no_point_from_the_agency_whose_payment_it_rests_on(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    _, case = await reviewer.post(f"{HOME}/2026/8202/{1:013d}/case", {"against": "bank"})
    due = (legal_day(desk.hands.now) + dt.timedelta(days=3)).isoformat()
    for person, step, form in (
        (reviewer, "verify", {"means": "phone_call", "due": due, "text": "问", "person": "甲"}),
        (reviewer, "record", {"number": "1", "text": "属实"}),
        (reviewer, "accept", {"number": "1", "text": "采信"}),
        (reviewer, "propose", {"verdict": "confirmed", "text": "确认"}),
        (approver, "decide", {"seen": "4"}),
    ):
        assert (await person.post(f"{case}/{step}", form))[0] == 303, step
    await BureauStatistics(bureau.pool).fold()
    today = legal_day(desk.hands.now)
    span = span_of(f"{today:%Y-%m}", f"{today:%Y-%m}", today)
    figures = desk.rooms.statistics
    assert (await figures.bank(DIVISION, BANK, span)).stages == {"confirmed": (1, ANY)}
    of_agency = await figures.agency(DIVISION, AGENCY, span)
    assert of_agency.stages == {} and of_agency.parts[-1][1] == 0
