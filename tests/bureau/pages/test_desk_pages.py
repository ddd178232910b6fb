"""The desk's pages over real HTTP: who gets in, what every answer carries, that names are text."""

import asyncio
import datetime as dt
import re
from pathlib import Path

import pytest

from adapters.bureau.frame import framed
from bureau.desk.people import Office
from certs.keys import save_certificates
from gateway.verifying.auditor import Auditor, verify_evidence
from tests.bureau.desks import Desk
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
    f"/desk/{DIVISION}/interceptions",
    f"/desk/{DIVISION}/interceptions/rows",
    f"/desk/{DIVISION}/events",
    f"/desk/{DIVISION}/log",
    f"/desk/{DIVISION}/2026/8202/{1:013d}",
    "/",
    "/nowhere",
)


@pytest.mark.walk
async def test_without_a_session_every_page_is_401(desk: Desk) -> None:
    stranger = await desk.browser()
    for path in PAGES:
        async with stranger.get(desk.url + path) as answer:
            wanted = 404 if path == "/nowhere" else 401
            assert answer.status == wanted, path


async def test_every_answer_carries_the_strict_policy(desk: Desk) -> None:
    paths = (*PAGES, "/static/desk.css", "/healthz", "/sign-in", "/sign-in/link/x", "/me")
    reviewer = await desk.seat(Office.REVIEWER)
    for session in (await desk.browser(), reviewer.session):
        for path in paths:
            async with session.get(desk.url + path, allow_redirects=False) as answer:
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
    reviewer = await desk.seat(Office.REVIEWER)
    for number in (1, 2):
        for path in (*PAGES[:2], PAGES[3], f"/desk/{DIVISION}/2026/8202/{number:013d}"):
            status, text = await reviewer.get(path)
            assert status == 200
            assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in (await reviewer.get(PAGES[4]))[1]


