"""What the program does and then ends: forks that were seen and its own copy into a folder, and a
recount of what its desk lists."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path

import attrs
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from adapters.folder.lock import hold, release
from adapters.postgres.bureau.pool import open_pool
from adapters.postgres.bureau.recount import snapshot
from bureau.desk.audit import Auditor
from bureau.desk.forks import ForkKeeper
from bureau.desk.recount import Recounter
from bureau.desk.takeout import TakeOut
from bureau.own_keys import trust_of
from bureau.ports import LogPlace
from bureau.settings import Settings
from bureau.wiring import open_store

LOCK = ".export.lock"
"""In the folder; empty, never taken away."""


async def write_forks(folder: Path, settings: Settings) -> None:
    """A folder for each, that `verify fork` proves."""
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        for target in await ForkKeeper(folder, store.log, store.desk, settings.logs).write():
            sys.stdout.write(f"{target}\n")


class Differs(ValueError):
    """What is stored is not what the records come to; each value stands on standard output."""


async def recount(settings: Settings) -> None:
    """A line of JSON for each value that differs, the desk's lists and figures against the records.

    Raises Differs, StoreUnavailable.
    """
    trust, number = trust_of(settings), 0
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        pool = await open_pool(settings.database)
        rooms.push_async_callback(pool.close)
        recounter = Recounter(partial(snapshot, pool), Auditor(store.log, trust), trust)
        counted: set[str] = set()
        bar = rooms.enter_context(_bar())
        tasks = {
            each.origin: bar.add_task(f"{each.division} {each.bank}", total=None)
            for each in settings.logs
        }

        def progress(place: LogPlace, done: int, total: int) -> None:
            bar.update(tasks[place.origin], completed=done, total=total)

        for place in settings.logs:
            figures = place.division not in counted
            counted.add(place.division)
            async for each in recounter.recount(place, progress, figures=figures):
                number += 1
                sys.stdout.write(orjson.dumps(attrs.asdict(each)).decode() + "\n")
    if number:
        raise Differs(f"{number} 处与记录不一致 values differ from the records")
    sys.stdout.write("一致 nothing differs\n")


def _bar() -> Progress:
    """How far it is, on standard error, and gone once it is done; nothing where none looks."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def take_out(folder: Path, settings: Settings) -> None:
    """Folders that `verify day --no-manifest` and a warehouse's loader prove (docs/bureau.md).

    Raises OSError: another export writes there. Two would write one folder between them.
    """
    with _alone(folder):
        await _take_out(folder, settings)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    held = hold(folder / LOCK, fcntl.LOCK_EX, tries=1)
    try:
        yield
    finally:
        release(held)


async def _take_out(folder: Path, settings: Settings) -> None:
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        for target in await TakeOut(folder, store.log, settings.logs).write():
            sys.stdout.write(f"{target}\n")
