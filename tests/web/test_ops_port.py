"""The operators' port on loopback: who may ask there, although it knows no certificates."""

import aiohttp
import pytest
from aiohttp import web

from gateway.domain.log import Backlog
from gateway.web.metrics import Metrics
from gateway.web.ops import Ops


async def _nothing() -> Backlog:
    raise AssertionError("not asked for")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9464", 200), ("localhost", 200), ("[::1]:9464", 200), ("10.0.0.7", 200),
        ("evil.example", 421), ("evil.example:9464", 421), ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421), ("", 421), ("[::1", 421),
    ],
)  # fmt: skip
async def test_a_page_whose_name_was_made_to_mean_loopback_reads_nothing(
    host: str, status: int
) -> None:
    runner = web.AppRunner(Ops(Metrics(), dict, _nothing, b"{}").application())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/healthz"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={"Host": host}) as answer,
        ):
            assert answer.status == status
    finally:
        await runner.cleanup()
