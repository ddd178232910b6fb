"""Watch: know that the bank core cannot be reached before a payment has to find out."""

import asyncio

import structlog

from gateway.ports import Bank

LOOK_S = 2.0

log = structlog.get_logger()


async def watch_bank(bank: Bank) -> None:
    """Look for ever; say it once when it is lost, and once when it is back."""
    was_there = True
    while True:
        is_there = await bank.reach()
        if is_there != was_there:
            was_there = is_there
            if is_there:
                log.info("bank.reached")
            else:
                log.error("bank.unreachable")
        await asyncio.sleep(LOOK_S)
