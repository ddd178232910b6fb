"""Two administrators seat a person: who asks has the link, who agrees has the code."""

import re
from typing import Any

import asyncpg
import pytest

from bureau.desk.people import PROGRAM, Office, Person, flaws
from bureau.desk.seating import ASKED_FOR
from bureau.web.desk import table_of
from tests.bureau.desks import Desk, Seated
from tests.bureau.entry.test_desk_offices import filled
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
WISH = {
    "login": "li.si", "name": "李四", "office": "approver", "division": DIVISION,
    "reason": "新到岗",
}  # fmt: skip


async def two(desk: Desk) -> tuple[Seated, Seated]:
    return (
        await desk.seat(Office.ADMINISTRATOR, "zhou"),
        await desk.seat(Office.ADMINISTRATOR, "feng"),
    )


async def opened(desk: Desk, token: str, code: str) -> int:
    async with (await desk.browser()).post(
        desk.url + "/sign-in/link", data={"token": token, "code": code}, allow_redirects=False
    ) as answer:
        return answer.status


def link_in(text: str) -> str:
    return re.findall(r"/sign-in/link/([\w-]+)", text)[0]


def code_in(text: str) -> str:
    return re.findall(r"<code>([A-Z2-9]{5}-[A-Z2-9]{5})</code>", text)[0]


async def test_one_asks_another_agrees_and_each_holds_half(desk: Desk) -> None:
    zhou, feng = await two(desk)
    assert "提交申请 1 号" in (await zhou.post("/accounts", WISH))[1]
    assert await desk.rooms.people.person("li.si") is None
    page = (await feng.get("/accounts"))[1]
    assert "李四" in page and "新到岗" in page and "/accounts/requests/1/approve" in page
    assert "已有同名账号" not in page
    agreed = (await feng.post("/accounts/requests/1/approve"))[1]
    code = code_in(agreed)
    assert "/sign-in/link/" not in agreed, "who agreed has no link"
    assert (await feng.post("/accounts/requests/1/link"))[0] == 409
    taken = (await zhou.post("/accounts/requests/1/link"))[1]
    token = link_in(taken)
    assert code not in taken, "who asked has no code"
    assert (await zhou.post("/accounts/requests/1/link"))[0] == 409, "once"
    async with (await desk.browser()).get(f"{desk.url}/sign-in/link/{token}") as answer:
        assert 'name="code"' in await answer.text()
    for wrong in ("", "AAAAA-AAAAA"):
        assert await opened(desk, token, wrong) == 401
    assert await opened(desk, token, code.lower().replace("-", " ")) == 303
    assert await opened(desk, token, code) == 401
    refused = [
        row
        for row in await desk.rooms.people.acts(DIVISION, 2**60, ("", "", None, None), 100)
        if row["what"] == "session.refused" and row["login"] == "li.si"
    ]
    assert len(refused) == 2, "whoever holds the link and guesses at the code is seen"
    acts = [
        (row["login"], row["what"])
        for row in await desk.rooms.people.acts(DIVISION, 2**60, ("", "", None, None), 100)
        if row["subject"] == "li.si"
    ]
    assert acts == [
        ("zhou", "account.invited"), ("feng", "account.opened"), ("zhou", "account.requested"),
    ]  # fmt: skip


async def test_one_administrator_alone_seats_and_resets_nobody_by_any_form(desk: Desk) -> None:
    zhou, _ = await two(desk)
    reviewer = await desk.seat(Office.REVIEWER)
    before = await _state(desk)
    forms: list[dict[str, Any]] = [dict(WISH), {"reason": "忘记密码"}, {}]
    for login in (reviewer.person.login, "zhou"):
        for step in ("reset", "reopen", "open", "invite"):
            for form in forms:
                await zhou.post(f"/accounts/{login}/{step}", form)
    for route in table_of(desk.rooms):
        if route.method == "POST" and Office.ADMINISTRATOR in route.offices:
            for form in forms:
                if route.path != "/sign-out":
                    await zhou.post(filled(route.path, DIVISION), form)
    for number in range(1, 40):
        for step in ("approve", "link", "refuse"):
            status, text = await zhou.post(f"/accounts/requests/{number}/{step}")
            assert status in (404, 409) and "/sign-in/link/" not in text, (number, step)
    assert await _state(desk) == before
    assert (await reviewer.get("/me"))[0] == 200


async def _state(desk: Desk) -> list[tuple[Any, ...]]:
    rows = await desk.rooms.people.people("", 50)
    return [(row["login"], row["has_password"], row["has_totp"], row["disabled"]) for row in rows]


async def test_until_two_administrators_can_sign_in_nobody_is_seated_and_the_page_says_so(
    desk: Desk,
) -> None:
    zhou = await desk.seat(Office.ADMINISTRATOR, "zhou")
    await desk.seat(Office.ADMINISTRATOR, "feng", fresh=True)
    page = (await zhou.get("/accounts"))[1]
    assert "不足两名" in page and "--invite" in page and 'name="login"' not in page
    for office in ("approver", "administrator"):
        status, text = await zhou.post("/accounts", {**WISH, "office": office})
        assert status == 409 and "须先有两名" in text
    assert (await zhou.post("/accounts/feng/reset", {"reason": "忘记"}))[0] == 409
    await desk.seat(Office.ADMINISTRATOR, "feng")
    assert "不足两名" not in (await zhou.get("/accounts"))[1]


