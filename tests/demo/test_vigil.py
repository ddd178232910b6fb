"""A program of the demonstration that dies is told with its log, and ends the demonstration."""

import asyncio
import datetime as dt
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from adapters.postgres.embedded.binaries import EmbeddedUnavailable, installed_binaries
from adapters.postgres.embedded.server import EmbeddedPostgres
from bureau.desk.policies.drafts import _library
from deploy.demo import vigil
from deploy.demo.__main__ import PLOT
from deploy.demo.identities import Identities
from deploy.demo.processes import Crew
from deploy.demo.stage import Stage
from deploy.demo.vigil import ProgramDied, beside, deaths, look, show_deaths, watch
from policies.book.load import load_texts

SLEEPER = "import signal; print('ready', flush=True); signal.pause()"
GONE_DEADLINE_S = 60.0
LOOK_S = 0.02
NOW = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)


class Small:
    """What the vigil needs of a stage: a crew, a PostgreSQL that never ran, logs."""

    def __init__(self, crew: Crew, folder: Path) -> None:
        self.crew = crew
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres")

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self, name: str, code: str = SLEEPER) -> int:
        words = [sys.executable, "-c", code]
        return self.crew.start(name, words, None, self.log(name), "ready")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Any]:
    with Crew() as crew:
        stage = Small(crew, tmp_path)
        stage.start("bank")
        stage.start("gateway-0")
        yield stage


def killed(stage: Any, name: str, number: int = signal.SIGKILL) -> None:
    """As anybody may, outside the crew; returns when it is gone."""
    os.kill(stage.crew.pid(name), number)
    deadline = time.monotonic() + GONE_DEADLINE_S
    while stage.crew.running(name):
        assert time.monotonic() < deadline
        time.sleep(LOOK_S)


def shown(died: ProgramDied) -> str:
    out = io.StringIO()
    show_deaths(Console(file=out, width=300), died.deaths)
    return out.getvalue()


def test_a_program_that_was_killed_is_named_with_the_end_of_its_log(small: Any) -> None:
    look(small)
    killed(small, "bank")
    with pytest.raises(ProgramDied) as died:
        watch(small)
    said = shown(died.value)
    assert "银行核心意外终止 bank ended by itself (SIGKILL)" in said
    assert str(small.log("bank")) in said and "\n  ready" in said
    assert "gateway-0 ended" not in said


def test_a_program_that_ends_in_order_unasked_is_dead_as_well(small: Any) -> None:
    small.start("bureau", "print('ready', flush=True); print('nothing left to do')")
    deadline = time.monotonic() + GONE_DEADLINE_S
    while small.crew.running("bureau"):
        assert time.monotonic() < deadline
        time.sleep(LOOK_S)
    with pytest.raises(ProgramDied, match="bureau") as died:
        look(small)
    assert "(exit code 0)" in shown(died.value) and "nothing left to do" in shown(died.value)


def test_what_is_stopped_killed_or_restarted_on_purpose_is_no_death(small: Any) -> None:
    small.crew.kill("bank")
    look(small)
    small.crew.restart("bank")
    small.crew.stop("gateway-0")
    look(small)
    small.crew.restart("gateway-0")
    look(small)
    killed(small, "gateway-0")
    assert [death.program for death in deaths(small)] == ["gateway-0"], "and after that it is"


async def test_work_is_left_when_a_program_dies_and_the_death_is_told(small: Any) -> None:
    async def for_ever() -> None:
        killed(small, "bank")
        await asyncio.Event().wait()

    with pytest.raises(ProgramDied, match="bank"):
        await beside(small, for_ever())


async def test_an_askers_failure_is_told_as_the_death_behind_it(small: Any) -> None:
    async def asks() -> None:
        killed(small, "gateway-0")
        raise ConnectionRefusedError("nobody is there")

    with pytest.raises(ProgramDied, match="gateway-0") as died:
        await beside(small, asks())
    assert isinstance(died.value.__cause__, ConnectionRefusedError)


async def test_a_failure_behind_which_nobody_died_stays_what_it_is(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vigil, "GRACE_S", 0.0)

    async def fails() -> None:
        raise ValueError("a mistake of our own")

    async def works() -> str:
        return "done"

    with pytest.raises(ValueError, match="of our own"):
        await beside(small, fails())
    assert await beside(small, works()) == "done"


def test_the_demonstrations_gateway_holds_the_book_that_the_desk_shows(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Crew(), Identities.create(tmp_path / "keys", NOW), PLOT)
    assert load_texts(stage.library) == dict(_library())


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("program", ["bank", "postgresql"])
def test_the_demonstration_ends_with_the_name_of_the_program_that_died(
    program: str, tmp_path: Path
) -> None:
    try:
        installed_binaries()
    except EmbeddedUnavailable as missing:
        pytest.skip(str(missing))
    environment = {k: v for k, v in os.environ.items() if k != "GATEWAY_DATABASE"}
    out = tmp_path / "out"
    with out.open("wb") as said:
        demo = subprocess.Popen(
            [sys.executable, "-m", "deploy.demo", "--once"], env=environment,
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        os.kill(found(demo, program), signal.SIGKILL)
        assert demo.wait(GONE_DEADLINE_S) == 1
    finally:
        demo.kill()
        demo.wait()
    text = out.read_text("utf-8")
    for left in re.findall(r"stay in (/\S+)", text):
        shutil.rmtree(left, ignore_errors=True)
    assert f"{program} ended by itself" in text and "Traceback" not in text, text
    assert "the last lines of" in text


def found(demo: subprocess.Popen[bytes], program: str) -> int:
    """The process, once the last program is being started."""
    deadline = time.monotonic() + GONE_DEADLINE_S
    while True:
        assert demo.poll() is None and time.monotonic() < deadline
        words = dict(descendants(demo.pid))
        if any("gateway\0serve" in line for line in words.values()):
            wanted = "adapters.bank.simulator" if program == "bank" else "bin/postgres\0-D"
            return next(pid for pid, line in words.items() if wanted in line)
        time.sleep(LOOK_S)


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Process ids with their command lines, parents first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        try:
            yield child, Path(f"/proc/{child}/cmdline").read_text()
        except OSError:
            continue
        yield from descendants(child)
