"""The desk's site answers whatever a stranger says, and keeps no connection over it."""

import asyncio
import gc

from aiohttp import web

from bureau.collector import GC_THRESHOLD, spare_the_collector
from bureau.web.reception import site


async def test_a_request_without_a_target_is_answered_and_ends_the_connection() -> None:
    """aiohttp broke on it, and the connection stayed open without an answer for ever."""
    async with site(web.Application(), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"CONNECT \r\n\r\n")
        async with asyncio.timeout(60):
            said = await reader.read()
        assert said.startswith(b"HTTP/1.") and b" 404 " in said
        writer.close()


def test_what_stays_is_set_aside_so_that_no_long_list_has_everything_looked_through() -> None:
    """A workbook's first byte waited 180 ms for it, now and then."""
    before = gc.get_threshold()
    try:
        spare_the_collector()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (GC_THRESHOLD, 20, 20) and gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