async def test_a_reset_ends_sessions_only_when_another_agreed(desk: Desk) -> None:
    zhou, feng = await two(desk)
    reviewer = await desk.seat(Office.REVIEWER)
    login = reviewer.person.login
    await zhou.post(f"/accounts/{login}/reset", {"reason": "手机遗失"})
    assert (await reviewer.get("/me"))[0] == 200
    code = code_in((await feng.post("/accounts/requests/1/approve"))[1])
    assert (await reviewer.get("/me"))[0] == 401
    token = link_in((await zhou.post("/accounts/requests/1/link"))[1])
    assert await opened(desk, token, code) == 303


async def test_nobody_closes_his_own_account(desk: Desk) -> None:
    """Of two administrators one would be left, who seats nobody."""
    zhou, _ = await two(desk)
    _, page = await zhou.get("/accounts")
    assert 'action="/accounts/feng/close"' in page and 'action="/accounts/zhou/close"' not in page
    assert (await zhou.post("/accounts/zhou/close"))[0] == 404
    assert (await zhou.get("/accounts"))[0] == 200


async def test_a_closed_account_is_reopened_by_two_and_closed_by_one(desk: Desk) -> None:
    zhou, feng = await two(desk)
    reviewer = await desk.seat(Office.REVIEWER)
    login = reviewer.person.login
    assert (await zhou.post(f"/accounts/{login}/close"))[0] == 303
    assert (await reviewer.get("/me"))[0] == 401
    assert (await zhou.post(f"/accounts/{login}/reopen", {"reason": "返岗"}))[0] == 200
    row = await desk.rooms.people.person(login)
    assert row and row["disabled"]
    assert "校验码" not in (await feng.post("/accounts/requests/1/approve"))[1]
    row = await desk.rooms.people.person(login)
    assert row and not row["disabled"]


async def test_a_request_that_is_refused_old_or_whose_asker_was_closed_seats_nobody(
    desk: Desk,
) -> None:
    zhou, feng = await two(desk)
    await zhou.post("/accounts", WISH)
    assert (await feng.post("/accounts/requests/1/refuse"))[0] == 200
    assert (await feng.post("/accounts/requests/1/approve"))[0] == 409
    await zhou.post("/accounts", WISH)
    wu = await desk.seat(Office.ADMINISTRATOR, "wu")
    await feng.post("/accounts/zhou/close")
    assert (await wu.post("/accounts/requests/2/approve"))[0] == 409
    await feng.post("/accounts", WISH)
    desk.hands.now += ASKED_FOR
    wu = await desk.seat(Office.ADMINISTRATOR, "wu")
    assert (await wu.post("/accounts/requests/3/approve"))[0] == 409
    assert await desk.rooms.people.person("li.si") is None


async def test_the_database_itself_refuses_ones_own_word(desk: Desk, pool: Any) -> None:
    zhou, _ = await two(desk)
    await zhou.post("/accounts", WISH)
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "UPDATE account_request SET decided_by = asked_by, decided_at = now(),"
                " agreed = true"
            )


async def test_what_the_command_line_did_is_shown_to_administrators_and_the_security_officer(
    desk: Desk,
) -> None:
    zhou, _ = await two(desk)
    security = await desk.seat(Office.SECURITY)
    person = Person(login="quiet", division=DIVISION, office=Office.APPROVER, name="某某")
    await desk.rooms.entry.open_account(person, PROGRAM, os_user="deploy")
    await desk.rooms.entry.invite("quiet", PROGRAM, os_user="deploy")
    for who, path in ((zhou, "/accounts"), (security, f"/desk/{DIVISION}/trail")):
        page = (await who.get(path))[1]
        told = page[page.index("经命令行办理的事项") :].split("</section>")[0]
        assert "quiet" in told and "操作系统用户 deploy" in told, path
    assert flaws(PROGRAM, "某某", "reviewer", DIVISION, "") != [], "nobody signs in as the program"


async def test_the_command_lines_link_forgets_the_password_that_was_there(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    await desk.rooms.entry.invite(reviewer.person.login, PROGRAM, os_user="deploy")
    row = await desk.rooms.people.person(reviewer.person.login)
    assert row and row["password"] is None
    assert (await reviewer.get("/me"))[0] == 401


@pytest.mark.parametrize("between", ["", " ", "\ufe00", "\u3164", "·", "\u0301"])
async def test_who_agrees_is_told_that_somebody_of_this_name_has_an_account(
    desk: Desk, between: str
) -> None:
    """One person in two offices would propose and approve: a program cannot know, a person can. A
    name that only a program reads as another one was told to nobody."""
    zhou, feng = await two(desk)
    reviewer = await desk.seat(Office.REVIEWER, "li.one")
    name = reviewer.person.name
    wish = {**WISH, "login": "li.two", "name": f"{name[:1]}{between}{name[1:]}"}
    await zhou.post("/accounts", wish)
    page = (await feng.get("/accounts"))[1]
    assert "已有同名账号：li.one" in page
