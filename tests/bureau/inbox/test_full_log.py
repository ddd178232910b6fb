"""The bureau's log: what cannot be written is lost and stops nobody; what it leaves out."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from bureau.journal import configure_log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept, handlers = structlog.get_config(), logging.root.handlers[:]
    yield
    structlog.configure(**kept)
    logging.root.handlers[:] = handlers
    logging.getLogger("aiohttp.server").setLevel(logging.NOTSET)


@pytest.mark.parametrize("cut", ["write", "flush"])
def test_a_full_disk_under_the_log_fails_nobody_who_logs(
    monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    lost: list[str] = []

    def full(*_: object) -> int:
        lost.append(cut)
        raise OSError(28, "No space left on device")

    error = io.StringIO()
    monkeypatch.setattr(error, cut, full, raising=False)
    monkeypatch.setattr(sys, "stderr", error)
    configure_log()
    structlog.get_logger().warning("feed.not_taken")
    assert lost


STRANGE = """
import asyncio, logging
import structlog
from aiohttp import web
from bureau.journal import configure_log
from bureau.web.reception import site

async def visited():
    async with site(web.Application(), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /sign-in/link/THE-SECRET\\xff HTTP/1.1\\r\\n\\r\\n")
        assert b" 400 " in await reader.read()
        writer.close()

configure_log()
asyncio.run(visited())
logging.getLogger("asyncio").error("Task exception was never retrieved\\nfuture: %s", "Zhang")
structlog.get_logger().warning("half.of_a_character", quoted="\\ud800")
"""


@pytest.mark.slow
def test_a_request_that_is_none_leaves_no_trace_in_the_log_and_libraries_tell_one_line() -> None:
    """Anybody who reached the desk wrote thirty lines of traceback for each bad request, which
    quoted what came: a one-time link with one byte too many, for who reads logs to use."""
    ended = subprocess.run(
        [sys.executable, "-c", STRANGE], check=True, capture_output=True, text=True
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert "THE-SECRET" not in ended.stderr and "Zhang" not in ended.stderr
    stopped, warned, half = lines
    assert (stopped["event"], half["quoted"]) == ("site.stopped", "\ud800")
    assert warned["message"] == "Task exception was never retrieved"
