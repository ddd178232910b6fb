"""What the program writes into a folder and then ends: forks that were seen, and its own copy."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

from bureau.desk.forks import ForkKeeper
from bureau.desk.takeout import TakeOut
from bureau.settings import Settings
from bureau.wiring import open_store


async def write_forks(folder: Path, settings: Settings) -> None:
    """A folder for each, that `verify fork` proves."""
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        for target in await ForkKeeper(folder, store.log, store.desk, settings.logs).write():
            sys.stdout.write(f"{target}\n")


async def take_out(folder: Path, settings: Settings) -> None:
    """Folders that `verify day --no-manifest` and a warehouse's loader prove (docs/bureau.md)."""
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        for target in await TakeOut(folder, store.log, settings.logs).write():
            sys.stdout.write(f"{target}\n")
