"""What the plain grammar takes, a whole parser of HTTP/1.1 reads alike (decision 0014's claim)."""

import attrs
import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.web.plain import Plain, recognised
from tests.examples import examples

GOOD = (
    b"POST /v1/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Signature-JWS: a..b\r\nContent-Length: 12\r\n\r\n{\"a\":\"\r\n\r\n\"}"
)  # fmt: skip
SPICES = (
    b"\r\n", b"\n", b"\r", b"\t", b" ", b"\x00", b"\x0b", b":", b",", b";", b"0", b"1", b"\x80",
    b"\r\n ", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Transfer-Encoding:\tchunked\r\n", b"Content-Length:12\r\n", b"Connection: x, close\r\n",
    b"Proxy-Connection: close\r\n",
    b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"Signature-JWS: c\r\n", b"X: y\r\n", b"+",
    b"content-length", b"HTTP/1.0", b"/", b"%2f", b"?", b"\r\n\r\n", GOOD,
)  # fmt: skip


@attrs.define
class Whole:
    """What httptools reads."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = attrs.field(factory=list)
    body: bytes = b""
    ended: int = 0
    stays: bool = False
    parser: httptools.HttpRequestParser = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)

    def on_headers_complete(self) -> None:
        self.stays = self.parser.should_keep_alive() and not self.parser.should_upgrade()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A good request with something put in, taken out or replaced at a few places."""
    data = GOOD
    for _ in range(draw(st.integers(0, 4))):
        lines = [place + 2 for place in range(len(data)) if data[place : place + 2] == b"\r\n"]
        at = draw(st.sampled_from(lines or [0]) | st.integers(0, len(data)))
        gone = draw(st.sampled_from([0, 0, 1, 2, 7]))
        spice = draw(st.sampled_from(SPICES) | st.binary(max_size=3))
        data = data[:at] + spice + data[at + gone :]
    return data


@pytest.mark.slow
@given(bent())
@example(GOOD)
@example(GOOD + GOOD)
@example(GOOD.replace(b"Host: x", b"Host:\t x\t"))
@examples(2000)
def test_what_is_plain_is_read_alike_by_a_whole_parser(data: bytes) -> None:
    head = recognised(data)
    if not isinstance(head, Plain) or len(data) < head.end:
        return
    whole = Whole()
    parser = whole.parser
    parser.feed_data(data[: head.end])
    assert whole.ended == 1 and whole.url == head.path.encode()
    assert (parser.get_method(), parser.get_http_version()) == (b"POST", "1.1")
    assert whole.body == data[head.body_at : head.end]
    assert whole.stays
    signed = [value.strip(b" \t") for name, value in whole.headers if name == b"signature-jws"]
    assert signed == ([head.signature.encode()] if signed else [])
    assert len({name for name, _ in whole.headers}) == len(whole.headers)
