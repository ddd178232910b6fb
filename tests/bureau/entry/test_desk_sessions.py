"""Sessions that live on when they should not: pages that keep themselves fresh, streams of closed
accounts, revoked certificates, and what a session left open may not be made into."""

import asyncio
import datetime as dt
import re
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from bureau.desk.entry import IDLE_MAX, EntryRefused
from bureau.desk.people import Office, Person
from bureau.web import live
from bureau.web.desk import desk_application
from bureau.web.done import COOKIE_TLS as DONE_TLS
from bureau.web.guard import COOKIE_TLS
from bureau.web.live import LISTENERS_OF_ONE_MAX
from bureau.web.reception import site
from bureau.web.sections.entry import SIGN_INS_OF_ONE_MAX
from bureau.wiring import certificate_counts_of
from certs.keys import load_certificates
from certs.revocation import identity_of, make_list
from certs.tls import client_context, people_context
from gateway.domain.certificates import Reason, Revocation
from tests.bureau.desks import Desk
from tests.bureau.entry.test_desk_entry import HOME, PASSWORD, equipped, sign_in, totp
from tests.bureau.words import DIVISION, DOMAIN, House
from tests.patience import until

pytestmark = pytest.mark.postgres
PARTY = f"{DOMAIN}/operator/zhangsan"
ZHANG = Person(login="zhang.san", division=DIVISION, office=Office.APPROVER, name="张三")
SCRIPT = {"Sec-Fetch-Dest": "empty"}
"""How a browser marks what a page's script asks for by itself."""


async def test_a_page_that_keeps_itself_fresh_keeps_nobody_signed_in(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER)
    for _ in range(3):
        desk.hands.now += dt.timedelta(minutes=11)
        status, _ = await who.get(f"{HOME}/interceptions/rows", headers=SCRIPT)
    assert status == 401, "33 minutes without its person"
    who = await desk.seat(Office.REVIEWER)
    for _ in range(3):
        desk.hands.now += dt.timedelta(minutes=11)
        assert (await who.get(f"{HOME}/interceptions"))[0] == 200


async def test_a_clock_that_is_turned_back_makes_no_session_longer(desk: Desk) -> None:
    who = await desk.seat(Office.REVIEWER)
    desk.hands.now -= dt.timedelta(minutes=1)
    assert (await who.get("/me"))[0] == 200, "clocks are set by seconds"
    desk.hands.now -= dt.timedelta(hours=3)
    assert (await who.get("/me"))[0] == 401


async def test_who_is_signed_out_is_told_and_led_back_and_a_lost_form_is_said_to_be_lost(
    desk: Desk,
) -> None:
    who, stranger = await desk.seat(Office.REVIEWER), await desk.browser()
    new = f"{HOME}/cases/new"
    form = {"against": "bank", "bank": "103", "title": "一", "reason": "写了很久的说明"}
    csrf = await who.csrf()
    desk.hands.now += IDLE_MAX
    status, page = await who.get(f"{HOME}/interceptions?q=JL-020")
    assert status == 401 and "会话已结束" in page and "没有收到" not in page
    assert f'name="back" value="{HOME}/interceptions?q=JL-020"' in page
    async with who.session.post(desk.url + new, data={**form, "csrf": csrf}) as answer:
        page = await answer.text()
    assert answer.status == 401 and "会话已结束" in page and "没有收到" in page
    assert 'href="/sign-in" target="_blank"' in page, "what was typed waits in this window"
    assert f'name="back" value="{HOME}/cases"' in page and "写了很久" not in page
    async with stranger.get(desk.url + f"{HOME}/cases") as answer:
        assert "会话已结束" not in await answer.text(), "who never was signed in lost nothing"


async def test_a_stream_ends_with_the_session_that_opened_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEAT_S", 0.02)
    who, admin = await desk.seat(Office.REVIEWER), await desk.seat(Office.ADMINISTRATOR)
    async with who.session.get(f"{desk.url}{HOME}/events") as stream, asyncio.timeout(60):
        assert await stream.content.readuntil(b": beat\n\n")
        await admin.post(f"/accounts/{who.person.login}/close")
        while await stream.content.readany():
            pass
    who = await desk.seat(Office.REVIEWER, "idle.one")
    async with who.session.get(f"{desk.url}{HOME}/events") as stream, asyncio.timeout(60):
        assert await stream.content.readuntil(b": beat\n\n")
        desk.hands.now += IDLE_MAX + dt.timedelta(minutes=1)
        while await stream.content.readany():
            pass


