"""Server-sent events: tells an open page that something arrived; the page then asks again."""

import asyncio

from aiohttp import web

from bureau.inbox.bell import Bell

LISTENERS_MAX = 64
BEAT_S = 15.0
"""A comment keeps the connection known to be alive, and finds out one that is not."""
CALM_S = 0.5
"""At most two events a second, however many deliveries arrive."""


class Live:
    """Streams `event: arrived` to every listener until it goes or the program stops."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._streams: set[asyncio.Task[None]] = set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if len(self._streams) >= LISTENERS_MAX:
            raise web.HTTPServiceUnavailable(reason="too many open pages")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        task = asyncio.create_task(self._send(response))
        self._streams.add(task)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            self._streams.discard(task)
        return response

    async def stop(self, _: web.Application) -> None:
        """Ends every stream, so that the site can stop without waiting for its listeners."""
        for task in self._streams:
            task.cancel()

    async def _send(self, response: web.StreamResponse) -> None:
        try:
            heard = self._bell.rings
            await response.write(b"retry: 2000\n\n")
            while True:
                try:
                    async with asyncio.timeout(BEAT_S):
                        heard = await self._bell.wait(heard)
                except TimeoutError:
                    await response.write(b": beat\n\n")
                else:
                    await response.write(b"event: arrived\ndata: 1\n\n")
                    await asyncio.sleep(CALM_S)
        except ConnectionError:
            return
