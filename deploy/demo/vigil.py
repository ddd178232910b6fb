"""Watches the programs of a stage: one that ends though nobody stopped it is told, with its log.

What was killed or restarted through the crew, or stopped with PostgreSQL's own `stop` or `crash`,
was asked to end and is no death.
"""

import asyncio
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import attrs
from rich.console import Console

from deploy.demo.stage import Stage

LOOK_S = 0.2
GRACE_S = 3.0
"""Whoever asks a program sees sooner that it is gone than whoever looks after it."""
LINES_SHOWN = 15
_WORDS = {"bank": "银行核心", "bureau": "财政端", "postgresql": "数据库"}

_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class Death:
    """A program that ended by itself."""

    program: str
    ending: int | None
    """Its exit code, minus the signal's number; None where only the end itself is known."""
    log: Path
    last_words: str


class ProgramDied(Exception):
    def __init__(self, deaths: list[Death]) -> None:
        super().__init__(", ".join(death.program for death in deaths))
        self.deaths = deaths


def deaths(stage: Stage) -> list[Death]:
    found = [
        Death(
            program=name, ending=stage.crew.ending(name), log=stage.log(name),
            last_words=stage.crew.last_words(name),
        )
        for name in stage.crew.fallen
    ]  # fmt: skip
    if stage.postgres.gave_up:
        postgres = stage.postgres
        found.append(
            Death(
                program="postgresql", ending=None, log=postgres.log,
                last_words=postgres.last_words(),
            )
        )  # fmt: skip
    return found


def look(stage: Stage) -> None:
    """Raises ProgramDied."""
    if found := deaths(stage):
        raise ProgramDied(found)


def deaths_behind(stage: Stage) -> list[Death]:
    """What may have been the cause, after something failed; waits a little for it to be seen."""
    deadline = time.monotonic() + GRACE_S
    while not (found := deaths(stage)) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return found


async def beside(stage: Stage, work: Coroutine[Any, Any, _T]) -> _T:
    """Do it, unless a program dies meanwhile. Raises ProgramDied."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            look(stage)
            await asyncio.wait({task}, timeout=LOOK_S)
        return task.result()
    except ProgramDied:
        raise
    except Exception as error:  # a dead program's askers fail in ways that nobody can list
        if found := deaths_behind(stage):
            raise ProgramDied(found) from error
        raise
    finally:
        task.cancel()
        await asyncio.wait({task})


def watch(stage: Stage) -> NoReturn:
    """Until a signal's handler raises. Raises ProgramDied."""
    while True:
        look(stage)
        time.sleep(LOOK_S)


def show_deaths(console: Console, found: list[Death]) -> None:
    for death in found:
        words = _WORDS.get(death.program, "网关")
        console.print(
            f"[red]✗[/] {words}意外终止 {death.program} ended by itself{_ending(death.ending)}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
        console.print(f"日志末尾 the last lines of {death.log}:", soft_wrap=True)
        for line in death.last_words.splitlines()[-LINES_SHOWN:] or ["(空 nothing)"]:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _ending(code: int | None) -> str:
    if code is None:
        return ""
    return f" ({signal.Signals(-code).name})" if code < 0 else f" (exit code {code})"
