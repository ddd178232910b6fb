"""Who is closed, reset or signed out while a form of his is on its way has done nothing."""

import asyncio
import datetime as dt
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from bureau.desk import entry
from bureau.desk.people import Office
from tests.bureau.desks import Desk, Seated
from tests.bureau.entry.test_desk_entry import PASSWORD, equipped, sign_in, totp
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
NEW = f"/desk/{DIVISION}/cases/new"
CASE = {"against": "bank", "bank": "103", "title": "一", "reason": "写了很久的说明"}


async def sent_in_two(who: Seated, meanwhile: Callable[[], Awaitable[object]]) -> tuple[int, str]:
    """A form whose second half comes after `meanwhile`; status and body of the answer."""
    body = urlencode(CASE | {"csrf": await who.csrf()}).encode()

    async def halves() -> AsyncIterator[bytes]:
        yield body[:40]
        await asyncio.sleep(0.2)  # the server has its first half, and has looked who sends it
        await meanwhile()
        yield body[40:]

    headers = {
        "Content-Length": str(len(body)), "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    async with who.session.post(
        who.url + NEW, data=halves(), headers=headers, allow_redirects=False
    ) as answer:
        return answer.status, await answer.text()


async def test_a_form_that_is_on_its_way_when_its_sender_is_closed_does_nothing(
    desk: Desk,
) -> None:
    who, admin = await desk.seat(Office.REVIEWER), await desk.seat(Office.ADMINISTRATOR)
    reader = await desk.seat(Office.APPROVER)
    status, _ = await sent_in_two(who, lambda: admin.post(f"/accounts/{who.person.login}/close"))
    assert status == 401
    _, listed = await reader.get(f"/desk/{DIVISION}/cases")
    assert "写了很久的说明" not in listed and "第1号" not in listed


async def test_a_form_that_is_on_its_way_when_its_session_ends_does_nothing(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER)
    assert (await sent_in_two(who, who.csrf))[0] == 303, "nothing but that stops a form"
    assert (await sent_in_two(who, lambda: who.post("/sign-out")))[0] == 401


class Held:
    """Work of a thread that stops at its end until it is let go."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work
        self.done, self.go = threading.Event(), threading.Event()

    def __call__(self, *words: Any) -> Any:
        found = self._work(*words)
        self.done.set()
        assert self.go.wait(20)
        return found


async def reset(desk: Desk, login: str) -> None:
    """What two administrators do to an account that somebody has taken over."""
    asking = await desk.seat(Office.ADMINISTRATOR, "zhou")
    agreeing = await desk.seat(Office.ADMINISTRATOR, "feng")
    await asking.post(f"/accounts/{login}/reset", {"reason": "密码泄露"})
    assert (await agreeing.post("/accounts/requests/1/approve"))[0] == 200
    row = await desk.rooms.people.person(login)
    assert row is not None and row["password"] is None and row["totp"] is None


async def test_a_password_that_is_set_while_its_account_is_reset_is_not_set(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who had taken an account over kept it by setting passwords one after the other."""
    who = await desk.seat(Office.REVIEWER, fresh=True)
    await equipped(desk, who)
    _, page = await who.get("/me")
    key = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    offer = re.findall(r'name="offer" value="([0-9a-f]+)"', page)[0]
    form = {
        "present": PASSWORD, "password": "Another.9.password", "again": "Another.9.password",
        "offer": offer, "code": totp(key, desk.hands.now),
    }  # fmt: skip
    held = Held(entry.hash_password)
    monkeypatch.setattr(entry, "hash_password", held)
    setting = asyncio.create_task(who.post("/me/equip", form))
    assert await asyncio.to_thread(held.done.wait, 20)
    await reset(desk, who.person.login)
    held.go.set()
    assert (await setting)[0] != 303
    row = await desk.rooms.people.person(who.person.login)
    assert row is not None and row["password"] is None and row["totp"] is None
    assert (await who.get("/me"))[0] == 401


async def test_a_password_that_was_right_until_its_account_was_reset_opens_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await desk.seat(Office.REVIEWER, fresh=True)
    key = await equipped(desk, who)
    desk.hands.now += dt.timedelta(minutes=1)
    held = Held(entry.matches)
    monkeypatch.setattr(entry, "matches", held)
    login = who.person.login
    trying = asyncio.create_task(sign_in(desk, login, PASSWORD, totp(key, desk.hands.now)))
    assert await asyncio.to_thread(held.done.wait, 20)
    await reset(desk, login)
    held.go.set()
    assert (await trying)[0] == 401
