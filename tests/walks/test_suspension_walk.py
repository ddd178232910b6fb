"""Art. 21(4): a case's suspension of funds reaches the gateway, and its end as well."""

import asyncpg
import pytest

from bureau.desk.casework.words import Move
from bureau.desk.people import Office
from tests.bureau.browsers import pressed
from tests.walks.people import People, card_path, fill_form
from tests.walks.test_releases_walk import imported
from tests.walks.town import DIVISION, until

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]
WARNED = "第1项 第二十一条（二）退回资金、调整账目、补办手续"
ORDERED = "第2项 第二十一条（三）书面责令限期整改并通报上级主管部门"
SUSPENDED = "第3项 第二十一条（四）暂停拨付资金、撤销相关银行账户"


async def test_a_suspension_stops_the_agencys_next_payment_until_it_is_lifted(
    people: People,
) -> None:
    """From a refused payment by way of two orders that were not carried out; the third purchase is
    refused under Art. 21(4) with the case named, and passes once the agency has rectified."""
    town, papers = people.town, people.papers
    code, (before, while_suspended, after) = papers.suspended.code, papers.purchases
    await imported(people)
    refused, passed = await town.send(papers.blocked, before)
    assert (refused["outcome"], passed["outcome"]) == ("blocked", "passed")
    case = await confirmed(people)
    number = "年第".join(case.split("/")[-2:]) + "号"
    await ordered(people, case, "第二十一条（二）")
    await not_carried_out(people, case, WARNED)
    await ordered(people, case, "第二十一条（三）")
    await not_carried_out(people, case, ORDERED)
    reviewer = await people.at(Office.REVIEWER)
    assert not await reviewer.get_by_label("第二十一条（四）").count(), "its term is not over"
    await term_over(people, case, "21(3)")
    await ordered(people, case, "第二十一条（四）")
    await published(people, case, "暂停拨付")
    [answer] = await town.send(while_suspended)
    assert answer["outcome"] == "blocked"
    [finding] = answer["findings"]
    assert (finding["policy"], finding["article"]) == ("JL-007", "21(4)")
    assert f"暂停拨付资金（案件{number}）" in finding["reason_zh"]

    agency = await people.at(Office.AGENCY, code)
    await agency.goto(case)
    await fill_form(agency, f"报送整改结果：{SUSPENDED}", text="资金已全部退回", returned="12800")
    await reviewer.goto(case)
    await fill_form(reviewer, f"认可整改：{SUSPENDED}", text="凭证核对无误")
    await published(people, case, "正常")
    [answer] = await town.send(after)
    assert answer["outcome"] == "passed"
    paid = await town.paid()
    keys = (before, while_suspended, after)
    assert [paid.get(str(each.key)) for each in keys] == [1, None, 1]


async def confirmed(people: People) -> str:
    """A case of the refused payment, verified by telephone and confirmed; its address."""
    reviewer, approver = await people.at(Office.REVIEWER), await people.at(Office.APPROVER)

    async def told() -> bool:
        await people.go(reviewer, card_path(people.papers.blocked.key))
        return bool(await reviewer.get_by_role("button", name="立案核实").count())

    await until(told, "the interception on the desk")
    await pressed(reviewer, reviewer.get_by_role("button", name="立案核实"))
    case: str = reviewer.url
    await fill_form(reviewer, "发起核实：电话核实", person="吴会计 0431", text="款项去向")
    await fill_form(reviewer, "登记核实记录：第1项 电话核实", text="会计承认周转使用")
    await fill_form(reviewer, "采信回复：第1项 电话核实", text="与凭证一致")
    await fill_form(reviewer, "提出认定意见", verdict="confirmed", text="违规划转属实")
    await approver.goto(case)
    await fill_form(approver, "认定")
    return case


async def ordered(people: People, case: str, measure: str) -> None:
    """Proposed by one, approved by another."""
    reviewer, approver = await people.at(Office.REVIEWER), await people.at(Office.APPROVER)
    await reviewer.goto(case)
    await reviewer.get_by_label(measure).check()
    await fill_form(reviewer, "提出处理意见", text="限期退回违规资金")
    await approver.goto(case)
    await fill_form(approver, "批准处理")


async def not_carried_out(people: People, case: str, order: str) -> None:
    """The agency says that it has rectified, and the reviewer finds that it has not."""
    reviewer = await people.at(Office.REVIEWER)
    agency = await people.at(Office.AGENCY, people.papers.suspended.code)
    await agency.goto(case)
    await fill_form(agency, f"报送整改结果：{order}", text="正在办理")
    await reviewer.goto(case)
    await fill_form(reviewer, f"不认可整改：{order}", text="款项未退回，系虚报")


async def term_over(people: People, case: str, measure: str) -> None:
    """No walk waits for days: the database's owner has it ordered two days ago, until yesterday."""
    year, number = map(int, case.split("/")[-2:])
    owner = await asyncpg.connect(people.town.stage.bureau_database)
    try:
        told = await owner.execute(
            "UPDATE case_move SET day = day - 2, body ="
            " convert_to(regexp_replace(convert_from(body, 'UTF8'),"
            " '\"due\":\"[0-9-]+\"', '\"due\":\"' || (day - 1) || '\"'), 'UTF8')"
            " WHERE division = $1 AND year = $2 AND number = $3 AND move = $4"
            " AND position(convert_to($5, 'UTF8') IN body) > 0",
            DIVISION, year, number, Move.PROPOSE_HANDLING.value, f'"{measure}"',
        )  # fmt: skip
    finally:
        await owner.close()
    assert told == "UPDATE 1"


async def published(people: People, case: str, status: str) -> None:
    """What the case asks of the registers, made a change by two persons, applied by the gateway."""
    reviewer, approver = await people.at(Office.REVIEWER), await people.at(Office.APPROVER)
    await people.go(reviewer, "")
    await pressed(reviewer, reviewer.get_by_role("link", name="登记变更 Register changes").first)
    await pressed(reviewer, reviewer.get_by_role("link", name="提议变更"))
    await pressed(reviewer, reviewer.get_by_role("button", name="提交批准"))
    version = await people.approve_change(reviewer.url, approver)
    await people.applied(reviewer, version)
    await reviewer.goto(case)
    words = f"状态改为{status}：已随登记第 {version} 版发布"
    assert await reviewer.get_by_text(words).count() == 1
