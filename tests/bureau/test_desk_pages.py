"""The desk's pages over real HTTP: who gets in, what every answer carries, that names are text."""

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator

import aiohttp
import attrs
import pytest

from adapters.bureau.frame import framed
from bureau.desk.proof import Prover
from bureau.inbox.receive import REASONS_ZH
from bureau.serving import site
from bureau.web.desk import Rooms, desk_application
from bureau.web.live import Live
from bureau.web.pages import Pages
from bureau.web.signing_in import LINK_LIFE, SESSION_LIFE, SigningIn
from tests.bureau.words import (
    BANK,
    DIVISION,
    GATEWAY,
    Bureau,
    Chain,
    House,
    finding,
    notice,
    verdict,
)

pytestmark = pytest.mark.postgres
EVIL = "<script>alert('甲')</script>"
PAGES = (
    f"/desk/{DIVISION}",
    f"/desk/{DIVISION}/rows",
    f"/desk/{DIVISION}/events",
    f"/desk/{DIVISION}/log",
    f"/desk/{DIVISION}/2026/8202/{1:013d}",
    "/",
    "/nowhere",
)


@attrs.define(kw_only=True)
class Hands:
    """A clock that the test moves."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.now


@attrs.frozen(kw_only=True)
class Desk:
    session: aiohttp.ClientSession
    signing_in: SigningIn
    hands: Hands
    url: str

    async def get(self, path: str, **more: object) -> tuple[int, str]:
        async with self.session.get(self.url + path, allow_redirects=False, **more) as answer:  # type: ignore[arg-type]
            return answer.status, await answer.text()

    async def sign_in(self, token: str) -> int:
        async with self.session.post(
            self.url + "/sign-in", data={"token": token}, allow_redirects=False
        ) as answer:
            return answer.status


@pytest.fixture
async def desk(bureau: Bureau) -> AsyncIterator[Desk]:
    hands = Hands(now=dt.datetime.now(dt.UTC))
    signing_in = SigningIn(bureau.sessions, hands)
    rooms = Rooms(
        desk=bureau.desk,
        store=bureau.log,
        prover=Prover(bureau.log, [bureau.place], bureau.trust),
        signing_in=signing_in,
        pages=Pages("吉林省财政厅国库处", REASONS_ZH),
        live=Live(bureau.bell),
        clock=hands,
        divisions=(DIVISION,),
    )
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        site(desk_application(rooms), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(cookie_jar=jar) as session,
    ):
        yield Desk(
            session=session, signing_in=signing_in, hands=hands, url=f"http://127.0.0.1:{port}"
        )


async def test_without_a_session_every_page_is_401(desk: Desk) -> None:
    for path in PAGES:
        status, text = await desk.get(path)
        assert status == 401 and "未登录" in text, path


async def test_a_link_opens_one_session_and_only_once(desk: Desk) -> None:
    token = await desk.signing_in.new_link()
    status, page = await desk.get(f"/sign-in/{token}")
    assert status == 200 and token in page, "looking at the link does not use it up"
    assert await desk.sign_in(token) == 303
    [cookie] = [c for c in desk.session.cookie_jar if c.key == "desk_session"]
    assert cookie["httponly"] and cookie["samesite"] == "Strict"
    assert (await desk.get(f"/desk/{DIVISION}"))[0] == 200
    desk.session.cookie_jar.clear()
    assert await desk.sign_in(token) == 401
    assert (await desk.get(f"/desk/{DIVISION}"))[0] == 401


async def test_links_and_sessions_run_out_and_signing_out_ends_one(desk: Desk) -> None:
    token = await desk.signing_in.new_link()
    desk.hands.now += LINK_LIFE + dt.timedelta(seconds=1)
    assert await desk.sign_in(token) == 401
    await desk.sign_in(await desk.signing_in.new_link())
    assert await desk.signing_in.first_link() is None, "somebody is signed in"
    desk.hands.now += SESSION_LIFE
    assert (await desk.get(f"/desk/{DIVISION}"))[0] == 401
    await desk.sign_in(await desk.signing_in.new_link())
    [cookie] = [c for c in desk.session.cookie_jar if c.key == "desk_session"]
    async with desk.session.post(desk.url + "/sign-out") as answer:
        assert answer.status == 200
    stolen = {"Cookie": f"desk_session={cookie.value}"}
    assert (await desk.get(f"/desk/{DIVISION}", headers=stolen))[0] == 401
    assert await desk.signing_in.first_link() is not None


async def test_every_answer_carries_the_strict_policy(desk: Desk) -> None:
    paths = (*PAGES, "/static/desk.css", "/healthz", "/sign-in/x")
    for path in (*paths, "/sign-in", *paths):
        if path == "/sign-in":
            await desk.sign_in(await desk.signing_in.new_link())
        async with desk.session.get(desk.url + path, allow_redirects=False) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"


async def test_a_script_in_a_name_is_text_on_every_page(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    body = notice(
        1,
        agency={"code": EVIL, "name": EVIL},
        payee={"name": EVIL, "account_masked": EVIL},
        purpose=EVIL,
        findings=[dict.fromkeys(("policy", "title_zh", "reason_zh", "article", "light"), EVIL)],
    )
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    chain.seal([verdict(2, "held", agency={"code": EVIL, "name": EVIL})])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    await desk.sign_in(await desk.signing_in.new_link())
    for number in (1, 2):
        for path in (*PAGES[:2], PAGES[3], f"/desk/{DIVISION}/2026/8202/{number:013d}"):
            status, text = await desk.get(path)
            assert status == 200
            assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in (await desk.get(PAGES[4]))[1]


async def test_the_card_says_why_and_what_would_have_helped(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    body = notice(1)
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    await desk.sign_in(await desk.signing_in.new_link())
    before = (await desk.get(PAGES[4]))[1]
    assert "尚未收到" in before
    chain.seal([verdict(0), verdict(1, "blocked")])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    text = (await desk.get(PAGES[4]))[1]
    for said in ("JL-020", "第十三条（三）", "向本单位实有资金账户转款", "政府购买服务", "备案",
                 "12,800.00", "***1234", "第 1 条，共 2 条", "财政部门已签收"):  # fmt: skip
        assert said in text, said
    assert "✗" not in text and "尚未收到" not in text
    listed = (await desk.get(PAGES[0]))[1]
    assert "长春示例科技有限公司" in listed and "拦截" in listed


async def test_the_list_names_what_refuses_and_the_card_all_that_was_found(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    hint = finding(policy="JL-085", action="warn", light="yellow", article="10(3)9")
    more = [finding(article="10(3)5; 27(2)"), finding(policy="JL-026", action="hold"), hint]
    chain.seal([verdict(0), verdict(1, "blocked", findings=more, amount_fen=123_456_789)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    await desk.sign_in(await desk.signing_in.new_link())
    listed, card = [(await desk.get(path))[1] for path in (PAGES[0], PAGES[4])]
    assert "<span>JL-020</span> <span>JL-026</span>" in listed and "JL-085" not in listed
    assert "1,234,567.89" in listed and "1,234,567.89" in card
    assert (
        "JL-085" in card and "第十条（三）9" in card and "第十条（三）5；第二十七条（二）" in card
    )


async def test_evidence_tells_beijing_time(desk: Desk, bureau: Bureau, chain: Chain) -> None:
    chain.seal([verdict(0), verdict(1, "held")])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    await desk.sign_in(await desk.signing_in.new_link())
    text = (await desk.get(PAGES[4]))[1]
    (told,) = re.findall(r"财政部门已签收（北京时间 ([0-9: -]{19})）", text)
    moment = dt.datetime.fromisoformat(told + "+08:00")
    assert abs(dt.datetime.now(dt.UTC) - moment) < dt.timedelta(minutes=5) and "UTC" not in text


async def test_the_icon_is_a_file_of_ours(desk: Desk) -> None:
    await desk.sign_in(await desk.signing_in.new_link())
    assert (
        '<link rel="icon" type="image/svg+xml" href="/static/favicon.svg">'
        in (await desk.get(PAGES[0]))[1]
    )
    async with desk.session.get(desk.url + "/static/favicon.svg") as answer:
        assert answer.status == 200 and answer.content_type == "image/svg+xml"


async def test_nothing_is_loaded_from_outside(desk: Desk) -> None:
    await desk.sign_in(await desk.signing_in.new_link())
    for path in (*PAGES[:2], PAGES[3], "/static/desk.css", "/static/desk.js"):
        _, text = await desk.get(path)
        assert not re.search(r"""https?:|(src|href|action)="//|url\(|@import""", text), path


