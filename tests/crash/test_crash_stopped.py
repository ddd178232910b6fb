"""PostgreSQL, the bank or the bureau is there and answers nothing, for longer than anybody waits.

SIGSTOP: connections stay open, new ones are taken by the kernel and never served. Then it goes on
as if nothing had been, with all that was said to it meanwhile. `STOPPED_SECONDS=60` for a minute.
"""

import asyncio
import os

import pytest

from tests.crash.crowd import Crowd
from tests.crash.theatre import BANK_HABITS, POSTGRES, theatre
from tests.crash.truth import reckon

STOPPED_S = float(os.environ.get("STOPPED_SECONDS", "4"))
BETWEEN_S = 1.5
VICTIMS = (POSTGRES, "bank", "bureau")

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


async def test_who_hangs_with_its_connections_open_loses_nothing_and_pays_nothing_twice() -> None:
    count = int(300 * (2 + len(VICTIMS) * (STOPPED_S + BETWEEN_S)))
    async with theatre(70, count, gateways=2, habits=BANK_HABITS) as stage:
        crowd = Crowd(stage.client(patience_s=400.0), stage.plan.items, 70)
        enough = asyncio.Event()
        load = asyncio.create_task(crowd.run(enough))
        told = []
        for victim in VICTIMS:
            await asyncio.sleep(BETWEEN_S)
            before = len(crowd.answers)
            stage.stop(victim)
            await asyncio.sleep(STOPPED_S)
            meanwhile = len(crowd.answers) - before
            stage.resume(victim)
            began, after = asyncio.get_running_loop().time(), len(crowd.answers)
            while len(crowd.answers) < after + 24:  # noqa: ASYNC110  others send meanwhile
                await asyncio.sleep(0.05)
            back = asyncio.get_running_loop().time() - began
            told.append(f"{victim}: {meanwhile} answered meanwhile, 24 more {back:.1f} s after")
        enough.set()
        await load
        await reckon(stage, crowd, "; ".join(told), again=200, never="line.broken")
