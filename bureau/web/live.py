"""Server-sent events: tells an open page that something arrived; the page then asks again."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from bureau.inbox.bell import Bell
from gateway.domain.faults import StoreUnavailable

LISTENERS_MAX = 64
LISTENERS_OF_ONE_MAX = 8
"""Of one person: nobody keeps the others' pages from being told."""
BEAT_S = 15.0
"""A comment keeps the connection known to be alive, and finds out one that is not."""
CALM_S = 0.5
"""At most two events a second, however many deliveries arrive."""


class Live:
    """Streams `event: arrived` to every listener until it goes or the program stops."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._streams: dict[asyncio.Task[None], tuple[str, web.Request]] = {}

    async def stream(
        self, request: web.Request, login: str, may_stay: Callable[[], Awaitable[bool]]
    ) -> web.StreamResponse:
        """`may_stay`: whether the session still lives; asked at each beat."""
        # A page that was left is found out by the next beat only: whoever turns pages in between
        # would be refused, and a browser never asks again for what it was refused.
        there = [whose for whose, one in self._streams.values() if one.transport is not None]
        if len(there) >= LISTENERS_MAX or there.count(login) >= LISTENERS_OF_ONE_MAX:
            raise web.HTTPServiceUnavailable(reason="too many open pages")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        task = asyncio.create_task(self._send(response, may_stay))
        self._streams[task] = login, request
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            self._streams.pop(task, None)
        return response

    async def stop(self, _: web.Application) -> None:
        """Ends every stream, so that the site can stop without waiting for its listeners."""
        for task in self._streams:
            task.cancel()

    async def _send(
        self, response: web.StreamResponse, may_stay: Callable[[], Awaitable[bool]]
    ) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        try:
            heard = self._bell.rings
            await response.write(b"retry: 2000\n\n")
            while loop.time() - asked < BEAT_S or await may_stay():
                if loop.time() - asked >= BEAT_S:
                    asked = loop.time()
                try:
                    async with asyncio.timeout(BEAT_S):
                        heard = await self._bell.wait(heard)
                except TimeoutError:
                    await response.write(b": beat\n\n")
                else:
                    await response.write(b"event: arrived\ndata: 1\n\n")
                    await asyncio.sleep(CALM_S)
        except (ConnectionError, StoreUnavailable):
            return
