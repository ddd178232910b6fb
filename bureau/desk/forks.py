"""What this bureau can prove of a bank that signed two histories of its log, ready to hand over."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from bureau.inbox.bell import Bell
from bureau.inbox.hashes import growth_of, root_at
from bureau.ports import DeskStore, LogPlace, LogStore
from certs.log.fork import Fork, write_fork
from certs.log.note import parse_checkpoint, parse_note
from gateway.domain.faults import StoreUnavailable

LOOKED_AT_MAX = 1000
REST_S = 2.0

_log = structlog.get_logger("bureau")


async def fork_of(store: LogStore, place: LogPlace, seen: Mapping[str, Any]) -> Fork | None:
    """From a refused delivery that was kept; None if it is no fork that can be proven.

    Raises StoreUnavailable, ValueError (hashes are missing).
    """
    held, shown = seen["held_checkpoint"], seen["shown_checkpoint"]
    if seen["reason"] != "fork" or held is None:
        return None
    ours, theirs = (parse_checkpoint(parse_note(each).text) for each in (held, shown))
    if ours.size == theirs.size:
        return Fork(held=held, shown=shown)
    if theirs.size > ours.size:
        return None  # only the bank could show what its larger tree holds
    root = await root_at(store, place, theirs.size)
    path = await growth_of(store, place, theirs.size, ours.size)
    return Fork(held=held, shown=shown, root=root, path=path)


class ForkKeeper:
    """Writes a folder for each fork that was seen; what is there already is left as it is."""

    def __init__(
        self, folder: Path, log: LogStore, desk: DeskStore, places: Sequence[LogPlace]
    ) -> None:
        self._folder = folder
        self._log = log
        self._desk = desk
        self._places = places

    async def write(self) -> list[Path]:
        """The folders that are new. Raises StoreUnavailable, ValueError, OSError."""
        written = []
        for place in self._places:
            for seen in await self._desk.misbehaviours(place.division, LOOKED_AT_MAX):
                target = self._folder / f"{place.division}-{place.bank}-{seen['digest'][:16]}"
                if seen["bank"] != place.bank or target.exists():
                    continue
                fork = await fork_of(self._log, place, seen)
                if fork is not None:
                    await asyncio.to_thread(write_fork, target, fork)
                    written.append(target)
        return written

    async def run(self, bell: Bell) -> None:
        """At the start and whenever something arrived; a database that fails is asked again."""
        while True:
            # Listening before looking: what arrives meanwhile is not missed.
            rung = asyncio.ensure_future(bell.wait())
            try:
                for target in await self.write():
                    _log.error("fork.proven", folder=str(target))
            except (StoreUnavailable, ValueError, OSError) as reason:
                _log.warning("fork.postponed", reason=str(reason))
            await rung
            await asyncio.sleep(REST_S)
