"""Signing in: links once, passwords with codes, lock-out, sessions that end and never survive."""

import asyncio
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest

from bureau.desk.entry import CHECKS_AT_ONCE, FAILURES_MAX, IDLE_MAX, LINK_LIFE, LOCK, SESSION_LIFE
from bureau.desk.people import Office, Person, covers
from bureau.desk.trail import START, Act, Following, act_bytes, digest_of
from bureau.web.desk import table_of
from bureau.web.guard import COOKIE
from certs.one_time import STEP_S
from tests.bureau.desks import Desk, Seated
from tests.bureau.entry.test_desk_offices import filled
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
PASSWORD = "金库 correct horse 2026"
HOME = f"/desk/{DIVISION}"


def totp(secret32: str, now: dt.datetime) -> str:
    """RFC 6238 by the standard library: a second implementation."""
    import base64
    import hmac
    import struct

    counter = struct.pack(">Q", int(now.timestamp()) // STEP_S)
    digest = hmac.digest(base64.b32decode(secret32), counter, "sha1")
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


async def equipped(desk: Desk, who: Seated) -> str:
    """Sets password and authenticator on the page; the authenticator's key."""
    _, page = await who.get("/me")
    key = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    offer = re.findall(r'name="offer" value="([0-9a-f]+)"', page)[0]
    form = {
        "password": PASSWORD,
        "again": PASSWORD,
        "offer": offer,
        "code": totp(key, desk.hands.now),
    }
    status, where = await who.post("/me/equip", form)
    assert (status, where) == (303, "/"), where
    return key


async def sign_in(desk: Desk, login: str, password: str, code: str) -> tuple[int, str]:
    session = await desk.browser()
    form = {"login": login, "password": password, "code": code}
    async with session.post(desk.url + "/sign-in", data=form, allow_redirects=False) as answer:
        cookie = answer.cookies.get(COOKIE)
        return answer.status, cookie.value if cookie else await answer.text()


@pytest.mark.walk
async def test_a_link_opens_one_session_once_and_runs_out(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER, fresh=True)
    entry = desk.rooms.entry
    token = await entry.invite(who.person.login, "program")
    browser = await desk.browser()
    async with browser.get(f"{desk.url}/sign-in/link/{token}") as answer:
        assert answer.status == 200, "looking at the link does not use it up"
    for status in (303, 401):
        async with browser.post(
            desk.url + "/sign-in/link", data={"token": token}, allow_redirects=False
        ) as answer:
            assert answer.status == status
            if status == 303:
                cookie = answer.cookies[COOKIE]
                assert cookie["httponly"] and cookie["samesite"] == "Strict"
    stale = await entry.invite(who.person.login, "program")
    newer = await entry.invite(who.person.login, "program")
    desk.hands.now += LINK_LIFE + dt.timedelta(seconds=1)
    for token in (stale, newer):
        async with browser.post(desk.url + "/sign-in/link", data={"token": token}) as answer:
            assert answer.status == 401


async def test_the_first_links_are_there_until_two_administrators_can_sign_in(desk: Desk) -> None:
    entry = desk.rooms.entry
    links = await entry.first_links()
    assert list(links) == ["admin", "admin2"], "two persons, so that nobody seats anybody alone"
    for left, (login, token) in enumerate(links.items()):
        browser = await desk.browser()
        async with browser.post(desk.url + "/sign-in/link", data={"token": token}) as answer:
            assert answer.status == 200
        row = await desk.rooms.people.person(login)
        assert row is not None
        person = Person(
            login=login, division=DIVISION, office=Office.ADMINISTRATOR, name=row["name"]
        )
        await equipped(desk, Seated(url=desk.url, session=browser, person=person))
        assert list(await entry.first_links()) == ["admin2"][left:]
        if left == 0:
            links["admin2"] = (await entry.first_links())["admin2"]


async def test_password_and_code_sign_in_and_each_code_works_once(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER, fresh=True)
    before = {c.key: c.value for c in who.session.cookie_jar}[COOKIE]
    key = await equipped(desk, who)
    after = {c.key: c.value for c in who.session.cookie_jar}[COOKIE]
    assert before != after, "the session is another one after the change"
    async with (await desk.browser()).get(
        desk.url + HOME, headers={"Cookie": f"{COOKIE}={before}"}
    ) as answer:
        assert answer.status == 401
    login = who.person.login
    used = totp(key, desk.hands.now)
    assert (await sign_in(desk, login, PASSWORD, used))[0] == 401, "used for enrolment"
    desk.hands.now += dt.timedelta(seconds=STEP_S)
    code = totp(key, desk.hands.now)
    status, session = await sign_in(desk, login.upper(), PASSWORD, code)
    assert status == 303 and session != after
    assert (await sign_in(desk, login, PASSWORD, code))[0] == 401, "a code is good once"
    words = [
        (await sign_in(desk, *wrong))[1]
        for wrong in (
            ("nobody", PASSWORD, "000000"), (login, "wrong password", "000000"),
            (login, PASSWORD, "000000"),
        )
    ]  # fmt: skip
    assert len({re.sub(r"\s+", "", w) for w in words}) == 1, "the answer tells not which was wrong"


async def test_five_failures_lock_the_account_for_a_while(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER, fresh=True)
    key = await equipped(desk, who)
    for _ in range(FAILURES_MAX):
        assert (await sign_in(desk, who.person.login, "wrong password", "1"))[0] == 401
    desk.hands.now += dt.timedelta(seconds=STEP_S)
    good = (who.person.login, PASSWORD)
    assert (await sign_in(desk, *good, totp(key, desk.hands.now)))[0] == 401
    desk.hands.now += LOCK
    assert (await sign_in(desk, *good, totp(key, desk.hands.now)))[0] == 303
    acts = [
        row["what"]
        for row in await desk.rooms.people.acts(DIVISION, 2**60, ("", "", None, None), 100)
    ]
    assert acts.count("session.refused") == FAILURES_MAX + 1


async def test_a_closed_account_s_right_password_and_code_open_nothing(desk: Desk) -> None:
    admin, who = await desk.seat(Office.ADMINISTRATOR), await desk.seat(Office.REVIEWER, fresh=True)
    key = await equipped(desk, who)
    await desk.rooms.entry.shut(who.person.login, admin.person)
    desk.hands.now += dt.timedelta(seconds=STEP_S)
    code = totp(key, desk.hands.now)
    assert (await sign_in(desk, who.person.login, PASSWORD, code))[0] == 401
    rows = await desk.rooms.people.acts(DIVISION, 2**60, (who.person.login, "", None, None), 9)
    assert rows[0]["what"] == "session.refused", "and is no sign-in in the trail"


async def test_many_guesses_at_once_are_no_more_guesses_than_one_by_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await desk.seat(Office.REVIEWER, fresh=True)
    key = await equipped(desk, who)
    monkeypatch.setattr("bureau.desk.entry.matches", lambda *_: True)
    desk.hands.now += dt.timedelta(seconds=STEP_S)
    right = int(totp(key, desk.hands.now))
    codes = [f"{(right + n) % 1_000_000:06d}" for n in range(10, 10 + 4 * FAILURES_MAX)]
    enter = desk.rooms.entry.by_password
    await asyncio.gather(
        *(enter(who.person.login, PASSWORD, code) for code in codes), return_exceptions=True
    )
    rows = await desk.rooms.people.acts(DIVISION, 2**60, ("", "", None, None), 100)
    why = [orjson.loads(row["body"])["detail"].get("why") for row in rows]
    assert FAILURES_MAX <= why.count("code") < FAILURES_MAX + CHECKS_AT_ONCE


async def test_a_weak_password_or_a_wrong_code_sets_nothing(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER, fresh=True)
    _, page = await who.get("/me")
    key = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    offer = re.findall(r'name="offer" value="([0-9a-f]+)"', page)[0]
    good = {"offer": offer, "code": totp(key, desk.hands.now)}
    for form in (
        {**good, "password": "short", "again": "short"},
        {**good, "password": "aaaaaaaaaaaaaaaa", "again": "aaaaaaaaaaaaaaaa"},
        {**good, "password": PASSWORD, "again": "another one 1234"},
        {**good, "password": PASSWORD, "again": PASSWORD, "code": "000000"},
        {**good, "password": PASSWORD, "again": PASSWORD, "offer": "00" * 40},
    ):
        status, text = await who.post("/me/equip", form)
        assert status == 400 and 'role="alert"' in text
    row = await desk.rooms.people.person(who.person.login)
    assert row and row["password"] is None and row["totp"] is None


async def test_a_session_of_a_link_opens_nothing_before_password_and_code_are_set(
    desk: Desk,
) -> None:
    for office in Office:
        who = await desk.seat(office, fresh=True)
        for route in table_of(desk.rooms):
            path = filled(route.path, DIVISION)
            if route.path in ("/me", "/me/equip", "/sign-out"):
                continue
            ask = who.get if route.method == "GET" else who.post
            status, text = await ask(path)
            assert status in (303, 403), (office, path)
            assert status == 403 or route.method == "GET", (office, path, text)
            assert "张" not in text or "请先设置" in text
        assert (await who.get("/me"))[0] == 200
    who = await desk.seat(Office.REVIEWER, fresh=True)
    await equipped(desk, who)
    assert (await who.get(HOME))[0] == 200


async def test_changing_password_or_authenticator_asks_for_the_present_password(
    desk: Desk,
) -> None:
    who = await desk.seat(Office.REVIEWER, fresh=True)
    key = await equipped(desk, who)
    before = await desk.rooms.people.person(who.person.login)
    _, page = await who.get("/me")
    new = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    offer = re.findall(r'name="offer" value="([0-9a-f]+)"', page)[0]
    form = {
        "password": "another long one 1", "again": "another long one 1", "offer": offer,
        "code": totp(new, desk.hands.now),
    }  # fmt: skip
    for present in ("", "wrong password 12"):
        status, text = await who.post("/me/equip", {**form, "present": present})
        assert status == 400 and "现在的密码" in text
    after = await desk.rooms.people.person(who.person.login)
    assert before and after and before["totp"] == after["totp"]
    assert after["failures"] == 2, "guesses count towards the lock"
    assert (await who.post("/me/equip", {**form, "present": PASSWORD}))[0] == 303
    desk.hands.now += dt.timedelta(seconds=STEP_S)
    code = totp(key, desk.hands.now)
    assert (await sign_in(desk, who.person.login, PASSWORD, code))[0] == 401


async def test_sessions_end_when_idle_when_old_when_left_and_when_the_account_closes(
    desk: Desk,
) -> None:
    who = await desk.seat(Office.REVIEWER)
    for _ in range(4):
        desk.hands.now += IDLE_MAX - dt.timedelta(minutes=2)
        assert (await who.get(HOME))[0] == 200, "every visit counts anew"
    desk.hands.now += IDLE_MAX + dt.timedelta(minutes=1)
    assert (await who.get(HOME))[0] == 401
    who = await desk.seat(Office.REVIEWER)
    for _ in range(int(SESSION_LIFE / IDLE_MAX) + 2):
        desk.hands.now += IDLE_MAX - dt.timedelta(minutes=2)
        status, _ = await who.get(HOME)
    assert status == 401, "ten hours are the end however busy"
    who = await desk.seat(Office.REVIEWER)
    stolen = {"Cookie": "; ".join(f"{c.key}={c.value}" for c in who.session.cookie_jar)}
    await who.post("/sign-out")
    async with (await desk.browser()).get(desk.url + HOME, headers=stolen) as answer:
        assert answer.status == 401
    who, admin = await desk.seat(Office.REVIEWER), await desk.seat(Office.ADMINISTRATOR)
    await admin.post(f"/accounts/{who.person.login}/close")
    assert (await who.get(HOME))[0] == 401


async def test_a_session_that_was_planted_is_not_taken_over(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER)
    token = await desk.link(who.person)
    browser = await desk.browser()
    async with browser.post(
        desk.url + "/sign-in/link", data={"token": token}, allow_redirects=False,
        headers={"Cookie": f"{COOKIE}=planted-by-somebody-else"},
    ) as answer:  # fmt: skip
        assert answer.cookies[COOKIE].value != "planted-by-somebody-else"
    planted = {"Cookie": f"{COOKIE}=planted-by-somebody-else"}
    async with (await desk.browser()).get(desk.url + HOME, headers=planted) as answer:
        assert answer.status == 401


async def test_a_trail_that_was_edited_in_the_database_is_told(desk: Desk, pool: object) -> None:
    import asyncpg

    security = await desk.seat(Office.SECURITY)
    for _ in range(3):
        await desk.seat(Office.REVIEWER)
    assert "完整无改动" in (await security.post(f"{HOME}/trail"))[1]
    dsn = pool._connect_args[0]  # type: ignore[attr-defined]
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute(
            "UPDATE desk_act SET body = replace(convert_from(body, 'UTF8'), 'opened', 'closed')"
            "::bytea WHERE seq = 1"
        )
        assert "已被改动" in (await security.post(f"{HOME}/trail"))[1]
        await owner.execute(
            "UPDATE desk_act SET body = replace(convert_from(body, 'UTF8'), 'closed', 'opened')"
            "::bytea WHERE seq = 1"
        )
        assert "完整无改动" in (await security.post(f"{HOME}/trail"))[1]
        await owner.execute("UPDATE desk_act SET login = 'nobody' WHERE seq = 2")
        page = (await security.post(f"{HOME}/trail"))[1]
        assert "已被改动" in page, "what lists and searches show is proven as well"
        assert "核验操作留痕" in page, "and that it was proven is in the trail"
    finally:
        await owner.close()


def test_a_province_covers_its_cities_and_a_city_its_counties_only() -> None:
    assert covers("220000000", "220102000") and covers("220100000", "220102000")
    assert not covers("220100000", "220200000") and not covers("220100000", "220000000")
    assert not covers("220102000", "220100000") and not covers("220000000", "210000000")


def first_break(trail: Sequence[Mapping[str, object]], head: tuple[int, bytes]) -> int | None:
    """In two pieces."""
    following = Following()
    following.take(trail[:3])
    following.take(trail[3:])
    return following.broken(head)


def test_an_edited_cut_reordered_or_rehashed_trail_breaks_where_it_was_touched() -> None:
    at, previous = dt.datetime(2026, 3, 2, 9, 30, 1, 999_999, tzinfo=dt.UTC), START
    trail: list[dict[str, Any]] = []
    for seq in range(1, 6):
        act = Act(division=DIVISION, login="a", what="case.moved", subject=str(seq))
        body = act_bytes(act, seq, at, previous)
        previous = digest_of(body)
        told = {"division": DIVISION, "seq": seq, "at": at, "login": "a", "what": "case.moved"}
        trail.append({**told, "subject": str(seq), "body": body, "digest": previous})
    head = (5, previous)

    def touched(**more: object) -> list[dict[str, object]]:
        return [*trail[:2], {**trail[2], **more}, *trail[3:]]

    assert first_break(trail, head) is None and first_break([], (0, START)) is None
    edited = trail[2]["body"].replace(b'"a"', b'"b"')
    assert first_break(touched(body=edited), head) == 3
    rehashed = touched(body=edited, digest=digest_of(edited), login="b")
    assert first_break(rehashed, head) == 4
    for more in (
        {"login": "b"}, {"what": "case.opened"}, {"subject": ""}, {"division": "110000000"},
        {"at": at + dt.timedelta(microseconds=1)}, {"body": b"[]"}, {"body": b""},
    ):  # fmt: skip
        assert first_break(touched(**more), head) == 3, more
    assert first_break(trail[:4], head) == 5 and first_break(trail[1:], head) == 1
    assert first_break([trail[1], trail[0], *trail[2:]], head) == 1
