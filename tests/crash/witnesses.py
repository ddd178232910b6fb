"""What the tests of restored and promoted databases ask of gateway, bank and operator."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import asyncpg
import orjson

from deploy.demo.day import DayItem
from deploy.demo.stage import HOST
from tests.crash.theatre import Theatre

FAITHFUL: tuple[str, ...] = ("--delay-ms", "2")
"""A bank that always answers."""
GATEWAY = "gateway-0"


async def send(stage: Theatre, items: Sequence[DayItem], *, patience_s: float = 30.0) -> list[int]:
    """The status that each was answered with, one after the other."""
    client = stage.client(connections=4, patience_s=patience_s)
    try:
        return [(await client.send(item)).status for item in items]
    finally:
        await client.aclose()


async def paid(stage: Theatre) -> list[tuple[str, int, int]]:
    """By key, how often it was submitted and paid, as the bank's own books say."""
    effects = (await stage.journal())["effects"]
    return sorted((row["key"], row["submitted"], row["count"]) for row in effects)


async def ready(stage: Theatre) -> Mapping[str, Any]:
    address = f"http://{HOST}:{stage.stage.ports.ops}/readyz"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        told: Mapping[str, Any] = orjson.loads(await answer.read())
        return told


async def marked(stage: Theatre) -> None:
    """Until all that was decided is sealed, and the mark says all that is sealed."""
    connection = await asyncpg.connect(stage.stage.gateway_database)
    busy = (
        "SELECT (SELECT count(*) FROM pending_record) + (SELECT count(*) FROM told_batch)"
        " + (SELECT count(*) FROM open_payment)"
    )
    try:
        while await connection.fetchval(busy):  # noqa: ASYNC110  another process's state
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
    while True:
        (found,) = orjson.loads(tend(stage, "mark", "show", "--json").stdout)
        if found["marked"] == found["held"]:
            return


async def again(stage: Theatre) -> None:
    """kill -9 of the gateway, and another start."""
    stage.kill(GATEWAY)
    await stage.restart(GATEWAY)


def tend(stage: Theatre, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command of the gateway with its settings."""
    settings = str(stage.stage.folder / f"{GATEWAY}.toml")
    environment = stage.stage.environment(stage.stage.gateway_environment)
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words, "--settings", settings],
        env={**environment, "NO_COLOR": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )
