"""Bytes that never become an instruction: each gets a stable code, and nothing else happens."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.web.body import BODY_BYTES_MAX
from tests.web.besieged import HOST, Siege, read_reply

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.usefixtures("nothing_happens"),
]

ID_NUMBER = "220102199003071234"
DTD = b'<?xml version="1.0" encoding="GBK"?><!DOCTYPE MOF [<!ENTITY x "y">]><MOF>&x;</MOF>'
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><MOF>&j;</MOF>"
)

Spoil = Callable[[bytes], bytes]


def _with(field: str, value: object) -> Spoil:
    def spoil(raw: bytes) -> bytes:
        return json.dumps(json.loads(raw) | {field: value}).encode()

    return spoil


def _twice(raw: bytes) -> bytes:
    return b'{"amount":"1.00",' + raw[1:]


def _for(old: bytes, new: bytes) -> Spoil:
    def spoil(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new, 1)

    return spoil


JSON_ATTACKS: tuple[tuple[str, Spoil, str], ...] = (
    ("exponent", _with("amount", "1e3"), "instruction_invalid"),
    ("negative number", _with("amount", -5), "instruction_invalid"),
    ("number with decimals", _with("amount", 1.10), "instruction_invalid"),
    ("negative text", _with("amount", "-5.00"), "instruction_invalid"),
    ("one decimal", _with("amount", "1.1"), "instruction_invalid"),
    ("fullwidth digits", _with("amount", "１２.００"), "instruction_invalid"),
    ("arabic digits", _with("amount", "١.٠٠"), "instruction_invalid"),
    ("leading zeros", _with("amount", "0001.00"), "instruction_invalid"),
    ("beyond any budget", _with("amount", "9" * 40 + ".00"), "instruction_invalid"),
    ("amount of nothing", _with("amount", None), "instruction_invalid"),
    ("a list of amounts", _with("amount", ["1.00"]), "instruction_invalid"),
    ("a year as text", _with("fiscal_year", "2026"), "instruction_invalid"),
    ("a year beyond 64 bits", _with("fiscal_year", 1 << 70), "instruction_invalid"),
    ("true for a number", _with("fiscal_year", True), "instruction_invalid"),
    ("unknown field", _with("approver", "王处长"), "instruction_invalid"),
    ("unknown field with a secret name", _with(ID_NUMBER, "1"), "instruction_invalid"),
    ("duplicate key", _twice, "field_duplicate"),
    ("duplicate key below", _for(b'"payee": {', b'"payee": {"account": "1", '), "field_duplicate"),
    ("zero width in the number", _with("voucher_no", "A\u200b1"), "instruction_invalid"),
    ("cyrillic in the number", _with("voucher_no", "\u0410B1"), "instruction_invalid"),
    ("fullwidth in the number", _with("voucher_no", "Ａ１"), "instruction_invalid"),
    ("right to left in the number", _with("voucher_no", "1\u202e2"), "instruction_invalid"),
    ("a slash in the number", _with("voucher_no", "1/../2"), "instruction_invalid"),
    ("a line break in the number", _with("voucher_no", "1\n2"), "instruction_invalid"),
    ("a trailing line break in the number", _with("voucher_no", "1\n"), "instruction_invalid"),
    ("NUL in the purpose", _with("purpose", "a\u0000b"), "instruction_invalid"),
    ("an escape sequence in the purpose", _with("purpose", "\u001b[2Jx"), "instruction_invalid"),
    ("cut in the middle", lambda raw: raw[:-30], "not_json"),
    ("something behind", lambda raw: raw + b"{}", "not_json"),
    ("NaN", _for(b'"fiscal_year": 2', b'"fiscal_year": NaN, "x": 2'), "not_json"),
    ("a byte order mark", lambda raw: b"\xef\xbb\xbf" + raw, "not_json"),
    ("broken UTF-8", _for(b'"purpose": "', b'"purpose": "\xff\xfe'), "not_json"),
    ("a lone surrogate", _for(b'"purpose": "', b'"purpose": "\\ud800'), "instruction_invalid"),
    ("a hundred thousand brackets", lambda _: b"[" * 100_000, "not_json"),
    ("a list", lambda raw: b"[" + raw + b"]", "instruction_invalid"),
    ("nothing", lambda _: b"", "not_json"),
    ("null", lambda _: b"null", "instruction_invalid"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "code"),
    [attack[1:] for attack in JSON_ATTACKS],
    ids=[attack[0] for attack in JSON_ATTACKS],
)
async def test_json_that_is_not_an_instruction_is_refused_by_its_code(
    siege: Siege, spoil: Spoil, code: str
) -> None:
    refused = await siege.post(spoil(siege.instruction("EVIL1")))
    assert refused.status == 400
    assert refused.code == code, refused.fields
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert refused.fields["errors"] or code != "instruction_invalid"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (DTD, "dtd_refused"),
        (BOMB, "dtd_refused"),
        (DTD.replace(b'"y"', b'SYSTEM "file:///etc/passwd"'), "dtd_refused"),
        (b"<MOF>&#0;</MOF>", "not_xml"),
        (b"<MOF><VoucherCount>1</VoucherCount>", "not_xml"),
        ("<MOF>国库</MOF>".encode(), "not_gbk"),
        (b"<MOF " + b'a="1" ' * 20_000 + b"/>", "not_xml"),
        (b"<a>" * 50_000, "not_xml"),
        (b"", "not_xml"),
    ],
    ids=["dtd", "bomb", "file", "nul", "cut", "utf-8", "attributes", "deep", "empty"],
)
async def test_xml_that_is_not_a_voucher_is_refused_by_its_code(
    siege: Siege, raw: bytes, code: str
) -> None:
    refused = await siege.post(raw, format="voucher")
    assert refused.status == 400
    assert code.encode() in refused.body or code == "not_gbk", refused.body.decode("gbk", "replace")
    assert b"root:" not in refused.body


async def test_all_errors_are_told_at_once(siege: Siege) -> None:
    raw = siege.instruction("EVIL1", amount=-5, fiscal_year="x", voucher_type="", nonsense=1)
    refused = await siege.post(raw)
    fields = {error["field"] for error in refused.fields["errors"]}
    assert {"amount", "fiscal_year", "voucher_type", "nonsense"} <= fields


async def test_a_body_of_100_mb_is_refused_without_being_kept(siege: Siege) -> None:
    before = _memory(siege)
    head = _head(siege, f"Content-Length: {100 << 20}")
    declared = await siege.say(head + b"x" * 65536)
    assert (declared.status, declared.code) == (413, "body_too_large")
    chunked = await _flood(siege)
    assert chunked in ((413, "body_too_large"), (0, ""))
    assert _memory(siege) - before < 24 << 20


async def _flood(siege: Siege) -> tuple[int, str]:
    """100 MB in chunks; the gateway may hang up while we are still writing."""
    reader, writer = await siege.connect()
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    answer = asyncio.create_task(read_reply(reader))
    try:
        writer.write(_head(siege, "Transfer-Encoding: chunked"))
        for _ in range((100 << 20) // 65536):
            writer.write(chunk)
            await writer.drain()
            if answer.done():
                break
    except ConnectionError:
        pass
    reply = await answer
    writer.transport.abort()
    return reply.status, reply.code if reply.status else ""


async def test_a_body_of_the_very_limit_is_read_and_one_byte_more_is_not(siege: Siege) -> None:
    full = await siege.post(b" " * BODY_BYTES_MAX)
    over = await siege.post(b" " * (BODY_BYTES_MAX + 1))
    assert (full.code, over.code) == ("not_json", "body_too_large")


async def test_a_body_that_ends_early_or_drips_is_given_up(siege: Siege) -> None:
    reader, writer = await siege.connect()
    writer.write(_head(siege, "Content-Length: 1000") + b"{")
    for _ in range(10):
        await writer.drain()
        writer.write(b" ")
    reply = await read_reply(reader)
    assert (reply.status, reply.code) == (400, "body_incomplete")
    assert await reader.read() == b"", "the connection must be closed after it"
    writer.transport.abort()
    _, cut = await siege.connect()
    cut.write(_head(siege, "Content-Length: 1000") + b'{"amount":')
    await cut.drain()
    cut.transport.abort()


async def test_compressed_bodies_and_other_media_are_refused(siege: Siege) -> None:
    raw = gzip.compress(siege.instruction("EVIL1"))
    packed = await siege.post(raw, more="Content-Encoding: gzip\r\n")
    assert (packed.status, packed.code) == (415, "content_encoding_refused")
    raw = siege.instruction("EVIL1")
    for media in ("text/plain", "application/xml", "application/x-www-form-urlencoded", ""):
        request = siege.request(raw).replace(b"application/json", media.encode(), 1)
        refused = await siege.say(request)
        assert (refused.status, refused.code) == (415, "media_type_unsupported"), media


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("GET /v1/instructions", 405, "method_refused"),
        ("PUT /v1/instructions", 405, "method_refused"),
        ("DELETE /v1/instructions/220000000/2026/8202/1", 405, "method_refused"),
        ("HEAD /v1/instructions/220000000/2026/8202/1", 405, None),
        ("OPTIONS *", 404, "route_unknown"),
        ("TRACE /v1/instructions", 405, "method_refused"),
        ("GET /", 404, "route_unknown"),
        ("GET /metrics", 404, "route_unknown"),
        ("GET /v1/instructions/../../etc/passwd", 404, "route_unknown"),
        ("GET /v1/instructions/２２0000000/2026/8202/1", 400, None),
        ("GET /v1/instructions/%EF%BC%92%EF%BC%920000000/2026/8202/1", 404, "route_unknown"),
        ("GET /v1/instructions/220000000/2026/8202/" + "9" * 43, 404, "route_unknown"),
        ("GET /v1/instructions/220000000/2026/8202/%00", 404, "route_unknown"),
    ],
)
async def test_other_methods_and_routes_have_their_codes(
    siege: Siege, line: str, status: int, code: str | None
) -> None:
    request = f"{line} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n"
    reply = await siege.say(request.encode())
    assert reply.status == status, reply.raw
    assert code is None or reply.code == code


def _smuggle(siege: Siege, *headers: str, body: bytes = b"0\r\n\r\n") -> bytes:
    return _head(siege, "\r\n".join(headers)) + body


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: +5",),
        ("Content-Length: -5",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5, 5",),
        ("Content-Length: ５",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding : chunked",),
        (" Transfer-Encoding: chunked", "Content-Length: 5"),
        ("X: a\nTransfer-Encoding: chunked",),
        ("X: a\x00b",),
        ("Content-Length: 5\r\n Content-Length: 6",),
    ],
)
async def test_requests_whose_length_is_in_doubt_are_refused_and_nothing_follows_them(
    siege: Siege, headers: tuple[str, ...]
) -> None:
    """The second request, a good payment, must not be read as one of its own."""
    hidden = siege.request(siege.instruction("SMUGGLED1"))
    reader, writer = await siege.connect()
    writer.write(_smuggle(siege, *headers, body=b"0\r\n\r\n" + hidden))
    first = await read_reply(reader)
    assert first.status in (0, 400), first.raw
    async with asyncio.timeout(60):
        rest = await _until_closed(reader)
    assert b"200 OK" not in rest
    writer.transport.abort()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /v1/holds\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(300)) + b"\r\n",
        b"POST /v1/instructions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=[
        "0.9",
        "2.0",
        "none",
        "preface",
        "spaces",
        "tls",
        "long line",
        "long field",
        "300",
        "bad chunk",
    ],
)
async def test_what_is_no_http_of_ours_is_refused(siege: Siege, request_bytes: bytes) -> None:
    reply = await siege.say(request_bytes)
    assert reply.status in (0, 400, 404, 415), reply.raw
    assert b"Traceback" not in reply.raw
    assert reply.raw[:9] in (b"", b"HTTP/1.0 ", b"HTTP/1.1 ")
    if reply.status == 400:
        assert b"application/problem+json" in reply.raw
        assert reply.code in ("http_malformed", "body_incomplete"), reply.raw


async def test_http_1_0_and_expectations_are_answered_and_closed(siege: Siege) -> None:
    old = siege.request(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0")
    reader, writer = await siege.connect()
    writer.write(old)
    reply = await read_reply(reader)
    assert (reply.status, reply.code) == (400, "instruction_invalid")
    assert await reader.read() == b""
    writer.transport.abort()
    unheard_of = await siege.post(b"{}", more="Expect: the-unexpected\r\n")
    assert (unheard_of.status, unheard_of.code) == (400, "http_malformed")


async def test_a_good_instruction_in_another_version_of_http_is_not_taken(siege: Siege) -> None:
    """It was decided, and answered as "HTTP/2.0 200", which nobody reads in one way."""
    for version in (b"HTTP/2.0", b"HTTP/0.9"):
        request = siege.request(siege.instruction("VERSION")).replace(b"HTTP/1.1", version)
        reply = await siege.say(request)
        assert (reply.status, reply.code) == (400, "http_malformed")


async def test_an_upgrade_is_not_taken(siege: Siege) -> None:
    head = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    reply = await siege.say(f"{head}Sec-WebSocket-Version: 13\r\n\r\n".encode())
    assert reply.status == 404


async def test_pipelined_requests_are_answered_in_order_one_by_one(siege: Siege) -> None:
    reader, writer = await siege.connect()
    raws = [siege.instruction(f"PIPE{n}", amount=-1) for n in range(100)]
    paths = [f"/none/{n}" for n in range(100)]
    for raw, path in zip(raws, paths, strict=True):
        writer.write(siege.request(raw))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    for path in paths:
        assert (await read_reply(reader)).code == "instruction_invalid"
        assert (await read_reply(reader)).fields["instance"] == path
    writer.transport.abort()


def _head(siege: Siege, *headers: str) -> bytes:
    more = "\r\n".join(headers)
    return (
        f"POST /v1/instructions HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"Signature-JWS: x\r\n{more}\r\n\r\n"
    ).encode()


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(-1)
    except ConnectionError:
        return b""


def _memory(siege: Siege) -> int:
    status = Path(f"/proc/{siege.stage.crew.pid('gateway-0')}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
