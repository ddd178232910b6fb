"""The people of a walk: who they are, how they sign in, and what they do on the desk's pages."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from bureau.desk.people import Office, Person
from deploy.demo.stage import BANK_CODE
from gateway.domain.instruction import InstructionKey
from tests.bureau.browsers import pressed
from tests.walks.town import DIVISION, HOME, PATIENCE_S, Papers, Town, until

NAMES = {
    Office.REVIEWER: "李审核", Office.APPROVER: "王审批", Office.SECURITY: "赵安全",
    Office.KEEPER: "孙受理", Office.AGENCY: "吴会计",
}  # fmt: skip


@attrs.define(kw_only=True)
class People:
    town: Town
    papers: Papers
    scripts: bool
    link: Callable[[Person], Awaitable[str]]
    page: Callable[[], Awaitable[Any]]
    seated: dict[str, Any] = attrs.field(factory=dict)

    async def at(self, office: Office, code: str = "", *, second: bool = False) -> Any:
        """This person's page, signed in at the first call."""
        login = f"{office.value}{code}{'.2' if second else ''}"
        if login not in self.seated:
            page = await self.page()
            name = NAMES[office] + ("乙" if second else "")
            who = Person(
                login=login, name=name, office=office, division=DIVISION,
                code=code or (BANK_CODE if office is Office.BANK else ""),
            )  # fmt: skip
            await page.goto(await self.link(who))
            await pressed(page, page.get_by_role("button", name="进入工作台"))
            self.seated[login] = page
        return self.seated[login]

    async def go(self, page: Any, path: str) -> None:
        await page.goto(f"{self.town.desk}{HOME}{path}")

    async def comes(self, page: Any, locator: Any, what: str) -> None:
        """It appears by itself where scripts run; without them the person looks again."""
        if self.scripts:
            await locator.first.wait_for(timeout=PATIENCE_S * 1_000)
            return

        async def seen() -> bool:
            if await locator.count():
                return True
            await page.reload()
            return False

        await until(seen, what)

    async def change_register(self, path: str, reason: str, **fields: str) -> int:
        """Proposed by one, approved by another; the version under which it goes out."""
        reviewer, approver = await self.at(Office.REVIEWER), await self.at(Office.APPROVER)
        await self.go(reviewer, f"/registers/{path}")
        for name, value in fields.items():
            await reviewer.locator(f"[name='f-{name}']").select_option(value)
        await reviewer.locator("[name='reason']").fill(reason)
        await pressed(reviewer, reviewer.get_by_role("button", name="提交批准"))
        return await self.approve_change(reviewer.url, approver)

    async def approve_change(self, change: str, approver: Any) -> int:
        await approver.goto(change)
        await pressed(approver, approver.get_by_role("button", name="批准并发布"))
        state = await approver.locator("h1 .tag").inner_text()
        return int(state.removeprefix("已批准，第").removesuffix("版"))

    async def applied(self, page: Any, version: int) -> None:
        """The registers page says that the gateway applies this version."""
        await self.go(page, "/registers")
        await self.comes(
            page, page.locator(f".good:text-is('第{version}版')"), f"version {version}"
        )


def hold_path(key: InstructionKey) -> str:
    return f"/holds/{key.fiscal_year}/{key.voucher_type}/{key.voucher_no}"


def card_path(key: InstructionKey) -> str:
    return f"/{key.fiscal_year}/{key.voucher_type}/{key.voucher_no}"


async def fill_form(page: Any, title: str, **fields: Any) -> None:
    """Opens the case's form of this title, fills it in, sends it."""
    form = page.locator("details.act", has=page.locator(f"summary:text-is('{title}')"))
    if await form.get_attribute("open") is None:
        await form.locator("summary").click()
    for name, value in fields.items():
        field = form.locator(f"[name='{name}']")
        if name == "files":
            await field.set_input_files(value)
        elif await field.evaluate("e => e.tagName") == "SELECT":
            await field.select_option(value)
        elif await field.get_attribute("type") == "checkbox":
            await field.check()
        else:
            await field.fill(value)
    await pressed(page, form.locator("button[type=submit]"))
