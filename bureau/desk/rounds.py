"""A worker's rounds, which a database that fails delays and never ends."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.domain.faults import StoreUnavailable
from gateway.domain.seldom import Lasting

_log = structlog.get_logger("bureau")


async def rounds(name: str, work: Callable[[], Awaitable[object]], every_s: float) -> None:
    """Until cancelled. That the database fails is said as `<name>.postponed` when it begins and
    each minute while it lasts, and `<name>.goes_on` once it is over: several rounds a second would
    fill the log's disk beside the database's."""
    lasting, clock = Lasting(), asyncio.get_running_loop().time
    while True:
        try:
            await work()
        except StoreUnavailable as lost:
            if lasting.due(clock()):
                _log.warning(f"{name}.postponed", reason=str(lost))
        else:
            if lasting.over():
                _log.info(f"{name}.goes_on")
        await asyncio.sleep(every_s)
