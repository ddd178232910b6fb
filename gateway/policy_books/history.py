"""`policy replay` and `policy backtest` over the ledger: what was decided, decided once more."""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import attrs
import orjson

from gateway.configured.people import past_of
from gateway.domain.decision import restored
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import dawn
from gateway.policy_books.retrace import CannotReplay, Retracer, book_that_decided
from policies.book.load import load
from policies.replay.backtest import Backtest
from policies.replay.recorded import Replayed
from policies.replay.report import Report
from policies.replay.stored import stored_fields

Told = Callable[[int, int], None]
"""Records read so far, and of how many."""


@attrs.frozen(kw_only=True)
class Source:
    """Which past is replayed: all of a division's log, or what was sealed since a legal day."""

    database: str
    division: str
    since: dt.date | None = None


def replay_recorded(
    key: InstructionKey, database: str, folder: Path, books: Path | None
) -> list[Replayed]:
    """Decide one recorded instruction again, from its record alone; then its release, if any.

    Raises CannotReplay, LedgerUnavailable, PolicyRefused, OSError.
    """
    return asyncio.run(_replay(key, database, folder, books))


async def _replay(
    key: InstructionKey, database: str, folder: Path, books: Path | None
) -> list[Replayed]:
    async with past_of(database) as past:
        found = await past.of(key)
        if not found:
            raise CannotReplay(f"{key}: there is no such instruction")
        retracer, replayed = Retracer(past), []
        for each in found:
            book = book_that_decided(restored(each.decision).book_revision, folder, books)
            replayed.append(await retracer.again(each, book))
        return replayed


def backtest_ledger(
    old: Path, new: Path, source: Source, told: Told, keep: TextIO | None = None
) -> Report:
    """Both books over a division's decided instructions; `keep` gets their facts, a line each.

    Raises PolicyRefused, CannotReplay, LedgerUnavailable, OSError.
    """
    return asyncio.run(_fed(old, new, source, told, keep))


async def _fed(old: Path, new: Path, source: Source, told: Told, keep: TextIO | None) -> Report:
    async with past_of(source.database) as past:  # what it lacks is told before books are read
        test = Backtest(load(old), load(new))
        retracer = Retracer(past)
        span = await past.span(source.division, dawn(source.since) if source.since else None)
        if not span.records:
            raise CannotReplay(f"{source.division}: nothing was sealed in that time")
        async for page in past.decided(source.division, span.after_seq, span.last_seq):
            for each in page:
                row = (await retracer.stored(each)).row
                test.replay(row)
                if keep:
                    keep.write(orjson.dumps(stored_fields(row)).decode() + "\n")
            told(page[-1].seq - span.after_seq, span.records)
        told(span.records, span.records)
    return test.report


def replayed_fields(key: str, replayed: Sequence[Replayed]) -> dict[str, Any]:
    """For `--json`: the decision, and after it that of a release."""
    return {
        "decisions": [
            {
                "differing": list(each.differing),
                "now": orjson.loads(each.now),
                "recorded": orjson.loads(each.recorded),
                "same": each.same,
            }
            for each in replayed
        ],
        "instruction": key,
        "same": all(each.same for each in replayed),
    }
