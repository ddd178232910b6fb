"""Mark: remember outside the database how far each log has come, and open no division without it.

A database that came back from an older copy does not know what it passed; the agencies' repeats
would be paid again. The bureau can tell, if it can be heard. The mark tells too: the newest
checkpoint that this host has seen, in a file beside the database, signed by our own log key. A
division is opened by either of the two, and by nothing else (decision 0071).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Protocol, TypeAlias

import attrs
import structlog

from gateway.domain.faults import BureauUnavailable, LedgerUnavailable
from gateway.domain.log import REST, Marked
from gateway.ports import Clock, RecordLog

MARK_EVERY_S = 0.5
"""How often the logs are looked at. With `seal.GATHER_S` before it, what a crash may hide from the
mark is what was decided in the last second."""
HEAR_S = 5.0
"""How long the door stays shut to hear where the bureaus stand."""
HEAR_AGAIN_S = (1.0, 2.0, 4.0, 8.0)
LAG_S_MAX = 60.0
"""A mark that did not follow the log for so long is of a host that was away: what it saw is in many
an older copy too, and says nothing of how new this one is."""
REFRESH_S = 30.0
"""So often the file is looked at though nothing grew: somebody may have taken it away."""
UNKEPT_S = 30.0
"""So long what is to be written waits before operators are told; half of what a start forgives."""
READ_S = 30.0
"""A disk that says nothing for so long does not say what the mark is."""
TOLD_EVERY_S = 60.0
"""How often one trouble is told to operators while it lasts."""

UNHEARD = (
    "neither the mark of this host nor the bureau has said that this database is the newest copy"
    " (runbooks/backup-and-restore)"
)

STALE = "did not follow the log for more than a minute: the bureau must be heard (decision 0075)"

Greet: TypeAlias = Callable[[str], Awaitable[bool]]
"""Whether a division's bureau was heard, and holds nothing that this database lacks. Raises
BureauUnavailable, LedgerUnavailable."""

log = structlog.get_logger()


class OwnLog(Protocol):
    """What our own log key has signed, of one division."""

    @property
    def origin(self) -> str: ...

    def read(self, checkpoint: str) -> tuple[int, bytes]:
        """Size and root of a checkpoint of this log. Raises ValueError: it is not our own."""
        ...


class MarkShelf(Protocol):
    """Where a host remembers its logs, by origin. Both block: called from a thread."""

    def take(self) -> dict[str, Marked]:
        """Empty if nothing was kept yet. Until `leave` no operator sets it by hand, for it would be
        written over. Raises OSError, ValueError (torn, or not ours to read)."""
        ...

    def keep(self, marks: Mapping[str, Marked], refused: Collection[str]) -> None:
        """Beside what is there: of two checkpoints the larger stays, but none of the `refused`;
        and what was forgotten stays. What a torn file said of a log is unknown from then on, not
        absent. Durable on return. Raises OSError."""
        ...

    def leave(self) -> None: ...


@attrs.define
class _Division:
    """What is known of one division's log."""

    own: OwnLog
    size: int = 0
    """How much of it this database was seen to hold."""
    checkpoint: str = ""
    """The newest that was read of it; empty until one was."""
    kept: Marked | None = None
    """What was last written of it into the file, or read there."""
    marked: tuple[int, bytes] | None = None
    """Of the file, where the database does not hold it: waited for."""
    doubted: bool = False
    """There is a mark, and nobody can tell what it says: this is no first start."""
    forgot: str = ""
    opened: bool = False
    hear_at: float = 0.0
    unheard: int = 0


