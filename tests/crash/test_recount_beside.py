"""A recount beside a serving gateway: payments go on, and at every moment nothing differs."""

import asyncio

import pytest

from tests.commands.staged import recounted
from tests.crash.test_crash_moments import SLOW
from tests.crash.theatre import theatre
from tests.crash.truth import settled

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]

INSTRUCTIONS = 240


async def test_nothing_differs_while_payments_go_on() -> None:
    async with theatre(47, INSTRUCTIONS, gateways=2, habits=SLOW) as stage:
        client = stage.client(connections=4)
        sending = asyncio.create_task(client.send_all(stage.plan.items))
        looks = 0
        while not sending.done():
            assert await asyncio.to_thread(recounted, stage.stage) == []
            looks += 1
        answers = await sending
        assert looks > 1, "it ended before anybody looked"
        assert {each.status for each in answers} & {200, 422}
        await settled(stage)
        assert await asyncio.to_thread(recounted, stage.stage) == []
        await client.aclose()
