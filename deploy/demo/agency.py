"""The agencies' side of the wire: signed instructions over mTLS on kept connections.

Unlike the bank adapter an agency may send again: the same bytes get the same answer. So it does,
after `Retry-After` on a 503 and after silence, until its patience ends.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random

import attrs

from adapters.agency.client import ROUTES
from adapters.bank.exchange import Exchange, Reply
from adapters.bank.pool import NotSent, Pool
from deploy.demo.day import DayItem

ANSWER_BYTES_MAX = 4 * 1024 * 1024
RETRY_AFTER_S_MAX = 10.0
SILENCE_PAUSE_S = 0.2
CONNECTIONS = 32
DEADLINE_S = 30.0
PATIENCE_S = 60.0

Sign = Callable[[bytes], str]
"""Detached JWS (RFC 7797) over exactly these bytes."""


def signed_request(
    route: tuple[str, str], raw: bytes, signature: str, host: str = "localhost", more: str = ""
) -> bytes:
    """Whole, as it goes over the wire. `route`: path and media type; `more`: header lines."""
    path, media_type = route
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media_type}\r\n"
        f"Signature-JWS: {signature}\r\n{more}Content-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode("latin-1") + raw


class _Answered(Reply, frozen=True):
    retry_after_s: float | None


class _Conversation(Exchange):
    """An exchange that also hears `Retry-After`."""

    answer_bytes_max = ANSWER_BYTES_MAX
    _retry_after_s: float | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after" and value.isdigit():
            self._retry_after_s = min(float(value), RETRY_AFTER_S_MAX)

    def reply(self, status: int, body: bytes) -> Reply:
        heard, self._retry_after_s = self._retry_after_s, None
        return _Answered(status, body, heard)


@attrs.frozen(kw_only=True)
class GatewayAnswer:
    """What came of one message. `status` 0: no answer while patience lasted."""

    status: int
    body: bytes
    attempts: int
    seconds: float
    """From the first attempt to the last answer, pauses included."""


class AgencyClient:
    """One party's connections to a gateway. `sign` holds one signer per sender's URI.

    A channel carries what agencies of its division have signed, so one client can send a whole day.
    """

    def __init__(
        self, host: str, port: int, ssl_context: ssl.SSLContext | None, sign: Mapping[str, Sign],
        *, connections: int = CONNECTIONS, patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self.connections = connections
        self.retries = 0
        self._host = f"{host}:{port}"
        self._sign = sign
        self._patience_s = patience_s
        self._jitter = Random(self._host)
        self._pool = Pool(
            host, port, ssl_context, connections, waiting_max=1_000_000, exchange=_Conversation
        )

    def prepare(self, item: DayItem) -> bytes:
        """The whole signed request, ready to be sent any number of times."""
        signed_bytes = item.raw + b" " if item.forged else item.raw
        signature = self._sign[item.sender](signed_bytes)
        return signed_request(ROUTES[item.format], item.raw, signature, self._host)

    async def send(self, item: DayItem) -> GatewayAnswer:
        return await self.post(self.prepare(item))

    async def send_all(
        self, items: Sequence[DayItem], told: Callable[[DayItem, GatewayAnswer], None] | None = None
    ) -> list[GatewayAnswer]:
        """Send a day, as many at once as there are connections; each waits for its `after`.

        `told` is called as each answer comes; the answers come back in the items' order.
        """
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[GatewayAnswer]] = [loop.create_future() for _ in items]
        waiting = iter(range(len(items)))

        async def work() -> None:
            for number in waiting:
                item = items[number]
                if item.after is not None:
                    await asyncio.shield(answers[item.after])
                answer = await self.send(item)
                answers[number].set_result(answer)
                if told is not None:
                    told(item, answer)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.connections, len(items))):
                group.create_task(work())
        return [answer.result() for answer in answers]

    async def post(self, request: bytes) -> GatewayAnswer:
        """Send a prepared request until it is answered with anything but 503."""
        started = time.perf_counter()
        attempts = 0
        while True:
            attempts += 1
            reply = await self._attempt(request)
            seconds = time.perf_counter() - started
            pause_s = SILENCE_PAUSE_S
            if isinstance(reply, _Answered):
                if reply.status != 503 or seconds > self._patience_s:
                    return GatewayAnswer(
                        status=reply.status, body=reply.body, attempts=attempts, seconds=seconds
                    )
                pause_s = SILENCE_PAUSE_S if reply.retry_after_s is None else reply.retry_after_s
            elif seconds > self._patience_s:
                return GatewayAnswer(status=0, body=b"", attempts=attempts, seconds=seconds)
            self.retries += 1
            await asyncio.sleep(pause_s * self._jitter.uniform(1.0, 1.25))

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _attempt(self, request: bytes) -> Reply | None:
        try:
            return await self._pool.call(request, DEADLINE_S)
        except NotSent:
            return None
