"""The desk's site answers whatever a stranger says, and keeps no connection over it."""

import asyncio

from aiohttp import web

from bureau.serving import site


async def test_a_request_without_a_target_is_answered_and_ends_the_connection() -> None:
    """aiohttp broke on it, and the connection stayed open without an answer for ever."""
    async with site(web.Application(), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"CONNECT \r\n\r\n")
        async with asyncio.timeout(60):
            said = await reader.read()
        assert said.startswith(b"HTTP/1.") and b" 404 " in said
        writer.close()