async def test_one_person_does_not_keep_the_others_pages_from_being_told(desk: Desk) -> None:
    who, other = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    streams = [
        await who.session.get(f"{desk.url}{HOME}/events") for _ in range(LISTENERS_OF_ONE_MAX)
    ]
    try:
        assert {stream.status for stream in streams} == {200}
        async with who.session.get(f"{desk.url}{HOME}/events") as more:
            assert more.status == 503
        async with other.session.get(f"{desk.url}{HOME}/events") as theirs:
            assert theirs.status == 200
    finally:
        for stream in streams:
            stream.close()


async def test_pages_that_were_left_take_no_page_s_place(desk: Desk) -> None:
    """Somebody turns pages: each is left before any beat, and the last one is told still."""
    who = await desk.seat(Office.REVIEWER)
    for _ in range(LISTENERS_OF_ONE_MAX):
        stream = await who.session.get(f"{desk.url}{HOME}/events")
        assert await stream.content.readuntil(b"retry: 2000\n\n")
        stream.close()
    async with who.session.get(f"{desk.url}{HOME}/events") as last:
        assert last.status == 200


async def anything(party: str) -> bool:
    return True


@pytest.mark.parametrize("kind", ["party", "subject"])
async def test_a_session_without_a_password_sets_none_but_by_a_link(
    desk: Desk, over_tls: "OverTls", kind: str
) -> None:
    """Whoever finds the desk of somebody who came by certificate open would own the account."""
    entry, url, tls = desk.rooms.entry, over_tls.url, over_tls.known
    over_tls.revoke()
    if kind == "subject":
        await entry.open_account(attrs.evolve(ZHANG, login="li.si"), "program", subject=PARTY)
    session = await entry.by_binding(kind, PARTY)
    browser = await desk.browser()
    cookie = {"Cookie": f"{COOKIE_TLS}={session}"}
    async with browser.get(f"{url}/me", headers=cookie, ssl=tls) as answer:
        page = await answer.text()
    assert answer.status == 200 and "offer" not in page and "一次性链接" in page
    seat = await entry.seat(session, shows=anything)
    assert seat is not None
    _, offer = entry.offer(seat)
    form = {"csrf": seat.csrf, "password": PASSWORD, "again": PASSWORD, "offer": offer, "code": "1"}
    async with browser.post(f"{url}/me/equip", data=form, headers=cookie, ssl=tls) as answer:
        assert answer.status == 400 and "由账号管理员重置" in await answer.text()
    row = await desk.rooms.people.person(seat.person.login)
    assert row is not None and row["password"] is None and row["totp"] is None


@attrs.frozen(kw_only=True)
class OverTls:
    url: str
    known: ssl.SSLContext
    lists: Path
    house: House

    def revoke(self, *certificates: Any, days: int = 5) -> None:
        authority, at = self.house.transport, self.house.at
        issuer = identity_of(authority.certificate)
        gone = [
            Revocation(
                issuer=issuer, serial=f"{each.serial_number:x}", thumbprint="", at=at,
                reason=next(iter(Reason)),
            )
            for each in certificates
        ]  # fmt: skip
        crl = make_list(authority, gone, 1, at, dt.timedelta(days=days))
        self.lists.write_bytes(crl.pem)


@pytest.fixture
async def over_tls(desk: Desk, house: House, tmp_path: Path) -> AsyncIterator[OverTls]:
    await desk.rooms.entry.open_account(ZHANG, "program", party=PARTY)
    tls = people_context(house.credentials(tmp_path, f"bureau/{DIVISION}"))
    lists = tmp_path / "people.crl"
    settings: Any = SimpleNamespace(
        desk_revocations=lists, desk_authorities=tmp_path / "transport.pem"
    )
    rooms = attrs.evolve(
        desk.rooms, certificates=True, certificate_counts=certificate_counts_of(settings)
    )
    async with site(desk_application(rooms), "127.0.0.1", 0, tls) as port:
        known = client_context(house.credentials(tmp_path, "operator/zhangsan"))
        yield OverTls(url=f"https://localhost:{port}", known=known, lists=lists, house=house)


async def by_certificate(desk: Desk, over: OverTls, **headers: str) -> tuple[int, Any]:
    browser = await desk.browser()
    async with browser.get(
        f"{over.url}/sign-in/certificate", ssl=over.known, allow_redirects=False, headers=headers
    ) as answer:
        return answer.status, answer


