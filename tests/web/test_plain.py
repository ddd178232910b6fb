"""Which bytes are a plain request: one narrow grammar, and everything else is aiohttp's."""

import pytest

from gateway.web.plain import PLAIN_BODY_BYTES_MAX, Plain, recognised

HEAD = (
    b"POST /v1/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Signature-JWS: a..b\r\n"
)
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"


def _with(*fields: bytes) -> bytes:
    return HEAD + b"".join(field + b"\r\n" for field in fields) + b"\r\n{}"


def test_a_plain_request_is_read_with_its_signature_and_its_end() -> None:
    at = len(WHOLE) - 2
    assert recognised(WHOLE) == Plain("json", "/v1/instructions", "a..b", at, at + 2)
    voucher = WHOLE.replace(b"instructions", b"vouchers").replace(b"/json", b"/xml; charset=GBK")
    read = recognised(voucher)
    assert isinstance(read, Plain) and read.format == "voucher"


@pytest.mark.parametrize("length", range(1, len(WHOLE) - 3))
def test_as_long_as_its_head_is_not_whole_more_is_waited_for(length: int) -> None:
    assert recognised(WHOLE[:length]) == "more"


def test_what_senders_usually_add_is_plain() -> None:
    more = (b"Connection: Keep-Alive", b"User-Agent: x/1 (y)", b"Accept: */*", b"Accept-Encoding:")
    assert isinstance(recognised(_with(b"Content-Length: 2", *more)), Plain)
    assert isinstance(recognised(WHOLE + WHOLE), Plain), "the second is looked at later"
    read = recognised(_with(b"Content-Length: %d" % PLAIN_BODY_BYTES_MAX))
    assert isinstance(read, Plain) and read.end - read.body_at == PLAIN_BODY_BYTES_MAX


@pytest.mark.parametrize(
    "data",
    [
        WHOLE.replace(b"POST", b"PUT"),
        WHOLE.replace(b"POST", b"post"),
        WHOLE.replace(b"POST ", b"POST  "),
        WHOLE.replace(b"1.1", b"1.0"),
        WHOLE.replace(b"/v1", b"/v1/../v1"),
        WHOLE.replace(b"instructions", b"instructions?x=1"),
        WHOLE.replace(b"instructions", b"%69nstructions"),
        WHOLE.replace(b"\r\n", b"\n"),
        WHOLE.replace(b"Host: x\r\n", b""),
        WHOLE.replace(b"application/json", b"text/plain"),
        WHOLE.replace(b"application/json", b"application/xml"),
        b"\r\n" + WHOLE,
        b"GET /",
        b"\x16\x03\x01",
        _with(),
        _with(b"Content-Length: 2", b"Content-Length: 2"),
        _with(b"Content-Length: 2", b"content-length: 3"),
        _with(b"Content-Length: 2", b"Signature-JWS: c"),
        _with(b"Content-Length: 2", b"Proxy-Connection: close"),
        _with(b"Content-Length: +2"),
        _with(b"Content-Length: 02"),
        _with(b"Content-Length: 0x2"),
        _with(b"Content-Length: 2, 2"),
        _with(b"Content-Length: 2 "),
        _with(b"Content-Length: \xef\xbc\x92"),
        _with(b"Content-Length: %d" % (PLAIN_BODY_BYTES_MAX + 1)),
        _with(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        _with(b"Content-Length: 2", b"Transfer-Encoding : chunked"),
        _with(b"Content-Length: 2", b" Transfer-Encoding: chunked"),
        _with(b"Content-Length: 2", b"X: a\r\n Transfer-Encoding: chunked"),
        _with(b"Content-Length: 2", b"X: a\nTransfer-Encoding: chunked"),
        _with(b"Content-Length: 2", b"X: a\rTransfer-Encoding: chunked"),
        _with(b"Content-Length: 2", b"X: a\x00b"),
        _with(b"Content-Length: 2", b"X: \xff"),
        _with(b"Content-Length: 2", b": x"),
        _with(b"Content-Length: 2", b"X"),
        _with(b"Content-Length: 2", b"Content-Encoding: gzip"),
        _with(b"Content-Length: 2", b"Expect: 100-continue"),
        _with(b"Content-Length: 2", b"Connection: close"),
        _with(b"Content-Length: 2", b"Connection: Upgrade", b"Upgrade: h2c"),
        _with(b"Content-Length: 2", b"X: " + b"a" * 9000),
        HEAD + b"X: " + b"a" * 9000,
    ],
)
def test_whatever_is_doubtful_or_unusual_is_not_plain(data: bytes) -> None:
    assert recognised(data) is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("blank", [b" ", b"\t"])
def test_blanks_without_end_are_looked_at_once(blank: bytes) -> None:
    """Tried in every split, a quarter of a megabyte, one TLS read, took some minutes."""
    assert recognised(HEAD + b"A:" + blank * 250_000 + b"\x80") is None
    for _ in range(50):
        assert recognised(HEAD + b"A:" + blank * 7_900 + b"\x80") == "more"
