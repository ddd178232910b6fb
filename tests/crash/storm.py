"""A storm: agencies send a day while something is done to the stage; then everybody is heard."""

import asyncio
import time
from collections.abc import Awaitable

import attrs

from tests.crash.crowd import Crowd
from tests.crash.theatre import Theatre
from tests.crash.truth import Truth, heard

ASKED_AGAIN = 400


@attrs.frozen(kw_only=True)
class Stormed:
    crowd: Crowd
    seconds: float
    truth: Truth


async def storm(stage: Theatre, seed: int, trouble: Awaitable[None]) -> Stormed:
    """Send until `trouble` is over, let all that is under way end, ask again, and take down what
    every party holds. Nothing is compared here."""
    crowd, enough = Crowd(stage.client(), stage.plan.items, seed), asyncio.Event()
    began = time.monotonic()
    load = asyncio.create_task(crowd.run(enough))
    try:
        await trouble
    finally:
        enough.set()
        await load
    seconds = time.monotonic() - began
    truth = await heard(stage, crowd, again=ASKED_AGAIN)
    return Stormed(crowd=crowd, seconds=seconds, truth=truth)