async def test_a_foreign_host_name_that_points_here_is_refused(desk: Desk) -> None:
    await desk.sign_in(await desk.signing_in.new_link())
    status, _ = await desk.get(f"/desk/{DIVISION}", headers={"Host": "evil.example"})
    assert status == 421


async def test_refused_deliveries_are_shown_with_an_alarm(
    desk: Desk, bureau: Bureau, house: House
) -> None:
    forged = Chain(house.signer(GATEWAY))
    forged.seal([verdict(1)])
    with pytest.raises(Exception, match="signature"):
        await bureau.inbox.receive(GATEWAY, framed(forged.delivery()))
    await desk.sign_in(await desk.signing_in.new_link())
    assert f"代理银行 {BANK} 有 1 次报送被拒收" in (await desk.get(PAGES[0]))[1]
    assert "检查点签名无效" in (await desk.get(PAGES[3]))[1]


async def test_three_minutes_of_silence_raise_an_alarm(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    chain.seal([verdict(1)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    await desk.sign_in(await desk.signing_in.new_link())
    assert "报送不及时" not in (await desk.get(PAGES[0]))[1]
    desk.hands.now += dt.timedelta(minutes=4)
    assert "报送不及时" in (await desk.get(PAGES[0]))[1]


async def test_pages_of_older_interceptions_neither_lose_nor_repeat_one(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    # Three a moment: the place in the list is the moment and the voucher number.
    chain.seal([verdict(n, "held", recorded_at=1_772_438_400_000_000 + n // 3) for n in range(120)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    await desk.sign_in(await desk.signing_in.new_link())
    seen: list[str] = []
    path: str | None = PAGES[0]
    while path:
        _, text = await desk.get(path)
        seen += [part.split('"')[0] for part in text.split(f'href="/desk/{DIVISION}/2026/')[1:]]
        older = text.partition('class="more"><a href="')[2].partition('"')[0]
        path = older.replace("&amp;", "&") or None
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


async def test_what_is_not_there_is_404_and_a_place_that_is_none_400(desk: Desk) -> None:
    await desk.sign_in(await desk.signing_in.new_link())
    home = f"/desk/{DIVISION}"
    absent = [f"{home}/{tail}" for tail in ("20x6/8202/1", "2026/8202/%00", "2026/8202/none")]
    for path in (*absent, "/desk/999", "/static/../desk.py", "/static/nothing.css"):
        assert (await desk.get(path))[0] == 404, path
    for query in ("before=x", "before=2026-03-02T08:00:00", "before=&no=%00"):
        assert (await desk.get(f"{home}?{query}"))[0] == 400, query


async def test_an_open_page_hears_of_an_arrival(desk: Desk, bureau: Bureau, house: House) -> None:
    await desk.sign_in(await desk.signing_in.new_link())
    async with desk.session.get(desk.url + PAGES[2]) as stream, asyncio.timeout(10):
        assert stream.content_type == "text/event-stream"
        assert await stream.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        body = notice(1)
        await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
        assert b"event: arrived" in await stream.content.readuntil(b"\n\n")
