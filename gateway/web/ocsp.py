"""The small door for OCSP questions and revocation lists: plain HTTP, never on a payment's way."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

from aiohttp import web

from gateway.domain.certificates import RevocationList
from gateway.domain.faults import LedgerUnavailable

QUESTION_BYTES_MAX = 8 * 1024
FRESH_S = 0.5
"""A revocation counts within a second, here too."""
REQUEST, ANSWER = "application/ocsp-request", "application/ocsp-response"

P = TypeVar("P")
Answer = Callable[[bytes], Awaitable[bytes]]
"""DER for DER (RFC 6960). Raises LedgerUnavailable."""
Lists = Callable[[], Awaitable[list[RevocationList]]]


class Recent(Generic[P]):
    """What `read` gave less than FRESH_S ago, or gives now: a question is anybody's, the database
    is the gateway's. Of many at once one reads; what cannot be read is told to all who waited for
    it (a database that hangs would be asked by one after the other), and to nobody later."""

    def __init__(
        self, read: Callable[[], Awaitable[P]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept: tuple[float, P] | None = None
        self._failed = 0
        """How often it could not be read."""

    async def __call__(self) -> P:
        """Raises LedgerUnavailable."""
        failed = self._failed
        async with self._turn:
            if self._failed != failed:
                raise LedgerUnavailable("the registry could not be read while this waited")
            at = self._clock()
            if self._kept is None or at - self._kept[0] >= FRESH_S:
                try:
                    self._kept = at, await self._read()
                except LedgerUnavailable:
                    self._failed += 1
                    raise
            return self._kept[1]


def ocsp_application(
    answer: Answer, lists: Lists, decode: Callable[[bytes], bytes]
) -> web.Application:
    """`decode`: strict base64 of a GET's path (RFC 6960 A.1). Raises ValueError."""

    async def posted(request: web.Request) -> web.Response:
        if request.content_type != REQUEST:
            return web.Response(status=415, text=f"send {REQUEST}")
        return await answered(await request.read())

    async def got(request: web.Request) -> web.Response:
        raw = request.raw_path.removeprefix("/ocsp/")
        try:
            question = decode(unquote_to_bytes(raw))
        except ValueError:
            return web.Response(status=400, text="not base64")
        return await answered(question)

    async def answered(question: bytes) -> web.Response:
        try:
            body = await answer(question)
        except LedgerUnavailable:
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response(body=body, content_type=ANSWER)

    async def listed(request: web.Request) -> web.Response:
        try:
            found = await lists()
        except LedgerUnavailable:
            return web.Response(status=503, headers={"Retry-After": "5"})
        for one in found:
            if one.issuer == request.match_info["issuer"]:
                return web.Response(body=one.pem, content_type="application/x-pem-file")
        return web.Response(status=404, text="no list of this authority")

    application = web.Application(client_max_size=QUESTION_BYTES_MAX)
    application.router.add_post("/ocsp", posted)
    application.router.add_get("/ocsp/{question:.+}", got)
    application.router.add_get("/crl/{issuer:[0-9a-f]+}", listed)
    return application
