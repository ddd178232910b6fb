"""The first walk of the desk, from a refused payment to the archive; and a complaint (Art. 20)."""

import asyncio
import datetime as dt
import shutil
from typing import Any

import pytest

from adapters.postgres.embedded.binaries import installed_binaries
from bureau.desk.people import Office
from gateway.domain.legal_day import legal_day
from tests.bureau.browsers import pressed
from tests.walks.people import People, fill_form
from tests.walks.town import HOME, until

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]
ORDER = "第1项 第二十一条（二）退回资金、调整账目、补办手续"
PAPER = {"name": "说明.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n"}
ANNEX_1 = (
    "（预算单位）：", "日申请向", "（收款单位）支付的第", "号（支付凭证号）",
    "（支付摘要）的支付业务涉嫌违规，现已被预算管理一体化系统监控拦截。为核实有关情况，"
    "我单位邀请你单位相关财务人员两位，于", "（房间号）进行约谈，请按时来访。",
    "此通知书，请受约谈单位负责人签字并加盖公章后，返还我单位存档。",
    "受约谈单位负责人签字：", "受约谈单位公章：",
)  # fmt: skip
"""The regulation's own words between the blanks."""
INFORMANT, TELEPHONE = "欧阳镕喆", "13904310431"


async def test_from_a_refused_payment_that_arrives_live_to_the_archive(people: People) -> None:
    town, refused = people.town, people.papers.refused
    reviewer, approver = await people.at(Office.REVIEWER), await people.at(Office.APPROVER)
    agency = await people.at(Office.AGENCY, people.papers.releasing.code)
    await people.go(reviewer, "/interceptions")
    [answer] = await town.send(refused)
    assert answer["outcome"] == "blocked" and answer["findings"][0]["policy"] == "JL-020"
    line = reviewer.get_by_role("link", name=refused.key.voucher_no)
    await people.comes(reviewer, line, "the interception on the desk")
    await pressed(reviewer, line.first)

    async def proven() -> bool:
        await reviewer.goto(reviewer.url.partition("/verify")[0])
        if not await reviewer.locator("form[action*='/verify'] button:enabled").count():
            return False  # its record has not come yet
        await pressed(reviewer, reviewer.get_by_role("button", name="核验证据"))
        return bool(await reviewer.get_by_text("财政部门已签收").count())

    await until(proven, "the record's proof")
    await pressed(reviewer, reviewer.get_by_role("button", name="立案核实"))
    case = reviewer.url
    later = (legal_day(dt.datetime.now(dt.UTC)) + dt.timedelta(days=7)).isoformat()
    await fill_form(
        reviewer, "发起核实：约谈", day=later, room="507", ground="电话无法核实", due=later
    )
    first, second = [await _downloaded(reviewer, "PDF") for _ in range(2)]
    assert first == second, "the same bytes each time"
    words = await _words(first)
    for piece in (*ANNEX_1, refused.key.voucher_no, "507", "拨付单位周转经费"):
        assert not words or piece in words, piece

    await people.go(agency, "")
    await pressed(agency, agency.get_by_role("link", name=_number(case), exact=True).first)
    await fill_form(agency, "提交回复：第1项 约谈", text="已按时到场说明", files=PAPER)
    await reviewer.goto(case)
    await fill_form(reviewer, "采信回复：第1项 约谈", text="情况属实")
    await fill_form(reviewer, "提出认定意见", verdict="confirmed", text="违规划转属实")
    await people.go(approver, "")
    await pressed(approver, approver.get_by_role("link", name=_number(case), exact=True).first)
    await fill_form(approver, "认定")
    await reviewer.goto(case)
    await reviewer.get_by_label("第二十一条（二）").check()
    amounts = {"returned 21(2)": "12,800.00", "due 21(2)": later}
    await fill_form(reviewer, "提出处理意见", text="退回违规资金", **amounts)
    await approver.reload()
    await fill_form(approver, "批准处理")
    await agency.goto(case)
    assert await agency.get_by_text("违规问题处理单").count() == 1
    sheet = await _words(await _downloaded(agency, "PDF", 1))
    assert not sheet or "壹万贰仟捌佰元整" in sheet
    await fill_form(agency, f"报送整改结果：{ORDER}", text="资金已退回", returned="12800")
    await reviewer.goto(case)
    await fill_form(reviewer, f"认可整改：{ORDER}", text="凭证核对无误")
    await fill_form(reviewer, "提出移交意见（第二十三条）", to="audit", text="多次划转，情节严重")
    assert await reviewer.get_by_text("违规问题移交函", exact=False).count() == 1, "not issued yet"
    await approver.goto(case)
    await fill_form(approver, "批准移交")
    letter = await _words(await _downloaded(approver, "PDF", -1))
    for piece in ("审计", "违规划转属实", "情节严重", refused.key.voucher_no, "资金已退回"):
        assert not letter or piece in letter, piece
    await reviewer.goto(case)
    await fill_form(reviewer, "归档")
    assert await reviewer.locator("h1 .tag").inner_text() == "已归档"


