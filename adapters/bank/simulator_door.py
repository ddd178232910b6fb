"""The simulated core's HTTP/1.1 door: one asyncio protocol per connection, httptools inside."""

import asyncio
import re
from typing import cast

import httptools
import msgspec

from adapters.bank.simulated_core import SimulatedCore
from adapters.bank.simulated_tongues import IsoTongue, Request, StoreTongue, put

BODY_BYTES_MAX = 64 * 1024 * 1024

_KEY = re.compile(rb"[0-9]{9}/[0-9]{4}/[0-9]{4}/[0-9A-Za-z-]{1,20}")
_PLACES = re.compile(rb"[0-9]{1,3}(,[0-9]{1,3})*")
_PAYMENT = b"/v1/payments/"
_MESSAGE = re.compile(rb"/v1/messages/([0-9a-f]{64})")
_ENTRIES = re.compile(rb"/v1/entries\?after=([0-9]{1,12})&limit=([0-9]{1,4})")
_STATUS = {200: b"200 OK", 400: b"400 Bad Request", 404: b"404 Not Found"}


class SimulatorDoor(asyncio.Protocol):
    """`delay_s`: every answer to a submission waits so long after it is on the disk. `tongue`: None
    for JSON."""

    def __init__(
        self, core: SimulatedCore, conduct: bytes, delay_s: float,
        tongue: StoreTongue | IsoTongue | None = None,
    ) -> None:  # fmt: skip
        self._core = core
        self._conduct = conduct
        self._delay_s = delay_s
        self._tongue = tongue
        self._url = self._key = b""
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._hang_up()

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"instruction-key":
            self._key = value
        elif name.lower() == b"withheld-details":
            self._withheld = value
        elif name.lower() == b"paid-fen":
            self._paid = value

    def on_body(self, chunk: bytes) -> None:
        self._body.append(chunk)
        self._body_bytes += len(chunk)
        if self._body_bytes > BODY_BYTES_MAX:
            self._hang_up()

    def on_message_complete(self) -> None:
        method = self._parser.get_method()
        if self._tongue is not None:
            came = Request(method=method, url=self._url, key=self._key)
            carried = self._tongue.carried(came, b"".join(self._body))
            method, self._url, self._key = carried.method, carried.url, carried.key
        if method == b"POST" and self._url == b"/v1/payments":
            self._submit()
        elif method == b"POST" and self._url == b"/v1/recalls":
            self._recall()
        elif method == b"GET" and self._url.startswith(_PAYMENT):
            said = self._core.enquire(self._url[len(_PAYMENT) :].decode("latin-1"))
            self._say(*put(self._tongue, *said, asked=True))
        elif method == b"PUT" and (named := _MESSAGE.fullmatch(self._url)):
            self._say(*self._core.deposit(named[1].decode(), b"".join(self._body)))
        elif method == b"GET" and self._url == b"/v1/conduct":
            self._say(200, self._conduct)
        elif method == b"GET" and (asked := _ENTRIES.fullmatch(self._url)):
            self._say(200, self._core.movements(int(asked[1]), int(asked[2])))
        elif method == b"GET" and self._url == b"/v1/journal":
            self._say(200, self._core.audit())
        else:
            self._say(404, b'{"error":"route_unknown"}')

    def _begin(self) -> None:
        self._url = b""
        self._key = self._withheld = self._paid = b""
        self._body: list[bytes] = []
        self._body_bytes = 0

    def _submit(self) -> None:
        if not _KEY.fullmatch(self._key):
            self._say(400, msgspec.json.encode({"error": "key_invalid"}))
            return
        if self._withheld and not (_PLACES.fullmatch(self._withheld) and self._paid.isdigit()):
            self._say(400, msgspec.json.encode({"error": "withheld_invalid"}))
            return
        withheld = frozenset(map(int, self._withheld.split(b","))) if self._withheld else None
        body = b"".join(self._body)
        if not self._core.may_take(body):
            self._say(400, msgspec.json.encode({"error": "message_unknown"}))
            return
        self._core.submit(self._key.decode(), body, self._answer, withheld, int(self._paid or 0))

    def _recall(self) -> None:
        if not _KEY.fullmatch(self._key):
            self._say(400, msgspec.json.encode({"error": "key_invalid"}))
            return
        self._say(*self._core.recall(self._key.decode(), b"".join(self._body)))

    def _answer(self, body: bytes) -> None:
        said = put(self._tongue, 200, body, asked=False)
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._say, *said)
        else:
            self._say(*said)

    def _say(self, status: int, body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (_STATUS[status], len(body), body)
        )

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()
