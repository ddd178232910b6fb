"""The database comes back from an older copy while the bureau is down: nothing is paid twice.

Only the mark beside the database knows of the payments of the meantime: they were never told to the
bureau, and the agencies send them all again.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from deploy.demo.day import DIVISION, DayItem
from deploy.demo.stage import HOST
from gateway.domain.decision import Outcome
from tests.crash.theatre import POSTGRES, Theatre, theatre
from tests.crash.truth import settled

FAITHFUL: tuple[str, ...] = ("--delay-ms", "2")
GATEWAY = "gateway-0"

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(240)]


async def test_a_database_restored_while_the_bureau_is_down_pays_no_repeat() -> None:
    async with theatre(40, 120, habits=FAITHFUL) as stage:
        passing = [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]
        before, since = passing[:10], passing[10:30]
        assert set(await _send(stage, before)) == {200}
        await settled(stage)
        older = await _copied(stage, "older")
        stage.kill("bureau")
        assert set(await _send(stage, since)) == {200}
        await _marked_and_sealed(stage)
        newest = await _copied(stage, "newest", first=False)
        paid = await _paid(stage)
        assert len(paid) == 30

        await _put_back(stage, older)
        assert set(await _send(stage, since, patience_s=0.0)) == {503}
        assert await _paid(stage) == paid, "no repeat was paid"
        ready = await _ready(stage)
        assert "older copy" in ready["reasons"][f"log.{DIVISION}"]
        found = _run(stage, "doctor", "--json")
        assert found.returncode == 1 and b"it is an older copy" in found.stdout
        refused = _run(stage, "mark", "set", *WHO, "--division", DIVISION, "--told", "1")
        assert refused.returncode == 1 and b"--lower" in refused.stderr

        await stage.restart("bureau")
        (stage.stage.folder / "log.mark").unlink()
        stage.kill("bureau")
        await _again(stage)
        assert "neither the mark" in (await _ready(stage))["reasons"][f"log.{DIVISION}"]
        assert set(await _send(stage, since, patience_s=0.0)) == {503}, "without a mark neither"
        assert await _paid(stage) == paid

        await _put_back(stage, newest)
        await stage.restart("bureau")
        assert set(await _send(stage, since)) == {200}, "the same bytes get their answers"
        await settled(stage)
        assert await _paid(stage) == paid


WHO = ("--by", "Li", "--reason", "asked the bureau by telephone")


async def test_an_operator_can_open_a_new_host_while_the_bureau_is_down() -> None:
    async with theatre(41, 60, habits=FAITHFUL) as stage:
        passing = [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]
        assert set(await _send(stage, passing[:5])) == {200}
        await settled(stage)
        stage.kill("bureau")
        (stage.stage.folder / "log.mark").unlink()
        await _again(stage)
        assert set(await _send(stage, passing[5:6], patience_s=0.0)) == {503}
        held = orjson.loads(_run(stage, "mark", "show", "--json").stdout)[0]["held"]
        more = _run(stage, "mark", "set", *WHO, "--division", DIVISION, "--told", str(held + 1))
        assert more.returncode == 1 and b"it is older" in more.stderr
        done = _run(stage, "mark", "set", *WHO, "--division", DIVISION, "--told", str(held))
        assert done.returncode == 0, done.stderr
        await _again(stage)
        assert set(await _send(stage, passing[5:10])) == {200}


async def _send(
    stage: Theatre, items: Sequence[DayItem], *, patience_s: float = 30.0
) -> list[int]:  # fmt: skip
    client = stage.client(connections=4, patience_s=patience_s)
    try:
        return [(await client.send(item)).status for item in items]
    finally:
        await client.aclose()


async def _paid(stage: Theatre) -> list[str]:
    return sorted(row["key"] for row in (await stage.journal())["effects"])


async def _ready(stage: Theatre) -> Mapping[str, Any]:
    address = f"http://{HOST}:{stage.stage.ports.ops}/readyz"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        told: Mapping[str, Any] = orjson.loads(await answer.read())
        return told


async def _again(stage: Theatre) -> None:
    stage.kill(GATEWAY)
    await stage.restart(GATEWAY)


async def _copied(stage: Theatre, name: str, *, first: bool = True) -> Path:
    """A whole copy of the database, as kill -9 leaves it on its disk."""
    stage.kill(GATEWAY)
    stage.kill(POSTGRES)
    data, copy = stage.stage.folder / "postgres" / "data", stage.stage.folder / name
    _copy(data, copy)
    await stage.restart(POSTGRES)
    if first:
        await stage.restart("bureau")
    await stage.restart(GATEWAY)
    return copy


async def _put_back(stage: Theatre, copy: Path) -> None:
    """kill -9 of gateway and database, then the copy in its place."""
    stage.kill(GATEWAY)
    stage.kill(POSTGRES)
    data = stage.stage.folder / "postgres" / "data"
    shutil.rmtree(data)
    _copy(copy, data)
    await stage.restart(POSTGRES)
    await stage.restart(GATEWAY)


def _copy(here: Path, there: Path) -> None:
    """With the owner of each file, as the server's own tools would."""
    done = subprocess.run(
        ["cp", "-a", str(here), str(there)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def _marked_and_sealed(stage: Theatre) -> None:
    """Until the mark says all that the database holds."""
    while True:
        with contextlib.suppress(IndexError, KeyError, ValueError):
            (found,) = orjson.loads(_run(stage, "mark", "show", "--json").stdout)
            if found["marked"] == found["held"] and found["held"] >= 60:
                return


def _run(stage: Theatre, *words: str) -> subprocess.CompletedProcess[bytes]:
    settings = str(stage.stage.folder / f"{GATEWAY}.toml")
    environment = stage.stage.environment(stage.stage.gateway_environment)
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words, "--settings", settings],
        env={**environment, "NO_COLOR": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )
