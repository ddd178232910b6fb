"""The bank core's own list of movements, read page by page: `gateway.conduct_ports.BankBooks`.

`GET /v1/entries?after=N&limit=M` answers `{"after": "N2", "entries": [...]}`; `after` null: end.
"""

import asyncio
import re
import ssl
from collections.abc import Callable

import attrs

from adapters.bank.exchange import Exchange
from adapters.bank.pool import NotSent, Pool
from gateway.domain.conduct import BankEntry
from gateway.domain.faults import BankSilent, Unreadable

PAGE_BYTES_MAX = 8 << 20
CONNECTIONS = 1
WAITING_MAX = 4

_PLACE = re.compile("[0-9]{1,64}")

Reader = Callable[[bytes], tuple[list[BankEntry], str | None]]
"""Reads a page; raises Unreadable."""


class _PageExchange(Exchange):
    answer_bytes_max = PAGE_BYTES_MAX


@attrs.define(eq=False)
class HttpBooks:
    host: str
    port: int
    ssl_context: ssl.SSLContext | None
    deadline_s: float
    read: Reader
    _pool: Pool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pool = Pool(
            self.host, self.port, self.ssl_context, CONNECTIONS, WAITING_MAX,
            exchange=_PageExchange,
        )  # fmt: skip

    async def entries(self, after: str | None, limit: int) -> tuple[list[BankEntry], str | None]:
        place = after or "0"
        if not _PLACE.fullmatch(place):
            raise BankSilent(f"the cursor {place!r} is not this core's")
        request = (
            f"GET /v1/entries?after={place}&limit={limit} HTTP/1.1\r\n"
            f"Host: {self.host}:{self.port}\r\n\r\n"
        ).encode()
        try:
            reply = await self._pool.call(request, self.deadline_s)
        except NotSent as error:
            raise BankSilent(str(error)) from error
        if reply is None or reply.status != 200:
            raise BankSilent("no answer" if reply is None else f"status {reply.status}")
        try:
            # Eight megabytes of empty movements took the loop 1.5 s, every two seconds.
            entries, reached = await asyncio.to_thread(self.read, reply.body)
        except Unreadable as unreadable:
            first = unreadable.errors[0] if unreadable.errors else None
            where = f", first at {first.field}: {first.en}" if first else ""
            raise BankSilent(f"{unreadable.detail}{where}") from unreadable
        if entries and reached is None:
            raise BankSilent(f"{len(entries)} movements after {place}, and no place to go on from")
        if reached is not None and not (_PLACE.fullmatch(reached) and int(reached) > int(place)):
            raise BankSilent(
                f"the list goes on from {place} at {reached!r}, which is not behind it"
            )
        return entries, reached

    async def aclose(self) -> None:
        await self._pool.aclose()
