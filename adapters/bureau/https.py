"""The way to the finance bureau: deliveries and notices over mutual TLS.

It proves nothing itself; whoever asks proves the cosigned text and the receipts that come back
(certs/acknowledged.py). What it refuses is an answer that cannot be one: another status, another
shape, a size beyond what was ever offered.
"""

import asyncio
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
import orjson

from adapters.bureau.frame import MEDIA_TYPE, NOTICES_MEDIA_TYPE, bundled, framed
from gateway.domain.faults import BureauUnavailable
from gateway.domain.log import SLOWEST_BYTES_A_SECOND, Cosigned, Delivery

CONNECT_DEADLINE_S = 5.0
DELIVER_DEADLINE_S = 30.0
NOTIFY_DEADLINE_S = 5.0
CONNECTIONS_MAX = 4
ANSWER_BYTES_MAX = 64 * 1024
BUNDLE_ANSWER_BYTES_MAX = 1024 * 1024
BUNDLE_UNKNOWN = frozenset({"signature_missing", "media_type_unsupported"})
"""What a bureau says to a bundle that knows notices one by one only."""
WORDS_CHARS_MAX = 300
"""Of what is wrong with an answer: aiohttp quotes eight thousand bytes of a header that has no end,
and `/readyz` and the log say it again at each try."""
SIZE_MAX = 2**53 - 1
"""The largest integer that every JSON reader agrees on."""
_TOLD = (200, 409)
"""Stored, and "that is not where I stand": both carry the bureau's size and cosignature."""


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    size: int
    checkpoint: str


class _Noticed(msgspec.Struct):
    receipt: str


class _Item(msgspec.Struct):
    received: bool
    receipt: str = ""
    code: str = ""
    detail: str = ""


class _Bundle(msgspec.Struct):
    notices: list[_Item]


class HttpsBureau:
    """Fulfils gateway.ports.Bureau. `url` is the door's origin, such as `https://host:8443`.

    Made inside a running loop; use as an async context manager, or `close` it.
    """

    def __init__(self, url: str, ssl_context: ssl.SSLContext) -> None:
        if not url.startswith("https://"):
            raise ValueError("the bureau is reached over https only")
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl_context, limit=CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        self._one_by_one = False

    async def deliver(self, delivery: Delivery) -> Cosigned:
        """Hand over records; the answer is what the bureau holds, perhaps not our end.

        Raises BureauUnavailable: no answer, a refusal (its reason in the text), or nonsense.
        """
        status, body = await self._post(
            "/v1/records", framed(delivery), {"Content-Type": MEDIA_TYPE}, DELIVER_DEADLINE_S
        )
        if status not in _TOLD:
            raise BureauUnavailable(_refusal(status, body))
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (ValueError, RecursionError) as error:
            raise BureauUnavailable(f"the answer is not readable: {error}") from error
        end = delivery.start + len(delivery.records)
        if not 0 <= answer.size <= SIZE_MAX or (status == 200 and answer.size != end):
            raise BureauUnavailable(f"the bureau claims a size of {answer.size}; sent up to {end}")
        return Cosigned(size=answer.size, checkpoint=answer.checkpoint)

    async def notify(
        self, division: str, notices: Sequence[tuple[bytes, str]]
    ) -> list[str | BureauUnavailable]:
        """Hand over notices, each with its signature; received before is as good as received. For
        each its receipt, unproven, or why it was not taken.

        A single one goes in the single form, and so does each to a bureau that knows no bundles.
        Raises BureauUnavailable: none of them is known to be received.
        """
        if len(notices) > 1 and not self._one_by_one:
            answers = await self._notify_bundle(division, notices)
            if answers is not None:
                return answers
            self._one_by_one = True
        told = await asyncio.gather(
            *(self._notify(division, body, signature) for body, signature in notices),
            return_exceptions=True,
        )
        answers = []
        for answer in told:
            if isinstance(answer, BaseException) and not isinstance(answer, BureauUnavailable):
                raise answer
            answers.append(answer)
        return answers

    async def _notify_bundle(
        self, division: str, notices: Sequence[tuple[bytes, str]]
    ) -> list[str | BureauUnavailable] | None:
        """None: this bureau knows notices one by one only."""
        status, body = await self._post(
            "/v1/notices", bundled(division, notices), {"Content-Type": NOTICES_MEDIA_TYPE},
            NOTIFY_DEADLINE_S, BUNDLE_ANSWER_BYTES_MAX,
        )  # fmt: skip
        if status in (400, 415) and _code(body) in BUNDLE_UNKNOWN:
            return None
        if status != 200:
            raise BureauUnavailable(_refusal(status, body))
        try:
            items = msgspec.json.decode(body, type=_Bundle).notices
        except (ValueError, RecursionError) as error:
            raise BureauUnavailable(f"the answer is not readable: {error}") from error
        if len(items) != len(notices):
            raise BureauUnavailable(f"{len(items)} answers to {len(notices)} notices")
        return [
            item.receipt if item.received else BureauUnavailable(f"{item.code}: {item.detail}")
            for item in items
        ]

    async def _notify(self, division: str, body: bytes, signature: str) -> str:
        headers = {
            "Content-Type": "application/json",
            "Division": division,
            "Signature-JWS": signature,
        }
        status, answer = await self._post("/v1/notices", body, headers, NOTIFY_DEADLINE_S)
        if status != 200:
            raise BureauUnavailable(_refusal(status, answer))
        try:
            return msgspec.json.decode(answer, type=_Noticed).receipt
        except (ValueError, RecursionError) as error:
            raise BureauUnavailable(f"the answer is not readable: {error}") from error

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _post(
        self, path: str, body: bytes, headers: dict[str, str], deadline_s: float,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> tuple[int, bytes]:  # fmt: skip
        deadline_s += len(body) / SLOWEST_BYTES_A_SECOND
        timeout = aiohttp.ClientTimeout(total=deadline_s, sock_connect=CONNECT_DEADLINE_S)
        try:
            async with self._session.post(
                self._url + path, data=body, headers=headers, timeout=timeout,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                return answer.status, await _bounded(answer.content, answer_bytes_max)
        except aiohttp.ConnectionTimeoutError as error:
            raise BureauUnavailable(f"no connection within {CONNECT_DEADLINE_S:g} s") from error
        except TimeoutError as error:
            raise BureauUnavailable(f"no whole answer within {deadline_s:.3g} s") from error
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            words = f"{type(error).__name__}: {error}"
            raise BureauUnavailable(words[:WORDS_CHARS_MAX]) from error


async def _bounded(content: aiohttp.StreamReader, bytes_max: int) -> bytes:
    received = bytearray()
    async for piece in content.iter_any():
        received += piece
        if len(received) > bytes_max:
            raise BureauUnavailable(f"the answer is longer than {bytes_max} bytes")
    return bytes(received)


def _refusal(status: int, body: bytes) -> str:
    """The stable code of a problem document, if it is one."""
    try:
        problem = orjson.loads(body)
        return f"{status} {problem['code']}: {problem['detail']}"[:WORDS_CHARS_MAX]
    except (ValueError, TypeError, KeyError):
        return f"{status} without a problem document"


def _code(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["code"])
    except (ValueError, TypeError, KeyError):
        return ""
