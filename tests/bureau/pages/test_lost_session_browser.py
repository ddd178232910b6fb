"""Whose session ends in the middle of a long form has its words after signing in: the sign-in page
promises it of the browser's back, and a field that a browser must not remember would break it."""

from pathlib import Path
from typing import Any

import pytest

from bureau.desk.entry import IDLE_MAX
from bureau.desk.people import Office
from bureau.desk.registers.words import SHEETS
from tests.bureau.browsers import pressed
from tests.bureau.desks import Desk
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.words import DIVISION

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
HOME = f"/desk/{DIVISION}"
SEND = """name => {
    const form = document.getElementsByName(name)[0].form;
    form.noValidate = true;
    form.requestSubmit(form.querySelector("button[value=check]") || undefined);
}"""
FORMS = {
    Office.REVIEWER: {
        f"{HOME}/policies/JL-042/form": ("p.title.zh", "p.params.0.value", "reason"),
        f"{HOME}/policies/JL-042/edit": ("document", "reason"),
        f"{HOME}/registers/agencies/edit": ("f-name", "reason"),
        f"{HOME}/cases/new": ("title", "reason"),
    },
    Office.KEEPER: {f"{HOME}/complaints/new": ("story", "agency_name")},
}


async def signed_in(desk: Desk, office: Office, page: Any) -> None:
    token = await desk.link((await desk.seat(office)).person)
    await page.goto(f"{desk.url}/sign-in/link/{token}")
    await pressed(page, page.get_by_role("button", name="进入工作台"))


@pytest.mark.parametrize("office", FORMS)
async def test_what_was_typed_is_there_after_signing_in_beside_it(
    office: Office, desk: Desk, tmp_path: Path
) -> None:
    context, page = await seated(desk, office, tmp_path)
    beside = await context.new_page()
    for path, names in FORMS[office].items():
        await page.goto(desk.url + path)
        for name in names:
            await page.locator(f"[name='{name}']").fill(f"写了很久的{name}")
        desk.hands.now += IDLE_MAX
        async with page.expect_navigation():
            await page.evaluate(SEND, names[0])
        assert "没有收到" in await page.locator("main").inner_text()
        await signed_in(desk, office, beside)
        await page.go_back()
        for name in names:
            typed = await page.locator(f"[name='{name}']").input_value()
            assert typed == f"写了很久的{name}", (path, name)


async def test_who_reported_and_peoples_numbers_are_not_remembered(
    desk: Desk, tmp_path: Path
) -> None:
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    _, page = await keeper.get(f"{HOME}/complaints/new")
    for name in ("informant_name", "informant_phone", "informant_other", "title"):
        field = page.partition(f' name="{name}"')[2].partition(">")[0]
        assert 'autocomplete="off"' in field, name
    secrets = 0
    for name, sheet in SHEETS.items():
        _, page = await reviewer.get(f"{HOME}/registers/{name}/edit")
        for column in sheet.columns:
            field = page.partition(f' name="f-{column.name}"')[2].partition(">")[0]
            assert ('autocomplete="off"' in field) == column.secret, (name, column.name)
            secrets += column.secret
    assert secrets
