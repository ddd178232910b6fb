"""A policy from the form to the bank: edited, back-tested, agreed, signed by two, in force."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.postgres.embedded.binaries import EmbeddedUnavailable, installed_binaries
from bureau.desk.people import Office
from deploy.demo.samples import operator_commands, signing_commands
from tests.bureau.browsers import CHROMIUM, pressed
from tests.walks.people import People, card_path
from tests.walks.town import Town, town, until

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]
POLICY = "JL-009"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def place() -> Iterator[Town]:
    """As in production: the gateway takes signed books only."""
    pytest.importorskip("playwright.async_api", reason="the package playwright is missing")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing: install the package chromium")
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    with town(2, signed=True) as made:
        yield made


async def test_a_policy_edited_in_the_form_blocks_the_next_instruction_once_two_have_signed(
    people: People, tmp_path: Path
) -> None:
    """The purchase that passed before is refused under the new revision, which the card names."""
    words = f"电梯改造{'一' if people.scripts else '二'}期"
    before, after, _ = (
        replace(each, purpose=f"支付{words}工程用品款") for each in people.papers.purchases
    )
    [answer] = await people.town.send(before)
    assert answer["outcome"] == "passed", answer["findings"]
    reviewer = await people.at(Office.REVIEWER)
    draft, revision = await edited(people, words)
    await nothing_serious(people, reviewer)
    await back_tested(people, before.key.voucher_no)
    await agreed_and_signed(people, draft, tmp_path)

    [answer] = await people.town.send(after)
    assert answer["outcome"] == "blocked", answer
    finding = answer["findings"][0]
    assert (finding["policy"], finding["revision"]) == (POLICY, revision)
    assert words in finding["reason_zh"]

    async def told() -> bool:
        await people.go(reviewer, card_path(after.key))
        return bool(await reviewer.get_by_text(f"{POLICY} 第 {revision} 版").count())

    await until(told, "the card that names the new revision")

    async def in_the_log() -> bool:
        await reviewer.reload()
        return bool(await reviewer.get_by_role("button", name="按当时的规则重放").is_enabled())

    await until(in_the_log, "the record of the refusal")
    await pressed(reviewer, reviewer.get_by_role("button", name="按当时的规则重放"))
    await people.comes(reviewer, reviewer.get_by_text("重放一致，逐字节相同"), "the replay")
    await nothing_serious(people, reviewer)


async def edited(people: People, words: str) -> tuple[str, int]:
    """Another cause of JL-009, picked in the form, with its test; the draft and its revision."""
    page = await people.at(Office.REVIEWER)
    await people.go(page, f"/policies/{POLICY}/form")
    causes = await page.locator("[name^='p.cause.'][name$='.id']").count() - 1
    tests = await page.locator("[name^='p.test.'][name$='.name']").count() - 1
    revision = int(await page.locator("[name='p.revision']").input_value()) + 1
    at = f"p.cause.{causes}"
    await page.get_by_text("增加情形").click()
    await page.locator(f"[name='{at}.id']").fill(f"works_{revision}")
    await page.locator(f"[name='{at}.zh']").fill(f"用途含“{words}”，工程已停")
    await page.locator(f"[name='{at}.en']").fill("works that were stopped")
    await picked(people, page, f"{at}.rows.0.fact", "purpose")
    await picked(people, page, f"{at}.rows.0.sign", "contains_any")
    await page.locator(f"[name='{at}.rows.0.manner']").select_option("filled")
    await page.locator(f"[name='{at}.rows.0.value']").fill(words)
    await page.locator("[name='p.revision']").fill(str(revision))
    await pressed(page, page.get_by_role("button", name="检查"))
    missing = page.get_by_text(re.compile("缺少.*works_"))
    assert await missing.count(), "the checker wants a test of the new cause"
    await page.get_by_text("增加测试").click()
    test = f"p.test.{tests}"
    await page.locator(f"[name='{test}.name']").fill(f"用途含{words}")
    await page.locator(f"[name='{test}.facts']").fill(f'purpose = "支付{words}款"')
    await page.locator(f"[name='{test}.outcome']").select_option("block")
    await pressed(page, page.get_by_role("button", name="检查"))
    assert await page.get_by_text("检查通过").count(), await page.locator("main").inner_text()
    assert await page.get_by_text(f"新增情形 works_{revision}").count()
    clause = await page.locator(f"[name='{at}.text']").input_value()
    assert clause == f'has(purpose) && contains_any(purpose, ["{words}"])'
    await nothing_serious(people, page)
    await page.get_by_label("修改理由").fill("工程停工，停止支付")
    await pressed(page, page.get_by_role("button", name="提交审批岗"))
    assert await page.get_by_text("待同意").count()
    return page.url, revision


async def picked(people: People, page: Any, name: str, value: str) -> None:
    """With scripts a pick brings what belongs to it; without them the button does."""
    pick = page.locator(f"[name='{name}']")
    listed = await pick.evaluate("e => e.tagName") == "INPUT"
    put = pick.fill if listed else pick.select_option
    if people.scripts:
        async with page.expect_navigation():
            await put(value)
            await pick.press("Tab")
    else:
        await put(value)
        await pressed(page, page.get_by_role("button", name="刷新"))


async def back_tested(people: People, voucher_no: str) -> None:
    page = await people.at(Office.REVIEWER)
    await pressed(page, page.get_by_role("button", name="开始回溯"))
    await people.comes(page, page.locator(".good:text-is('完成')"), "the end of the back-test")
    flipped = page.locator("tr", has_text=voucher_no)
    await people.comes(page, flipped, "the purchase that passed")
    assert POLICY in await flipped.inner_text() and "拦截" in await flipped.inner_text()
    assert await page.locator("progress").first.get_attribute("value") == "100"
    await nothing_serious(people, page)


async def agreed_and_signed(people: People, draft: str, folder: Path) -> None:
    """Another person agrees; two officers sign what stands, each with a key of their own; it goes
    to the gateway, which says that it has it and that it applies it."""
    approver, stage = await people.at(Office.APPROVER), people.town.stage
    await approver.goto(draft)
    await pressed(approver, approver.get_by_role("button", name="同意"))
    await people.go(approver, "/policies")
    async with approver.expect_download() as waiting:
        await approver.get_by_role("link", name="下载全部规则").click()
    operator_commands(stage, folder)
    commands = signing_commands(stage, folder)  # as the demonstration prints them
    await (await waiting.value).save_as(folder / "signing" / "policies.zip")
    last = max(stage.books.glob("book-*.json"))
    number = int(last.stem.removeprefix("book-")) + 1
    await asyncio.to_thread(_typed, commands)
    await approver.locator("summary", has_text="上传签名规则簿").click()
    await approver.locator("#file").set_input_files(folder / "signing" / "book.json")
    await pressed(approver, approver.get_by_role("button", name="核验并发送"))

    async def has_it() -> bool:
        await people.go(approver, "/policies")
        row = approver.locator("tr", has_text=f"第{number}版")
        return bool(await row.get_by_text("网关已签收").count())

    await until(has_it, "the gateway has the book")

    async def applies_it() -> bool:
        await people.go(approver, "/policies")
        row = approver.locator("tr", has=approver.get_by_text("启用", exact=True))
        return bool(await row.get_by_text(f"第{number}版").count())

    await until(applies_it, "the gateway applies the book")


def _typed(commands: str) -> None:
    house = Path(__file__).parents[2]
    subprocess.run(["bash", "-ec", commands], cwd=house, check=True, stdout=subprocess.DEVNULL)


async def nothing_serious(people: People, page: Any) -> None:
    """What axe finds on this page, light and dark; it needs scripts."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    if not people.scripts:
        return
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        results = await axe.Axe().run(page)
        found = results.response["violations"]
        serious = [(each["id"], each["nodes"][:2]) for each in found if each["impact"] in SERIOUS]
        assert serious == [], serious
    await page.emulate_media(color_scheme="light")