async def test_a_complaints_informant_is_seen_by_two_keepers_and_by_nobody_else(
    people: People,
) -> None:
    """Not on a page, in an export, a search, the audit trail, or a backup of the database."""
    keeper, other = await people.at(Office.KEEPER), await people.at(Office.KEEPER, second=True)
    reviewer, approver = await people.at(Office.REVIEWER), await people.at(Office.APPROVER)
    security = await people.at(Office.SECURITY)
    await people.go(keeper, "/complaints/new")
    body = people.papers.stopped.agency
    for name, value in {
        "agency_code": body.code, "agency_name": body.name, "title": "虚列会议费",
        "story": "会没有开，会议费照付", "informant_name": INFORMANT, "informant_phone": TELEPHONE,
    }.items():  # fmt: skip
        await keeper.locator(f"[name='{name}']").fill(value)
    await pressed(keeper, keeper.get_by_role("button", name="登记并封存"))
    complaint = keeper.url
    await reviewer.goto(complaint)
    await pressed(reviewer, reviewer.get_by_role("button", name="受理", exact=True))
    await reviewer.locator("summary", has_text="立案").click()
    await reviewer.locator("form[action$='/case'] textarea").fill("会议费疑似虚列")
    await pressed(reviewer, reviewer.locator("form[action$='/case'] button"))
    case = reviewer.url
    assert "/cases/" in case
    await fill_form(reviewer, "发起核实：调阅材料", text="会议通知、签到表、发票")

    pages = (complaint, case, *(f"{people.town.desk}{HOME}{path}" for path in (
        "", "/complaints", "/cases", "/interceptions", "/statistics", "/report", "/trail",
        f"/interceptions?q={INFORMANT}", f"/cases?q={INFORMANT}", "/interceptions.csv",
        "/interceptions.xlsx",
    )))  # fmt: skip
    for page in (reviewer, approver, keeper, other, security):
        for address in pages:
            seen = await page.context.request.get(address)
            found = _hidden(await seen.body(), asked=INFORMANT in address)
            assert not found, (page.url, address)
    assert not _hidden(await _downloaded(reviewer, "PDF"))
    assert not _hidden(await _backup(people))

    await keeper.goto(complaint)
    await keeper.locator("summary", has_text="申请查阅举报人身份").click()
    await keeper.locator("textarea[name='reason']").fill("须当面核对线索")
    await pressed(keeper, keeper.get_by_role("button", name="申请", exact=False).last)
    assert await keeper.get_by_role("button", name="查阅一次").count() == 0, "one keeper alone"
    await other.goto(complaint)
    await pressed(other, other.get_by_role("button", name="同意查阅"))
    assert await other.get_by_role("button", name="查阅一次").count() == 0, "not for who agreed"
    await keeper.goto(complaint)
    await pressed(keeper, keeper.get_by_role("button", name="查阅一次"))
    assert INFORMANT in await keeper.content() and TELEPHONE in await keeper.content()
    await keeper.goto(complaint)
    assert await keeper.get_by_role("button", name="查阅一次").count() == 0, "once"
    await people.go(security, "/trail")
    trail = await security.content()
    for act in ("informant.asked", "informant.agreed", "informant.opened"):
        assert act in trail
    assert not _hidden(trail.encode()) and not _hidden(await _backup(people))


def _number(case: str) -> str:
    return "年第".join(case.split("/")[-2:]) + "号"


async def _downloaded(page: Any, name: str, place: int = 0) -> bytes:
    link = page.get_by_role("link", name=name, exact=True).nth(place)
    address = await link.evaluate("e => e.href")
    async with page.expect_download() as coming:
        await link.click()
    await coming.value
    body: bytes = await (await page.context.request.get(address)).body()
    return body


async def _words(pdf: bytes) -> str:
    """The text of a PDF without spaces; empty where pdftotext is not installed."""
    if not shutil.which("pdftotext"):
        return ""
    process = await asyncio.create_subprocess_exec(
        "pdftotext", "-raw", "-", "-", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    text, _ = await process.communicate(pdf)
    return "".join(text.decode().split())


async def _backup(people: People) -> bytes:
    """What pg_dump makes of the bureau's database."""
    process = await asyncio.create_subprocess_exec(
        str(installed_binaries() / "pg_dump"), "--dbname", people.town.stage.bureau_database,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    dump, _ = await process.communicate()
    assert process.returncode == 0 and "虚列会议费".encode() in dump
    return dump


def _hidden(seen: bytes, *, asked: bool = False) -> list[str]:
    """Which of the informant's traits stand in these bytes, plain, escaped or in hexadecimal;
    `asked`: the page repeats what somebody typed into the search."""
    secrets = (TELEPHONE,) if asked else (INFORMANT, TELEPHONE)
    forms = [f for s in secrets for f in (s, s.encode().hex(), ascii(s).strip("'"))]
    return [form for form in forms if form.encode() in seen]