class Marking:
    """Runs in every process: each host keeps its own mark, the processes of a host share one."""

    def __init__(
        self, records: RecordLog, logs: Mapping[str, OwnLog], shelf: MarkShelf | None,
        greet: Greet, clock: Clock,
    ) -> None:  # fmt: skip
        self._records = records
        self._divisions = {division: _Division(own) for division, own in logs.items()}
        self._shelf = shelf
        self._greet = greet
        self._clock = clock
        self._refused: set[str] = set()
        self._kept_at = clock.monotonic()
        self._looked = asyncio.Event()
        self._waits_since: float | None = None
        """Since when something is to be written and is not."""
        self._hindered = ""
        self._told: dict[str, float] = {}
        self.behind: dict[str, str] = {}
        """By division: why the line refuses it."""
        self.ahead: Mapping[str, str] = {}
        """By division: the bureau holds more than this database (`Delivering.ahead`)."""
        self.troubles: dict[str, str] = {}
        """`mark`, or `mark.<division>`, and what an operator must look into."""
        self.seen: Callable[[str, int], None] = lambda division, size: None
        """Told of each size that the database was seen to hold durably."""
        self.lost: Callable[[], str] = str
        """Why the database is known to have lost commits of this process; empty if it is not."""

    async def open(self) -> None:
        """Before the door opens: what the file says, then what the bureaus say."""
        await self._read_marks()
        for division in self._divisions:
            await self._guarded(self._compare, division)
        async with asyncio.TaskGroup() as group:
            for division in self._divisions:
                group.create_task(self._hear(division))
        self._judge()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for turn in (self.look, self.hear):
                group.create_task(_for_ever(turn))
            group.create_task(self._keep_for_ever())

    def leave(self) -> None:
        """Nothing is kept any more."""
        if self._shelf is not None:
            self._shelf.leave()

    async def hear(self) -> None:
        """Whoever is shut asks again, all at once and beside `look`: a bureau that hangs keeps
        no other division from being marked, and no loss from being written down. Also who is shut
        by what the bureau said: the newest copy may be back, and nothing else would tell."""
        now = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            for division, known in self._divisions.items():
                shut = not known.opened or division in self.ahead
                if shut and now >= known.hear_at:
                    group.create_task(self._hear(division))
        self._judge()

    async def look(self) -> None:
        """One turn. A database that is down is waited out: nothing passes on it meanwhile."""
        try:
            sizes = await self._records.sizes()
        except LedgerUnavailable:
            pass
        else:
            for division in self._divisions:
                await self._guarded(partial(self._see, sizes.get(division, 0)), division)
        self._judge()
        self._tell_unkept()
        self._looked.set()

    async def keep(self) -> None:
        """Write what was looked at, if it is new, or old enough that somebody may have taken it
        away. Beside `look`: a disk that hangs hides no shorter log, and is told."""
        if self._shelf is None:
            return
        marks = self._marks()
        kept = {known.own.origin: known.kept for known in self._divisions.values()}
        now = self._clock.monotonic()
        grown = any(kept[origin] != mark for origin, mark in marks.items())
        if not (grown or now - self._kept_at >= REFRESH_S):
            self._waits_since = None
            return
        self._waits_since = now if self._waits_since is None else self._waits_since
        self._hindered = self._hindered or "the disk does not answer"
        try:
            await asyncio.to_thread(self._shelf.keep, marks, frozenset(self._refused))
        except OSError as reason:
            self._hindered = str(reason)
            return
        self._kept_at, self._waits_since, self._hindered = self._clock.monotonic(), None, ""
        self.troubles.pop("mark", None)
        for division, known in self._divisions.items():
            if known.own.origin in marks:
                known.kept = marks[known.own.origin]
                self.troubles.pop(f"mark.{division}", None)

    async def _see(self, size: int, division: str) -> None:
        """Raises LedgerUnavailable."""
        known = self._divisions[division]
        if size < known.size:
            known.marked = known.marked or _seen(known)
        if known.marked is not None:
            await self._compare(division)
        elif size > known.size:
            await self._follow(division)

    async def _read_marks(self) -> None:
        if self._shelf is None:
            return
        try:
            async with asyncio.timeout(READ_S):
                marks = await asyncio.to_thread(self._shelf.take)
        except (OSError, ValueError) as reason:
            self._tell("mark", f"not readable: {reason or 'the disk does not answer'}")
            for known in self._divisions.values():
                known.doubted = True
            return
        for division, known in self._divisions.items():
            mark = marks.get(known.own.origin, marks.get(REST))
            if mark is None:
                continue
            known.forgot = mark.forgot
            try:
                known.marked = known.own.read(mark.checkpoint) if mark.checkpoint else None
            except ValueError as reason:
                known.doubted = True
                self._refused.add(mark.checkpoint)
                self._tell(f"mark.{division}", f"is not of this log: {reason}")
                continue
            known.kept = mark

    async def _compare(self, division: str) -> None:
        """Whether the database holds what the mark says. Raises LedgerUnavailable."""
        known = self._divisions[division]
        if known.marked is None:
            return
        size, root = known.marked
        ours = await self._records.root_at(division, size)
        if ours != root:
            return
        if not known.opened and await self._records.sealed_for_s(division, size) > LAG_S_MAX:
            known.doubted = True
            self._tell(f"mark.{division}", STALE)
        else:
            known.opened = True
        known.marked = None
        await self._follow(division)

    async def _follow(self, division: str) -> None:
        """Take note of what is sealed. Raises LedgerUnavailable."""
        known = self._divisions[division]
        newest = await self._records.newest_checkpoint(division, known.size)
        if newest is not None:
            known.size, known.checkpoint = newest
            self.seen(division, known.size)

    async def _hear(self, division: str) -> None:
        known = self._divisions[division]
        try:
            async with asyncio.timeout(HEAR_S):
                heard = await self._greet(division)
                if heard and known.doubted:  # it may not have been asked: there was nothing to tell
                    heard = await self._records.acknowledged(division) > 0
        except (BureauUnavailable, LedgerUnavailable, KeyError, TimeoutError) as reason:
            heard = False
            if not known.unheard:
                log.warning("bureau.unheard", division=division, reason=repr(reason))
        known.unheard = 0 if heard else known.unheard + 1
        known.opened = known.opened or heard
        pause = HEAR_AGAIN_S[min(known.unheard, len(HEAR_AGAIN_S)) - 1]
        known.hear_at = self._clock.monotonic() + pause

    def _judge(self) -> None:
        """Say of each division whether it is shut, and why."""
        lost = self.lost()
        for division, known in self._divisions.items():
            known.forgot = known.forgot or lost
            words = known.forgot or _behind(known) or ("" if known.opened else UNHEARD)
            if not words:
                if self.behind.pop(division, None):
                    log.info("log.known", division=division, size=known.size)
            elif self.behind.get(division) != words:
                self.behind[division] = words
                log.error("log.behind", division=division, reason=words)

    async def _keep_for_ever(self) -> None:
        while True:
            await self._looked.wait()
            self._looked.clear()
            await self.keep()

    def _marks(self) -> dict[str, Marked]:
        """Never of a division that is shut: an older copy would become the newest by it."""
        shut = {**self.behind, **self.ahead}
        return {
            known.own.origin: Marked(checkpoint=known.checkpoint)
            for division, known in self._divisions.items()
            if division not in shut and known.checkpoint
        } | {
            known.own.origin: Marked(checkpoint="", forgot=known.forgot)
            for known in self._divisions.values()
            if known.forgot
        }

    def _tell_unkept(self) -> None:
        """One attempt in vain is no trouble, though the one before may be long ago: nothing grew
        (decision 0097)."""
        if self._waits_since is None:
            return
        waited = self._clock.monotonic() - self._waits_since
        if waited >= UNKEPT_S:
            self._tell("mark", f"not written for {waited:.0f} s: {self._hindered}")

    def _tell(self, what: str, words: str) -> None:
        self.troubles[what] = words
        if self._due(what):
            log.error("log.mark", what=what, reason=words)

    def _due(self, what: str) -> bool:
        now = self._clock.monotonic()
        if now - self._told.get(what, -TOLD_EVERY_S) < TOLD_EVERY_S:
            return False
        self._told[what] = now
        return True

    async def _guarded(self, work: Callable[[str], Awaitable[None]], division: str) -> None:
        try:
            await work(division)
        except LedgerUnavailable as reason:
            if self._due(f"not compared {division}"):
                log.warning("log.not_compared", division=division, reason=str(reason))


async def _for_ever(turn: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(MARK_EVERY_S)
        await turn()


def _seen(known: _Division) -> tuple[int, bytes]:
    """Size and root that the database showed before; a root that no database has, where the key
    that signed it is no longer known."""
    try:
        return known.own.read(known.checkpoint)
    except ValueError:
        return known.size, b""


def _behind(known: _Division) -> str:
    if known.marked is None:
        return ""
    return (
        f"this host has seen {known.marked[0]} records of this log, signed by its own key; this"
        " database does not hold them: it was restored from an older copy, or lost commits"
    )
