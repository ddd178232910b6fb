"""What this bureau holds of its banks' logs as folders that prove themselves, for other systems.

Each run writes what came since the last one: the folders of a log follow one another without a gap,
and `verify day` and docs/examples/warehouse.mjs read them.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from bureau.inbox.hashes import frontier_of
from bureau.ports import LogPlace, LogStore
from certs.log.day import CHECKPOINT, Day, write_day
from certs.log.note import Checkpoint, parse_checkpoint, parse_note
from gateway.domain.log import Cosigned, tree_digest
from gateway.domain.tree import root_of

STRETCH_MAX = 100_000
"""Records of a folder, unless one delivery had more: so much is held in memory."""
ENDS = "-".join(2 * ["[0-9]" * 12])
"""Of a folder's name, for `glob`: a bank's name with a number after it is another bank's."""


class Held(LogStore, Protocol):
    """The log, read in stretches."""

    async def next_stop(self, division: str, bank: str, start: int, wanted: int) -> Cosigned | None:
        """The last checkpoint beyond `start` and up to `wanted`, else the first beyond that."""
        ...

    def bodies(
        self, division: str, bank: str, end: int, start: int = 0
    ) -> AsyncIterator[list[tuple[int, bytes]]]: ...


class TakeOut:
    """A folder that cannot be written whole is not there under its name."""

    def __init__(self, folder: Path, log: Held, places: Sequence[LogPlace]) -> None:
        self._folder = folder
        self._log = log
        self._places = places

    async def write(self) -> list[Path]:
        """The folders that are new. Raises StoreUnavailable, OSError, and ValueError: the last
        folder that is there is of another log than the one that we hold."""
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        written = []
        for place in self._places:
            while (target := await self._next(place)) is not None:
                written.append(target)
        return written

    async def _next(self, place: LogPlace) -> Path | None:
        previous, start = await self._where_we_were(place)
        stop = await self._log.next_stop(place.division, place.bank, start, start + STRETCH_MAX)
        if stop is None:
            return None
        pieces = self._log.bodies(place.division, place.bank, stop.size, start)
        records = [body async for piece in pieces for _, body in piece]
        day = Day(
            checkpoint=stop.checkpoint, records=records, previous=previous,
            frontier=await frontier_of(self._log, place, start) if start else (),
        )  # fmt: skip
        target = self._folder / f"{_prefix(place)}{start:012}-{stop.size:012}"
        await asyncio.to_thread(_write, target, day)
        return target

    async def _where_we_were(self, place: LogPlace) -> tuple[str | None, int]:
        """The checkpoint at which the newest folder ends, and its size."""
        there = sorted(self._folder.glob(_prefix(place) + ENDS), key=_end)
        if not there:
            return None, 0
        note = (there[-1] / CHECKPOINT).read_text("utf-8")
        last: Checkpoint = parse_checkpoint(parse_note(note).text)
        frontier = await frontier_of(self._log, place, last.size)
        if last.origin != place.origin or root_of(frontier, tree_digest(place.origin)) != last.root:
            raise ValueError(f"{there[-1]} is of another log than the one that is held here")
        return note, last.size


def _prefix(place: LogPlace) -> str:
    return f"{place.division}-{place.bank}-"


def _end(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _write(target: Path, day: Day) -> None:
    beside = target.with_name(f".{target.name}")
    shutil.rmtree(beside, ignore_errors=True)
    write_day(beside, day)
    for each in (*beside.iterdir(), beside):
        _on_the_disk(each)
    beside.rename(target)
    _on_the_disk(target.parent)


def _on_the_disk(path: Path) -> None:
    """Before its name says that it is whole: the next run goes on from it."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
