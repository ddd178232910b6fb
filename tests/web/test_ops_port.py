"""The operators' port on loopback: who may ask there, although it knows no certificates."""

import aiohttp
import pytest
from aiohttp import web

from gateway.domain.log import Backlog
from gateway.web.metrics import Metrics
from gateway.web.ops import Ops


async def _nothing() -> Backlog:
    raise AssertionError("not asked for")


async def _idle() -> Backlog:
    return Backlog(open_payments=0, operator_tasks=0, records_waiting=0, notices_waiting=0, logs=())


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
    runner = web.AppRunner(Ops(Metrics(), dict, dict, _nothing, b"{}").application())
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


async def test_a_mark_that_cannot_be_written_is_a_warning_and_stops_no_payment() -> None:
    warnings = {"mark": "not written for 31 s: No space left on device"}
    warnings["log_file"] = "lines of the log are lost since 31 s: full"
    runner = web.AppRunner(Ops(Metrics(), dict, lambda: warnings, _idle, b"{}").application())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        at = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{at}/readyz") as answer:
                told = await answer.json()
                assert (answer.status, told["state"]) == (200, "ready")
                assert "No space" in told["warnings"]["mark"]
                assert "are lost" in told["warnings"]["log_file"]
            async with session.get(f"{at}/metrics") as answer:
                numbers = await answer.text()
                assert 'gateway_warning{what="mark"} 1.0' in numbers
                assert "gateway_ready 1.0" in numbers and "gateway_unready{" not in numbers
            warnings.clear()
            async with session.get(f"{at}/metrics") as answer:
                assert "gateway_warning{" not in await answer.text(), "what is over must not stay"
    finally:
        await runner.cleanup()
