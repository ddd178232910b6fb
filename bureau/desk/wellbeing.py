"""How the bureau's program is: what an operator must know of it, without what it knows."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs

from bureau.desk.certificates import Ending, Held, Shelf, endings
from bureau.desk.strip import SILENCE_MAX, is_silent
from bureau.ports import Clock, DeskStore
from gateway.domain.faults import StoreUnavailable

OlderBooks = Callable[[str], Awaitable[Mapping[str, tuple[int, int]]]]
"""Of a division, by bank: the book's revision that decides there, and a later one that did."""
NotOurs = Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]
"""Of a division: what its logs tell of and was not given here, that nobody has looked into."""
_NOT_OURS = {
    "book": "took up a book not given out here",
    "registers": "took up registers not given out here",
    "releases": "tells of holds that ended by orders not given here",
}
Troubles = Callable[[], Mapping[str, str]]
"""By what is in trouble, words for a person."""


@attrs.frozen(kw_only=True)
class Wellbeing:
    at: dt.datetime
    reasons: Mapping[str, str]
    """Why nothing that a gateway reports is acknowledged now."""
    warnings: Mapping[str, str]
    """What is reported is acknowledged; a person must look."""
    logs: Sequence[Mapping[str, Any]]
    """Each: division, bank, size, cosigned_at, misbehaviours. None while the database is away."""
    certificates: Sequence[Held]


@attrs.frozen(kw_only=True)
class Watch:
    desk: DeskStore
    shelf: Shelf
    divisions: Sequence[str]
    witness: Callable[[dt.datetime], str]
    """What stands against our own signature at a time; empty: nothing."""
    troubles: Troubles
    """Of the program's own workers."""
    clock: Clock
    keeping: Callable[[], str] = lambda: ""
    """Why what a gateway reported was not kept, when last one tried; empty: it was."""

    older_books: OlderBooks | None = None
    """`Policies.older_books`."""
    not_ours: NotOurs | None = None
    """`bureau.desk.not_ours.NotOurs.open`."""

    async def look(self) -> Wellbeing:
        now, reasons, older = self.clock(), dict[str, str](), dict[str, tuple[int, int]]()
        logs: list[Mapping[str, Any]] = []
        strange = dict[str, int]()
        try:
            for division in self.divisions:
                logs += await self.desk.logs(division)
                if self.older_books:
                    found = await self.older_books(division)
                    older |= {f"book.{division}/{bank}": both for bank, both in found.items()}
                for row in await self.not_ours(division) if self.not_ours else ():
                    strange[f"{row['what']}.{division}/{row['bank']}"] = row["seq"]
        except StoreUnavailable as lost:
            reasons["database"], logs = str(lost), []
        else:
            if words := self.keeping():
                reasons["database"] = words
        if words := self.witness(now):
            reasons["witness"] = words
        held = await asyncio.to_thread(self.shelf.held)
        warnings = dict(self.troubles())
        for log in logs:
            if is_silent(log, now):
                warnings[f"log.{log['division']}/{log['bank']}"] = (
                    f"has reported nothing for more than {SILENCE_MAX.seconds} s"
                )
        for what, seq in strange.items():
            warnings[what] = f"{_NOT_OURS[what.partition('.')[0]]} (its record {seq})"
        for what, (revision, later) in older.items():
            warnings[what] = (
                f"decides by book {revision}, which is older than {later}, taken there before"
            )
        for one in endings(held, now):
            if one.urgent:
                warnings[f"certificate/{one.held.serial}"] = _words(one, now)
        return Wellbeing(
            at=now, reasons=reasons, warnings=warnings, logs=logs, certificates=held
        )  # fmt: skip


def _words(one: Ending, now: dt.datetime) -> str:
    held = one.held
    end = f"ends in {held.days_left(now)} days" if one.threshold else "has ended"
    under = f", with the authority over it ({held.by})" if held.by else ""
    return f"{held.use}, {held.holder}, {held.file}: {end}{under}"
