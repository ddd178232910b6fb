"""The database comes back from an older copy while the bureau is down: nothing is paid twice.

Only the mark beside the database knows of the payments of the meantime: they were never told to the
bureau, and the agencies send them all again.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from deploy.demo.day import DIVISION, DayItem
from gateway.domain.decision import Outcome
from tests.crash.theatre import POSTGRES, Theatre, theatre
from tests.crash.truth import settled
from tests.crash.witnesses import FAITHFUL, GATEWAY, again, marked, paid, ready, send, tend

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]


async def test_a_database_restored_while_the_bureau_is_down_pays_no_repeat() -> None:
    async with theatre(40, 120, habits=FAITHFUL) as stage:
        passing = [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]
        before, since = passing[:10], passing[10:30]
        assert set(await send(stage, before)) == {200}
        await settled(stage)
        older = await _copied(stage, "older")
        stage.kill("bureau")
        assert set(await send(stage, since)) == {200}
        await marked(stage)
        newest = await _copied(stage, "newest", first=False)
        stood = await paid(stage)
        assert len(stood) == 30

        await _put_back(stage, older)
        assert set(await send(stage, since, patience_s=0.0)) == {503}
        assert await paid(stage) == stood, "no repeat was paid"
        assert "older copy" in (await ready(stage))["reasons"][f"log.{DIVISION}"]
        found = tend(stage, "doctor", "--json")
        assert found.returncode == 1 and b"it is an older copy" in found.stdout
        refused = tend(stage, "mark", "set", *WHO, "--division", DIVISION, "--told", "1")
        assert refused.returncode == 1 and b"--lower" in refused.stderr

        await stage.restart("bureau")
        (stage.stage.folder / "log.mark").unlink()
        stage.kill("bureau")
        await again(stage)
        assert "neither the mark" in (await ready(stage))["reasons"][f"log.{DIVISION}"]
        assert set(await send(stage, since, patience_s=0.0)) == {503}, "without a mark neither"
        assert await paid(stage) == stood

        await _put_back(stage, newest)
        await stage.restart("bureau")
        assert set(await send(stage, since)) == {200}, "the same bytes get their answers"
        await settled(stage)
        assert await paid(stage) == stood


async def test_who_slept_and_wakes_on_an_older_copy_pays_no_repeat() -> None:
    """The copy holds all that this process ever saw; its host has seen more, and the bureau is
    away."""
    async with theatre(42, 120, gateways=2, habits=FAITHFUL) as stage:
        passing = [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]
        before, since = passing[:5], passing[5:10]
        assert set(await send(stage, before)) == {200}
        await settled(stage)
        await marked(stage)
        stage.kill(POSTGRES)
        older = stage.stage.folder / "older"
        _copy(stage.stage.folder / "postgres" / "data", older)
        await stage.restart(POSTGRES)
        assert set(await send(stage, before)) == {200}
        stage.kill("bureau")
        stage.stop(SLEEPER)
        assert set(await _sent_past(stage, since)) == {200}
        await marked(stage)
        stood = await paid(stage)
        assert len(stood) == 10

        stage.kill(GATEWAY)
        await _replaced(stage, older)
        stage.resume(SLEEPER)
        assert set(await send(stage, since, patience_s=0.0)) <= {0, 503}
        assert await paid(stage) == stood, "no repeat was paid"
        while "database.forgot" not in stage.log_of(SLEEPER):  # noqa: ASYNC110  its log says when
            await asyncio.sleep(0.1)


SLEEPER = "gateway-1"


async def _sent_past(stage: Theatre, items: Sequence[DayItem]) -> list[int]:
    """By whoever is awake: a connection that the sleeper should take is given up."""
    told: list[int] = []
    while len(told) < len(items):
        client = stage.client(connections=1, patience_s=0.0)
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                told.append((await client.send(items[len(told)])).status)
                told += [(await client.send(item)).status for item in items[len(told) :]]
        await client.aclose()
    return told


WHO = ("--by", "Li", "--reason", "asked the bureau by telephone")


async def test_an_operator_can_open_a_new_host_while_the_bureau_is_down() -> None:
    async with theatre(41, 60, habits=FAITHFUL) as stage:
        passing = [i for i in stage.plan.items if i.outcome is Outcome.PASS and i.after is None]
        assert set(await send(stage, passing[:5])) == {200}
        await settled(stage)
        await marked(stage)
        stage.kill("bureau")
        (stage.stage.folder / "log.mark").unlink()
        await again(stage)
        assert set(await send(stage, passing[5:6], patience_s=0.0)) == {503}
        held = orjson.loads(tend(stage, "mark", "show", "--json").stdout)[0]["held"]
        more = tend(stage, "mark", "set", *WHO, "--division", DIVISION, "--told", str(held + 1))
        assert more.returncode == 1 and b"it is older" in more.stderr
        said = ("mark", "set", *WHO, "--division", DIVISION, "--told", str(held))
        refused = tend(stage, *said)
        assert refused.returncode == 1 and b"stop every gateway" in refused.stderr
        stage.kill(GATEWAY)
        done = tend(stage, *said)
        assert done.returncode == 0, done.stderr
        await stage.restart(GATEWAY)
        assert set(await send(stage, passing[5:10])) == {200}


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
    await _replaced(stage, copy)
    await stage.restart(GATEWAY)


async def _replaced(stage: Theatre, copy: Path) -> None:
    stage.kill(POSTGRES)
    data = stage.stage.folder / "postgres" / "data"
    shutil.rmtree(data)
    _copy(copy, data)
    await stage.restart(POSTGRES)


def _copy(here: Path, there: Path) -> None:
    """With the owner of each file, as the server's own tools would."""
    done = subprocess.run(
        ["cp", "-a", str(here), str(there)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
