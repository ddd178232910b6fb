"""A client for agencies and channels: signed instructions over mutual TLS, safe to send again.

The gateway answers the same bytes with the same answer, so whatever was not answered is sent again,
unchanged: after `Retry-After` on a 503, and after silence. Nothing is ever paid twice by that.
"""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable
from random import SystemRandom
from types import TracebackType
from typing import Self

import aiohttp
import attrs

Sign = Callable[[bytes], str]
"""Detached JWS (RFC 7515, 7797; ES256) over exactly these bytes, by the sender's own key."""

ROUTES = {
    "json": ("/v1/instructions", "application/json"),
    "voucher": ("/v1/vouchers", "application/xml; charset=GBK"),
    "iso20022": ("/v1/iso20022", "application/xml; charset=UTF-8"),
}
DEADLINE_S = 30.0
PATIENCE_S = 120.0
PAUSE_S = 0.5
PAUSE_S_MAX = 10.0
CONNECTIONS = 8
CODE_CHARS_MAX = 40
DETAIL_CHARS_MAX = 300
ANSWER_BYTES_MAX = 64 << 20
"""Of an answer: a report on 10,000 payments has some megabytes."""


_ALERT = re.compile("_ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED)")
_HUNG_UP = (aiohttp.ServerDisconnectedError, ConnectionResetError)


Waiting = Callable[[float, object], None]
"""Told before each pause: seconds until the next try, and what the last one came to."""


class GatewaySilent(Exception):
    """No answer while patience lasted. What became of it is not known: ask, or send it again."""

    def __init__(
        self, words: str, *, perhaps_taken: bool = True, hung_up: bool = False,
        refused: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(words)
        self.perhaps_taken = perhaps_taken
        """False: no connection ever came about, so nothing was read of what we sent."""
        self.hung_up = hung_up
        """Each connection was made and then closed without a word: so does a gateway (TLS 1.3
        included) that knows our certificate as revoked, and one of before it sent alerts."""
        self.refused = refused
        """It said by TLS's alert that our certificate is none: another try would change nothing."""


@attrs.frozen(kw_only=True)
class Given:
    """What the gateway answered, in the format that it was asked in."""

    status: int
    """200: decided (passed, held or blocked). 4xx: it never became an instruction, and why."""
    body: bytes
    attempts: int


class GatewayClient:
    """Use as `async with`. `tls` shows the party's certificate and expects the gateway's."""

    def __init__(
        self, gateway: str, tls: ssl.SSLContext | None, sign: Sign, *,
        connections: int = CONNECTIONS, patience_s: float = PATIENCE_S,
        waiting: Waiting | None = None,
    ) -> None:  # fmt: skip
        """`gateway`: such as `https://gateway.bank.example:8443`."""
        self._waiting = waiting
        self._gateway = gateway.rstrip("/")
        self._tls = tls
        self._sign = sign
        self._connections = connections
        self._patience_s = patience_s
        self._jitter = SystemRandom()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._tls or False, limit=self._connections)
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._session:
            await self._session.close()

    async def send(self, raw: bytes, format: str) -> Given:
        """Send one instruction. Raises GatewaySilent; ValueError for a format without a door."""
        if format not in ROUTES:
            raise ValueError(f"no door for {format!r}; there are {', '.join(ROUTES)}")
        path, media_type = ROUTES[format]
        headers = {"Content-Type": media_type, "Signature-JWS": self._sign(raw)}
        return await self._until_answered("POST", path, headers, raw)

    async def status(self, instruction: str) -> Given:
        """All that is known of `division/year/voucher type/voucher number`, with its evidence."""
        return await self._until_answered("GET", f"/v1/instructions/{instruction}", {}, None)

    async def _until_answered(
        self, method: str, path: str, headers: dict[str, str], raw: bytes | None
    ) -> Given:
        began, attempts, pause_s = time.monotonic(), 0, PAUSE_S
        perhaps_taken, hung_up = False, True
        while True:
            attempts += 1
            last: object = ""
            try:
                status, body, wait_s = await self._once(method, path, headers, raw)
            except ssl.SSLCertVerificationError as refused:
                raise GatewaySilent(
                    f"not our gateway: {refused}", perhaps_taken=perhaps_taken
                ) from refused
            except (aiohttp.ClientError, OSError, TimeoutError) as silence:
                if alert := _alert_in(silence):
                    raise GatewaySilent(
                        f"the gateway does not take our certificate: {alert}",
                        perhaps_taken=perhaps_taken, refused=True,
                    ) from silence  # fmt: skip
                last, wait_s = silence, None
                perhaps_taken |= not isinstance(silence, aiohttp.ClientConnectorError)
                hung_up &= isinstance(silence, _HUNG_UP)
            else:
                if status != 503:
                    return Given(status=status, body=body, attempts=attempts)
                last = f"the gateway asks to come again later{_code(body)}"
                perhaps_taken, hung_up = True, False
            if time.monotonic() - began > self._patience_s:
                words = f"no answer in {self._patience_s:g} s; last: {last or type(last).__name__}"
                raise GatewaySilent(words, perhaps_taken=perhaps_taken, hung_up=hung_up)
            wait_s = (wait_s or pause_s) * self._jitter.uniform(1.0, 1.3)
            if self._waiting:
                self._waiting(wait_s, last)
            await asyncio.sleep(wait_s)
            pause_s = min(pause_s * 2, PAUSE_S_MAX)

    async def _once(
        self, method: str, path: str, headers: dict[str, str], raw: bytes | None
    ) -> tuple[int, bytes, float | None]:
        assert self._session, "use it as `async with`"
        url = f"{self._gateway}{path}"
        async with self._session.request(method, url, data=raw, headers=headers) as answer:
            body = await _whole(answer.content)
            after = answer.headers.get("Retry-After", "")
            wait_s = min(float(after), PAUSE_S_MAX) if after.isdecimal() else None
            return answer.status, body, wait_s


def _alert_in(silence: BaseException) -> str:
    """TLS's word against our certificate, should it have ended the connection."""
    cause = silence if isinstance(silence, ssl.SSLError) else silence.__cause__
    reason = cause.reason or "" if isinstance(cause, ssl.SSLError) else ""
    found = _ALERT.search(reason)
    return found[1].lower().replace("_", " ") if found else ""


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """Raises aiohttp.ClientPayloadError: an answer without end is none."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _code(problem: bytes) -> str:
    """Of a problem document in JSON, in brackets: its code and what is in the way (the database,
    the core), for the telephone. The other formats have it in words of their own."""
    try:
        fields = json.loads(problem)
        code, detail = fields["code"], fields.get("detail")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    if not (isinstance(code, str) and code.isascii() and code.isidentifier()):
        return ""
    if len(code) > CODE_CHARS_MAX:
        return ""
    known = isinstance(detail, str) and detail.isprintable() and len(detail) <= DETAIL_CHARS_MAX
    return f" ({code}: {detail})" if known and detail else f" ({code})"