async def test_the_card_says_why_and_what_would_have_helped(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    body = notice(1)
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    reviewer = await desk.seat(Office.REVIEWER)
    before = (await reviewer.get(PAGES[4]))[1]
    assert "尚未收到" in before
    chain.seal([verdict(0), verdict(1, "blocked")])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    text = (await reviewer.post(f"{PAGES[4]}/verify"))[1]
    for said in ("JL-020", "第十三条（三）", "向本单位实有资金账户转款", "政府购买服务", "备案",
                 "12,800.00", "***1234", "第 1 条，共 2 条", "财政部门已签收"):  # fmt: skip
        assert said in text, said
    assert "✗" not in text and "尚未收到" not in text
    listed = (await reviewer.get(PAGES[0]))[1]
    assert "长春示例科技有限公司" in listed and "拦截" in listed


async def test_a_payments_records_are_taken_out_and_proven_without_desk_and_bank(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    """`verify record` wanted the gateway's answer, which the bureau has not."""
    digest = {"book": "b", "digest": "ab" * 32, "registers": None}
    chain.seal([verdict(0), verdict(1, "blocked", **digest), verdict(2)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer, agency = await desk.seat(Office.REVIEWER), await desk.seat(Office.AGENCY)
    path = f"{PAGES[4]}/evidence.json"
    assert "/evidence.json" in (await reviewer.get(PAGES[4]))[1]
    assert "/evidence.json" not in (await agency.get(PAGES[4]))[1]
    assert (await agency.get(path))[0] == 403
    status, body, headers = await reviewer.bytes(path)
    assert status == 200 and "attachment" in headers["Content-Disposition"]
    file = tmp_path / "evidence.json"
    file.write_bytes(body)
    for name, signer in (("bank", house.gateway), ("bureau", house.bureau)):
        save_certificates(tmp_path / f"{name}.pem", [signer.certificate])
    auditor = Auditor(bank=[tmp_path / "bank.pem"], bureau=[tmp_path / "bureau.pem"])
    of_record, of_all = await asyncio.to_thread(verify_evidence, file, auditor)
    assert of_record.valid and of_all.valid and of_all.facts["outcome"] == "blocked"
    assert of_all.facts["held_by"] == house.bureau.uri
    security = await desk.seat(Office.SECURITY)
    assert "取出一笔支付的证据" in (await security.get(f"/desk/{DIVISION}/trail"))[1]


async def test_the_list_names_what_refuses_and_the_card_all_that_was_found(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    hint = finding(policy="JL-085", action="warn", light="yellow", article="10(3)9")
    more = [finding(article="10(3)5; 27(2)"), finding(policy="JL-026", action="hold"), hint]
    chain.seal([verdict(0), verdict(1, "blocked", findings=more, amount_fen=123_456_789)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    listed, card = [(await reviewer.get(path))[1] for path in (PAGES[0], PAGES[4])]
    assert "<span>JL-020</span> <span>JL-026</span>" in listed and "JL-085" not in listed
    assert "1,234,567.89" in listed and "1,234,567.89" in card
    assert (
        "JL-085" in card and "第十条（三）9" in card and "第十条（三）5；第二十七条（二）" in card
    )


async def test_evidence_tells_beijing_time(desk: Desk, bureau: Bureau, chain: Chain) -> None:
    chain.seal([verdict(0), verdict(1, "held")])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    text = (await reviewer.post(f"{PAGES[4]}/verify"))[1]
    (told,) = re.findall(r"财政部门已签收（北京时间 ([0-9: -]{19})）", text)
    moment = dt.datetime.fromisoformat(told + "+08:00")
    assert abs(dt.datetime.now(dt.UTC) - moment) < dt.timedelta(minutes=5) and "UTC" not in text


async def test_papers_that_a_record_names_by_kind_are_told_in_words_once(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    missing = ["contract", "something_new"]
    hold = finding(policy="JL-052", action="hold", missing=missing, detail="", unavailable=[])
    chain.seal([verdict(0), verdict(1, "held", findings=[hold], digest="ab" * 32)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    for path in (PAGES[4], f"/desk/{DIVISION}/holds/2026/8202/{1:013d}"):
        text = (await reviewer.get(path))[1]
        assert text.count("合同 <span") == 1 and ">contract<" not in text, path
        assert text.count("something_new") == 1, "as it came, and once"


async def test_the_side_bar_marks_the_page_that_is_open_or_whose_it_is(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    home = f"/desk/{DIVISION}"
    for path, entry, mark in (
        ("", "", "page"), ("/cases", "/cases", "page"), ("/cases/new", "/cases", "true"),
        ("/policies/JL-042", "/policies", "true"),
        ("/registers/accounts/edit", "/registers/accounts", "true"),
        (PAGES[4].removeprefix(home), None, None),
    ):  # fmt: skip
        bar = (await reviewer.get(home + path))[1].partition("<nav")[2].partition("</nav>")[0]
        marked = re.findall(r'<a href="([^"]+)" aria-current="([a-z]+)">', bar)
        assert marked == ([] if entry is None else [(home + entry, mark)]), path


async def test_the_icon_is_a_file_of_ours(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    assert (
        '<link rel="icon" type="image/svg+xml" href="/static/favicon.svg">'
        in (await reviewer.get(PAGES[0]))[1]
    )
    async with reviewer.session.get(desk.url + "/static/favicon.svg") as answer:
        assert answer.status == 200 and answer.content_type == "image/svg+xml"


async def test_nothing_is_loaded_from_outside(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for path in (*PAGES[:2], PAGES[3], "/me", "/static/desk.css", "/static/desk.js"):
        _, text = await reviewer.get(path)
        text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"""https?:|(src|href|action)="//|url\(|@import""", text), path


async def test_a_foreign_host_name_that_points_here_is_refused(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    status, _ = await reviewer.get(f"/desk/{DIVISION}", headers={"Host": "evil.example"})
    assert status == 421


async def test_refused_deliveries_are_shown_with_an_alarm(
    desk: Desk, bureau: Bureau, house: House
) -> None:
    forged = Chain(house.signer(GATEWAY))
    forged.seal([verdict(1)])
    with pytest.raises(Exception, match="signature"):
        await bureau.inbox.receive(GATEWAY, framed(forged.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    assert f"代理银行 {BANK} 有 1 次报送被拒收" in (await reviewer.get(PAGES[0]))[1]
    assert "检查点签名无效" in (await reviewer.get(PAGES[3]))[1]


async def test_three_minutes_of_silence_raise_an_alarm(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    chain.seal([verdict(1)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    assert "报送不及时" not in (await reviewer.get(PAGES[0]))[1]
    desk.hands.now += dt.timedelta(minutes=4)
    assert "报送不及时" in (await reviewer.get(PAGES[0]))[1]


async def test_pages_of_older_interceptions_neither_lose_nor_repeat_one(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    # Three a moment: the place in the list is the moment and the voucher number.
    chain.seal([verdict(n, "held", recorded_at=1_772_438_400_000_000 + n // 3) for n in range(120)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    seen: list[str] = []
    path: str | None = PAGES[0]
    while path:
        _, text = await reviewer.get(path)
        seen += [part.split('"')[0] for part in text.split(f'href="/desk/{DIVISION}/2026/')[1:]]
        older = text.partition('class="more"><a class="button" href="')[2].partition('"')[0]
        path = PAGES[0] + older.replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


async def test_what_is_not_there_is_404_and_a_place_that_is_none_400(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    home = f"/desk/{DIVISION}"
    absent = [f"{home}/{tail}" for tail in ("20x6/8202/1", "2026/8202/%00", "2026/8202/none")]
    for path in (*absent, "/desk/999", "/static/../desk.py", "/static/nothing.css"):
        assert (await reviewer.get(path))[0] == 404, path
    for query in ("before=x", "before=2026-03-02T08:00:00", "before=&no=%00"):
        assert (await reviewer.get(f"{home}/interceptions?{query}"))[0] == 400, query


async def test_an_open_page_hears_of_an_arrival(desk: Desk, bureau: Bureau, house: House) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    async with reviewer.session.get(desk.url + PAGES[2]) as stream, asyncio.timeout(60):
        assert stream.content_type == "text/event-stream"
        assert await stream.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        body = notice(1)
        await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
        assert b"event: arrived" in await stream.content.readuntil(b"\n\n")


async def test_words_find_a_number_by_its_end_and_what_the_reason_says(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    """An officer has the last figures of a voucher, or of an account as the reasons show it."""
    said = finding(reason_zh="拟从零余额账户****0089划转5,804.00元。")
    number = "202611300000000671"
    chain.seal([verdict(0), verdict(1, "held", findings=[said], voucher_no=number)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    for words, there in (
        ("000671", True), ("****0089", True), ("0089", True), ("零余额账户", True), (number, True),
        ("000672", False), ("2026113", False), ("0088", False),
    ):  # fmt: skip
        _, text = await reviewer.get(f"/desk/{DIVISION}/interceptions?q={words}")
        assert (f"/{number}?" in text) is there, words
    assert "账号后四位" in text, "where words are looked for is said where nothing fits"
