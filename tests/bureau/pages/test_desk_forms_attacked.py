"""Forms that no browser sends: nobody stops the program, fills its memory or its log with one."""

import asyncio
import gzip
import io
import logging
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from bureau.desk.people import Office
from bureau.web import form_reading
from bureau.web.form_reading import FIELDS_MAX, File, Forms
from bureau.web.guard import COOKIE
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
TYPED = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=xx"
NAMED = 'Content-Disposition: form-data; name="login"'
FILE = f'{NAMED}; filename="a.pdf"'


def parts(*heads_and_values: tuple[str, bytes]) -> bytes:
    pieces = (b"--xx\r\n" + h.encode() + b"\r\n\r\n" + v + b"\r\n" for h, v in heads_and_values)
    return b"".join(pieces) + b"--xx--\r\n"


BOMB = gzip.compress(b"a" * 10_000_000)
STRANGE: dict[str, tuple[str, bytes, int]] = {
    "a character set that nobody knows": (f"{TYPED}; charset=bogus", b"login=a", 415),
    "one that takes minutes": (f"{TYPED}; charset=punycode", b"-" + b"a9" * 30_000, 415),
    "one in which '<' is spelt otherwise": (f"{TYPED}; charset=utf-7", b"login=+ADw-", 415),
    "no form": ("text/plain", b"login=a", 415),
    "JSON that another site sends unasked": ("application/json", b'{"login":"a"}', 415),
    "bytes that are no text": (TYPED, b"login=%ff%fe", 400),
    "a half of a character": (TYPED, b"login=%ed%a0%80", 400),
    "endless fields": (TYPED, b"a&" * FIELDS_MAX, 413),
    "endless parts": (PARTS, parts(*[(NAMED, b"")] * (FIELDS_MAX + 1)), 413),
    "a part that is packed": (PARTS, parts((f"{NAMED}\r\nContent-Encoding: gzip", BOMB)), 400),
    "a file that is packed": (PARTS, parts((f"{FILE}\r\nContent-Encoding: gzip", BOMB)), 400),
    "a part in base64": (
        PARTS, parts((f"{NAMED}\r\nContent-Transfer-Encoding: base64", b"YQ==")), 400,
    ),
    "a way that nobody knows": (
        PARTS, parts((f"{NAMED}\r\nContent-Transfer-Encoding: bogus", b"a")), 400,
    ),
    "no boundary": ("multipart/form-data", b"login=a", 400),
    "a boundary of nothing": ('multipart/form-data; boundary=""', b"--\r\n----", 400),
    "a preamble of lines": (PARTS, b"\r\n" * 30_000 + b"--xx--\r\n", 400),
    "no end": (PARTS, b'--xx\r\n' + NAMED.encode() + b"\r\n\r\na", 400),
    "no head": (PARTS, b"--xx\r\nlogin--xx--\r\n", 400),
    "an endless head": (PARTS, parts((NAMED + "\r\nX: " + "a" * 3000, b"a")), 400),
    "no name": (PARTS, parts(("Content-Type: text/plain", b"a")), 400),
}  # fmt: skip


async def test_a_form_that_no_browser_sends_is_refused_at_once_and_fills_no_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    browser, url = await desk.browser(), f"{desk.url}/sign-in"
    with caplog.at_level(logging.ERROR):
        for kind, (media, body, status) in STRANGE.items():
            headers = {"Content-Type": media}
            async with browser.post(url, data=io.BytesIO(body), headers=headers) as answer:
                assert answer.status == status, kind
                assert "出错了" not in await answer.text(), kind
        for origin in ("http://[", "https://[::1", "//", "\x80"):
            headers = {"Origin": origin}
            async with browser.post(url, data={"login": "a"}, headers=headers) as answer:
                assert answer.status == 403, origin
    assert not caplog.records


async def test_an_agencys_large_form_stops_nobody(desk: Desk) -> None:
    """Two megabytes called punycode held the whole program for four minutes: the inbox with it."""
    who, other = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    cookie = next(each.value for each in who.session.cookie_jar if each.key == COOKIE)
    long = b"b" * 1_000_000
    for media, body, status in (
        (f"{TYPED}; charset=punycode", long + b"-" + b"a9" * 500_000, 415),
        (TYPED, b"text=" + long * 3, 413),
        (PARTS, b"\r\n" * 10_000_000 + b"--xx--\r\n", 400),
    ):
        async with (await desk.browser()).post(
            f"{desk.url}/desk/{DIVISION}/cases/2026/1/reply", data=io.BytesIO(body),
            headers={"Content-Type": media, "Cookie": f"{COOKIE}={cookie}"},
        ) as answer:  # fmt: skip
            assert answer.status == status, media
        assert (await other.get("/me"))[0] == 200


