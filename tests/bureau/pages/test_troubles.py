"""Whatever goes wrong at the desk is told on its own page, in both tongues, with a way back."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import make_mocked_request

from bureau.desk.people import Office
from bureau.web.desk import desk_application, table_of
from bureau.web.done import SILENT, WORDS, act_of
from bureau.web.guard import _page_of
from tests.bureau.desks import Desk
from tests.bureau.entry.test_desk_offices import _same, filled
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
RAW = {
    b"GARBAGE\r\n\r\n": 400,
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nA\r\n\r\n": 400,
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n": 400,
    b"CONNECT \r\n\r\n": 405,
    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: gold\r\nContent-Length: 0\r\n\r\n": 405,
}


def told(text: str, *, chinese: str = "") -> None:
    """One heading with both tongues, and where to go."""
    [heading] = re.findall(r"<h1>(.*?)</h1>", text)
    assert re.search(r"[一-鿿]", heading) and '<span class="en">' in heading and chinese in heading
    assert 'href="/"' in text and "回到首页" in text and '<html lang="zh-CN">' in text
    for bare in ("Not Found", "Method Not Allowed", "Bad Request", "Forbidden"):
        assert bare not in text


@pytest.mark.walk
async def test_what_is_not_there_or_not_taken_is_a_page_with_the_menu_of_whoever_asked(
    desk: Desk,
) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for method, path, status, chinese in (
        ("GET", "/nowhere", 404, "没有这一页"), ("GET", f"{HOME}/cases/2026/999", 404, "不属于"),
        ("GET", "/static/nothing.css", 404, "没有"), ("GET", "/static/..%2fguard.py", 404, ""),
        ("GET", "/static/", 404, "没有这一页"), ("DELETE", HOME, 405, "不接受"),
        ("POST", HOME, 405, "不接受"), ("GET", f"{HOME}/interceptions?q=%00", 400, "不符合要求"),
    ):  # fmt: skip
        async with reviewer.session.request(method, desk.url + path) as answer:
            assert answer.status == status, path
            assert answer.content_type == "text/html" and "nonce" not in str(answer.headers)
            assert ("Allow" in answer.headers) is (status == 405)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            text = await answer.text()
        told(text, chinese=chinese)
        assert '<nav class="side"' in text and "退出" in text, "the menu stays"


async def test_a_form_that_is_refused_says_so_and_what_it_is_about(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    stale = {"csrf": "of another session"}
    async with reviewer.session.post(f"{desk.url}{HOME}/cases/new", data=stale) as answer:
        assert answer.status == 403
        text = await answer.text()
    told(text, chinese="重新提交")
    assert "the form is not of this session" in text
    large = {"x": "a" * 70_000}
    async with reviewer.session.post(f"{desk.url}{HOME}/cases/new", data=large) as answer:
        assert answer.status == 413
        told(await answer.text(), chinese="太大")
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind}
        url = f"{desk.url}{HOME}/cases/new"
        async with reviewer.session.post(url, data=b"no parts", headers=headers) as answer:
            assert answer.status == 400, "not our failure"
            told(await answer.text(), chinese="不符合要求")


async def test_what_was_taken_is_confirmed_once_on_the_page_that_follows(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    new = {
        "origin": "screening", "against": "agency", "agency_code": "101001", "agency_name": "厅",
        "bank": "", "title": "一", "amount": "", "reason": "排查发现",
    }  # fmt: skip
    _, case = await reviewer.post(f"{HOME}/cases/new", new)
    assert "已办理：立案" in (await reviewer.get(case))[1]
    assert "已办理" not in (await reviewer.get(case))[1], "once"
    noted = {"seen": await reviewer.seen(case), "text": "已电话联系"}
    assert (await reviewer.post(f"{case}/note", noted))[0] == 303
    _, text = await reviewer.get(case)
    assert 'role="status"' in text and "已办理：备注" in text and "Done: Note" in text
    refused = await reviewer.post(f"{case}/note", {"seen": "0", "text": ""})
    assert refused[0] == 409 and "已办理" not in (await reviewer.get(case))[1]


def test_every_form_has_words_of_its_own_section_or_is_silent(desk: Desk) -> None:
    acts = {act_of(filled(r.path, DIVISION)) for r in table_of(desk.rooms) if r.method == "POST"}
    acts -= {  # those answer with a page
        "card:verify", "complaints:open", "trail:trail", "accounts:accounts", "sign-out:sign-out",
    }  # fmt: skip
    assert acts - SILENT <= WORDS.keys()


async def test_the_way_back_from_every_refused_form_is_a_page_of_whoever_sent_it(
    desk: Desk,
) -> None:
    table = table_of(desk.rooms)
    pages = {route.path: route for route in table if route.method == "GET"}
    router = desk_application(desk.rooms).router
    for route in table:
        if route.method != "POST":
            continue
        back = _page_of(make_mocked_request("POST", filled(route.path, DIVISION)))
        if not back:
            continue
        found = await router.resolve(make_mocked_request("GET", back))
        assert found.http_exception is None, (route.path, back)
        resource = found.route.resource
        page = next(p for path, p in pages.items() if resource and _same(path, resource.canonical))
        assert route.offices <= page.offices, (route.path, back)


async def test_nobody_s_trouble_has_no_menu(desk: Desk) -> None:
    status, text = await raw(desk, b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert status == 404 and '<nav class="side"' not in text
    told(text.partition("\r\n\r\n")[2])


@pytest.mark.parametrize("request_bytes", RAW, ids=lambda sent: sent[:20].decode("latin-1"))
async def test_what_cannot_be_read_as_a_request_is_answered_with_a_page_too(
    request_bytes: bytes, desk: Desk
) -> None:
    status, text = await raw(desk, request_bytes)
    assert status == RAW[request_bytes]
    head, _, body = text.partition("\r\n\r\n")
    assert "text/html; charset=utf-8" in head and "default-src 'none'" in head
    told(body)


async def raw(desk: Desk, sent: bytes) -> tuple[int, str]:
    """The whole answer to bytes as they are, head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(desk.url).port)
    writer.write(sent.replace(b"Host: ", b"Connection: close\r\nHost: ", 1))
    await writer.drain()
    text = (await reader.read()).decode()
    writer.close()
    return int(text.split()[1]), text