async def test_a_revoked_certificate_signs_nobody_in_nor_does_any_where_the_list_has_ended(
    desk: Desk, over_tls: OverTls, tmp_path: Path
) -> None:
    [mine] = load_certificates(tmp_path / "operator_zhangsan.pem")[:1]
    assert (await by_certificate(desk, over_tls))[0] == 401, "no list is there"
    over_tls.revoke()
    assert (await by_certificate(desk, over_tls))[0] == 303
    over_tls.revoke(mine)
    assert (await by_certificate(desk, over_tls))[0] == 401
    over_tls.revoke(days=0)
    assert (await by_certificate(desk, over_tls))[0] == 401, "it has ended"


async def test_a_session_by_a_certificate_is_worth_what_the_certificate_is(
    desk: Desk, over_tls: OverTls, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with another's certificate or none; not once it is revoked, on the very connection that
    it was opened with too, nor where no list can say so; nor does its stream go on."""
    monkeypatch.setattr(live, "BEAT_S", 0.02)
    over_tls.revoke()
    url, mine = over_tls.url, over_tls.known
    li = attrs.evolve(ZHANG, login="li.si")
    await desk.rooms.entry.open_account(li, "program", party=f"{DOMAIN}/operator/lisi")
    another = client_context(house.credentials(tmp_path, "operator/lisi"))
    nobody = ssl.create_default_context(cafile=str(tmp_path / "transport.pem"))
    nobody.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    browser = await desk.browser()
    async with browser.get(f"{url}/sign-in/certificate", ssl=mine, allow_redirects=False) as answer:
        cookie = {"Cookie": f"{COOKIE_TLS}={answer.cookies[COOKIE_TLS].value}"}

    async def opens(tls: ssl.SSLContext) -> int:
        async with browser.get(f"{url}/me", ssl=tls, headers=cookie) as answer:
            return answer.status

    assert [await opens(each) for each in (mine, another, nobody, mine)] == [200, 401, 401, 200]
    async with browser.get(f"{url}{HOME}/events", ssl=mine, headers=cookie) as stream:
        async with asyncio.timeout(60):
            assert await stream.content.readuntil(b": beat\n\n")
            over_tls.revoke(*load_certificates(tmp_path / "operator_zhangsan.pem")[:1])
            while await stream.content.readany():
                pass
    assert await opens(mine) == 401, "on the connection that was kept"
    over_tls.revoke()
    assert await opens(mine) == 200
    over_tls.revoke(days=0)
    assert await opens(mine) == 401, "nobody knows"


async def test_another_site_opens_no_session_by_a_certificate(
    desk: Desk, over_tls: OverTls
) -> None:
    over_tls.revoke()
    for site_ in ("cross-site", "same-site"):
        status, answer = await by_certificate(desk, over_tls, **{"Sec-Fetch-Site": site_})
        assert (status, len(answer.cookies)) == (401, 0), site_


async def test_under_tls_the_session_is_of_this_host_and_the_browser_comes_by_tls_only(
    desk: Desk, over_tls: OverTls
) -> None:
    over_tls.revoke()
    status, answer = await by_certificate(desk, over_tls)
    assert status == 303 and COOKIE_TLS.startswith("__Host-")
    cookie = answer.cookies[COOKIE_TLS]
    assert (
        cookie["secure"] and cookie["httponly"] and cookie["path"] == "/" and not cookie["domain"]
    )
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    async with (await desk.browser()).get(f"{desk.url}/sign-in") as plain:
        assert "Strict-Transport-Security" not in plain.headers


async def test_under_tls_what_was_done_is_kept_of_this_host_and_leaves_with_the_session(
    desk: Desk, over_tls: OverTls
) -> None:
    new = {
        "origin": "screening", "against": "agency", "agency_code": "101001", "agency_name": "厅",
        "bank": "", "title": "一", "amount": "", "reason": "排查发现",
    }  # fmt: skip
    _, case = await (await desk.seat(Office.REVIEWER)).post(f"{HOME}/cases/new", new)
    over_tls.revoke()
    browser, url, tls = await desk.browser(), over_tls.url, over_tls.known
    async with browser.get(f"{url}/sign-in/certificate", ssl=tls, allow_redirects=False) as answer:
        assert answer.status == 303
    async with browser.get(url + case, ssl=tls) as answer:
        [csrf] = set(re.findall(r'name="csrf" value="([0-9a-f]{64})"', await answer.text()))
    form = {"csrf": csrf, "text": "已电话联系"}
    async with browser.post(url + case + "/note", data=form, ssl=tls, allow_redirects=False) as it:
        assert (it.status, list(it.cookies)) == (303, [DONE_TLS]) and it.cookies[DONE_TLS]["secure"]
    async with browser.get(url + case, ssl=tls) as answer:
        assert "已办理：备注" in await answer.text() and DONE_TLS in answer.cookies, (
            "and taken back"
        )
    async with browser.post(f"{url}/sign-out", data=form, ssl=tls) as answer:
        assert {name: each.value for name, each in answer.cookies.items()} == {
            COOKIE_TLS: "", DONE_TLS: "",
        }  # fmt: skip


async def test_one_address_does_not_keep_the_others_from_their_turn_to_sign_in(
    desk: Desk, over_tls: OverTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords are derived one by one: who sends a hundred at once would be all that is heard."""
    turn, waiting = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(login: str, password: str, code: str, there: Callable[[], bool]) -> str:
        waiting.release()
        await turn.wait()
        raise EntryRefused("no / no")

    monkeypatch.setattr(desk.rooms.entry, "by_password", slow)
    browser, form = await desk.browser(), {"login": "a", "password": "b", "code": "1"}

    async def signs_in() -> int:
        async with browser.post(f"{over_tls.url}/sign-in", data=form, ssl=over_tls.known) as answer:
            return answer.status

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tries = [group.create_task(signs_in()) for _ in range(SIGN_INS_OF_ONE_MAX)]
        for _ in tries:
            await waiting.acquire()
        assert await signs_in() == 503
        turn.set()
    assert [each.result() for each in tries] == [401] * SIGN_INS_OF_ONE_MAX
    assert await signs_in() == 401, "its turn comes again"


async def test_whoever_has_hung_up_is_passed_over_when_the_turn_comes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crowd that asks and is gone would be worked for, and everybody wait behind it."""
    derived, begun, turn = list[str](), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(password: str, phc: str | None) -> bool:
        derived.append(password)
        loop.call_soon_threadsafe(begun.set)
        return not turn.wait(60)

    monkeypatch.setattr("bureau.desk.entry.matches", slow)
    entered, inside = list[Callable[[], bool]](), asyncio.Event()
    by_password = desk.rooms.entry.by_password

    async def queued(login: str, password: str, code: str, there: Callable[[], bool]) -> str:
        entered.append(there)
        inside.set()
        return await by_password(login, password, code, there)

    monkeypatch.setattr(desk.rooms.entry, "by_password", queued)
    async with asyncio.timeout(60):
        first = asyncio.create_task(sign_in(desk, "a", "the first", "1"))
        await begun.wait()
        inside.clear()
        gone = asyncio.create_task(sign_in(desk, "a", "the gone", "1"))
        await inside.wait()
        gone.cancel()
        await until(lambda: not entered[1]())
        turn.set()
        assert (await first)[0] == (await sign_in(desk, "a", "the last", "1"))[0] == 401
    assert derived == ["the first", "the last"]


async def test_no_text_in_a_login_is_more_than_a_wrong_login(desk: Desk) -> None:
    for login in ("a\0b", "x" * 60_000, "", "欧阳", "a' OR 1=1 --", "program", "\u202eadmin"):
        assert (await sign_in(desk, login, PASSWORD, "123456"))[0] == 401, login[:20]
    security = await desk.seat(Office.SECURITY)
    status, page = await security.post(f"{HOME}/trail")
    assert status == 200 and "完整无改动" in page


async def test_another_site_signs_nobody_in_and_leads_nobody_away(desk: Desk) -> None:
    """Login CSRF: a victim who works in the attacker's account tells him what he types."""
    who = await desk.seat(Office.REVIEWER, fresh=True)
    key = await equipped(desk, who)
    token = await desk.link(attrs.evolve(who.person, login="another.one"))
    for headers in (
        {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "same-site"}, {"Origin": desk.url.replace("127.0.0.1", "127.0.0.1.x")},
    ):  # fmt: skip
        for path, form in (("/sign-in/link", {"token": token}), ("/sign-in", {"login": "a"})):
            browser = await desk.browser()
            async with browser.post(
                desk.url + path, data=form, headers=headers, allow_redirects=False
            ) as answer:
                assert (answer.status, len(answer.cookies)) == (403, 0), (headers, path)
    for back in (
        "//evil.example", "https://evil.example", "/desk//evil.example", "/desk/\\evil.example",
        "",
        "/desk/x\r\nSet-Cookie: a=b",
    ):  # fmt: skip
        desk.hands.now += dt.timedelta(minutes=1)
        form = {
            "login": who.person.login, "password": PASSWORD, "back": back,
            "code": totp(key, desk.hands.now),
        }  # fmt: skip
        browser = await desk.browser()
        async with browser.post(f"{desk.url}/sign-in", data=form, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/"), back