async def test_who_sends_large_files_slowly_has_two_places_and_keeps_no_other_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_reading, "SMALL_BYTES", 10)
    slow, other = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    cookie = next(each.value for each in slow.session.cookie_jar if each.key == COOKIE)
    host, port = desk.url.removeprefix("http://").split(":")
    path = f"/desk/{DIVISION}/cases/2026/1/reply"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {COOKIE}={cookie}\r\n"
        f"Content-Type: {PARTS}\r\nContent-Length: 5000\r\n\r\n--xx"
    )
    lines = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
    for _, writer in lines:
        writer.write(head.encode())
    waits = [asyncio.create_task(reader.readline()) for reader, _ in lines]
    async with asyncio.timeout(60):
        done, waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        assert [b"503" in each.result() for each in done] == [True] and len(waiting) == 2
        status, _ = await other.post(f"/desk/{DIVISION}/registers/import", {"file": ("a", b"a")})
        assert status != 503
    for each in waiting:
        each.cancel()
    for _, writer in lines:
        writer.close()


async def test_a_form_that_does_not_come_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_reading, "SMALL_DEADLINE_S", 0.05)
    host, port = desk.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /sign-in HTTP/1.1\r\nHost: {host}\r\nContent-Type: {TYPED}\r\n"
        "Content-Length: 500\r\n\r\nlogin=".encode()
    )
    async with asyncio.timeout(60):
        assert b" 408 " in await reader.readline()
    writer.close()


def read(media: str, body: bytes) -> form_reading.Form:
    async def reading() -> form_reading.Form:
        request = make_mocked_request(
            "POST", "/", {"Host": "x", "Content-Type": media, "Content-Length": str(len(body))}
        )
        request._read_bytes = body
        return await Forms().read(request, 10**6)

    return asyncio.run(reading())


def test_what_browsers_send_is_read_as_it_was_typed() -> None:
    form = read(f"{TYPED};charset=UTF-8", b"a=1&b=%E7%94%B2+%E4%B9%99&a=&c=%0D%0A")
    assert list(form.items()) == [("a", "1"), ("b", "甲 乙"), ("a", ""), ("c", "\r\n")]
    body = parts(
        ('Content-Disposition: form-data; name="f %22x%22"', "甲\r\n--xy\r\n乙".encode()),
        ('content-disposition: form-data; name="files"; filename="a%22;b\\c.pdf"\r\n'
         "Content-Type: application/pdf", b"%PDF\r\n\r\n\x00--xx"),
        ('Content-Disposition: form-data; name="files"; filename=""', b""),
    )  # fmt: skip
    form = read(PARTS, body)
    assert list(form.items()) == [
        ('f "x"', "甲\r\n--xy\r\n乙"),
        ("files", File(name='a";b\\c.pdf', body=b"%PDF\r\n\r\n\x00--xx")),
        ("files", File(name="", body=b"")),
    ]  # fmt: skip
    assert read('multipart/form-data; boundary="----WebKitFormBoundaryA7"',
                b"------WebKitFormBoundaryA7--\r\n") == {}  # fmt: skip


def test_nothing_but_a_form_s_own_errors_is_raised_whatever_comes() -> None:
    from hypothesis import example, given, settings
    from hypothesis import strategies as st

    pieces = st.lists(
        st.sampled_from(
            [b"--xx", b"--", b"\r\n", NAMED.encode(), FILE.encode(), b"\r\n\r\n", b"xx", b"\xff",
             b'"', b";", b": ", b"%", b"&", b"=", b"a"]
        ), max_size=30,
    )  # fmt: skip

    @settings(max_examples=300, deadline=None)
    @given(pieces, st.sampled_from([PARTS, TYPED]))
    @example([b"--xx--"], PARTS)
    def tried(some: list[bytes], media: str) -> None:
        _never_breaks(lambda: read(media, b"".join(some)))

    tried()


def _never_breaks(reading: Callable[[], object]) -> None:
    try:
        reading()
    except web.HTTPException as refused:
        assert refused.status in (400, 413, 415)
