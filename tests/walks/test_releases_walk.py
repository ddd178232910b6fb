"""Held instructions, from the agency to the bank's books, decided by two persons on the desk."""

from typing import Any

import orjson
import pytest

from bureau.desk.people import Office
from gateway.domain.instruction import Instruction
from tests.bureau.browsers import pressed
from tests.walks.people import People, hold_path
from tests.walks.town import until

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]


async def test_two_persons_decide_about_holds_and_the_gateway_carries_it_out(
    people: People,
) -> None:
    """One is released and paid once, one is refused, and of one the second check stops the release:
    its account was suspended meanwhile, while the gateway was away for a moment."""
    town, papers = people.town, people.papers
    release, refuse, _, stop = papers.holds
    reviewer = await people.at(Office.REVIEWER)
    await people.go(reviewer, "/holds")
    answers = await town.send(release, refuse, stop)
    assert [answer["outcome"] for answer in answers] == ["held"] * 3
    for each in (release, refuse, stop):
        await people.comes(reviewer, _row(reviewer, each), "the hold on the desk")
    await _propose(people, release, "放行 Release", "单位已补报专家身份材料，同意支付")
    await _approve(people, release)
    await people.comes(reviewer, reviewer.get_by_text("已放行并交银行"), "the end of the hold")
    await people.comes(reviewer, reviewer.get_by_text("银行已支付"), "the bank's answer")
    [again] = await town.send(release)
    assert (again["outcome"], again["bank"]) == ("passed", "accepted"), "what the agency hears"

    await _propose(people, refuse, "不予放行", "收款人身份无法核实")
    await _approve(people, refuse)
    await people.comes(reviewer, reviewer.get_by_text("已终止，不予放行"), "the end of the hold")
    [again] = await town.send(refuse)
    assert again["outcome"] == "blocked"
    assert "收款人身份无法核实" in again["findings"][0]["reason_zh"]

    await imported(people)
    crew, [gateway] = town.stage.crew, town.stage.gateway_names
    crew.kill(gateway)
    version = await people.change_register(
        f"accounts/edit?key={papers.stopped.zero.account}", "账户涉嫌出借，先行暂停",
        status="suspended",
    )  # fmt: skip
    await people.go(reviewer, "/registers")
    await people.comes(
        reviewer, reviewer.get_by_text("网关不可达，重试中"), "a gateway that is away"
    )
    assert await reviewer.get_by_text("落后1版").count() == 1
    crew.relaunch(gateway)
    await crew.await_ready(gateway)
    await people.applied(reviewer, version)
    await _propose(people, stop, "放行 Release", "单位已补报专家身份材料，同意支付")
    await _approve(people, stop)
    await people.comes(reviewer, reviewer.get_by_text("网关未执行"), "the stopped release")
    why = reviewer.locator(".timeline")
    assert "JL-007" in await why.inner_text() and "账户状态为" in await why.inner_text()
    told = await town.told(stop.key, papers.stopped.code)
    assert (told["hold"]["state"], told["bank"]) == ("held", None)
    paid = await town.paid()
    assert [paid.get(str(each.key)) for each in (release, refuse, stop)] == [1, None, None]


async def imported(people: People) -> None:
    """The bureau's registers, whole and under a newer version than the gateway's, by the desk."""
    reviewer, approver = await people.at(Office.REVIEWER), await people.at(Office.APPROVER)
    await people.go(reviewer, "/registers")
    if await reviewer.get_by_text("现行第 0 版").count() == 0:
        return
    raw = orjson.dumps({**people.town.registers, "version": 2})
    await reviewer.get_by_text("导入完整登记文件").click()
    file = {"name": "registers.json", "mimeType": "application/json", "buffer": raw}
    await reviewer.locator("[name='file']").set_input_files(file)
    await reviewer.locator("[name='reason']").fill("年初登记")
    await pressed(reviewer, reviewer.get_by_role("button", name="提交批准"))
    version = await people.approve_change(reviewer.url, approver)
    await people.applied(reviewer, version)


def _row(page: Any, instruction: Instruction) -> Any:
    return page.get_by_role("link", name=instruction.key.voucher_no)


async def _propose(people: People, hold: Instruction, verdict: str, reason: str) -> None:
    page = await people.at(Office.REVIEWER)

    async def recorded() -> bool:
        await people.go(page, hold_path(hold.key))
        return bool(await page.get_by_role("button", name="提交复核").count())

    await until(recorded, "the record of the hold")
    await page.get_by_label(verdict).check()
    await page.get_by_role("textbox", name="理由").fill(reason)
    await pressed(page, page.get_by_role("button", name="提交复核"))


async def _approve(people: People, hold: Instruction) -> None:
    page = await people.at(Office.APPROVER)
    await people.go(page, hold_path(hold.key))
    wide = "[...document.querySelectorAll('.table')].some(e => e.scrollWidth > e.clientWidth)"
    assert not await page.evaluate(wide), "at 1366 nothing of a decision is out of sight"
    await pressed(page, page.get_by_role("button", name="批准并签署"))
