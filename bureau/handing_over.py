"""What the program writes into a folder and then ends: forks that were seen, and its own copy."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from adapters.folder.lock import hold, release
from bureau.desk.forks import ForkKeeper
from bureau.desk.takeout import TakeOut
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
