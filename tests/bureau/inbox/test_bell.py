"""The bell that open pages listen to: what rang while a listener was busy is heard afterwards."""

import asyncio

from bureau.inbox.bell import Bell


async def test_a_listener_that_was_busy_hears_once_that_it_missed_something() -> None:
    bell = Bell()
    heard = bell.rings
    bell.ring()
    bell.ring()
    heard = await asyncio.wait_for(bell.wait(heard), 60)
    later = asyncio.create_task(bell.wait(heard))
    await asyncio.sleep(0)
    assert not later.done(), "both rings were told at once"
    bell.ring()
    assert await asyncio.wait_for(later, 60) == 3
