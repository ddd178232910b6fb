"""Answers the bureau's questions about single decisions, beside payments: replayed, or tried anew.

A replay decides once more under the book that decided, and compares bit for bit. A trial decides
under a candidate; its windows are empty, as one instruction has no past of its own.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import attrs
import orjson
import structlog

from adapters.postgres.oversight.past import PostgresPast
from gateway.domain.decision import restored
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import key_named
from gateway.domain.past import Asked, Past, Wanted
from gateway.policy_books.retrace import Retracer, book_that_decided, trouble_of
from gateway.settings import Settings
from policies.book.book import Book
from policies.book.load import DEFAULT, book_of, load_codes
from policies.replay.memory import WindowMemory
from policies.replay.shadow import standing
from policies.replay.whole import judged

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Shelves:
    """Where the books are that may have decided."""

    folder: Path
    books: Path | None

    def words(self) -> list[str]:
        """As the command line takes them."""
        books = ["--books", str(self.books)] if self.books else []
        return ["--policies", str(self.folder), *books]


def shelves_of(
    settings: Settings | None, folder: Path | None = None, books: Path | None = None
) -> Shelves:
    """As `folder` and `books` say, else as the settings say; the library if nobody says."""
    chosen = settings.policies if settings else Settings.Policies()
    return Shelves(folder=folder or chosen.folder or DEFAULT, books=books or chosen.books)


class Answering:
    def __init__(self, past: PostgresPast, shelves: Shelves) -> None:
        self._past = past
        self._shelves = shelves
        self._retracer = Retracer(past)
        self._books: dict[str, Book] = {}

    async def turn(self) -> int:
        """Answer what is open; how many. Raises LedgerUnavailable."""
        asked = await self._past.open_questions()
        for one in asked:
            answer = orjson.dumps(await self._answer(one))
            await self._past.answer(one, answer, dt.datetime.now(dt.UTC))
        return len(asked)

    async def _answer(self, asked: Asked) -> dict[str, Any]:
        try:
            key = key_named(asked.subject or "")
            decided = await self._past.of(key) if key else []
            if not decided:
                return {"trouble": "no such instruction here"}
            if asked.what == Wanted.TRY:
                return await self._tried(decided[0], asked.documents or b"{}")
            return {"replays": [await self._replayed(each) for each in decided]}
        except LedgerUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  one question must not stop the others
            log.error("question.failed", number=asked.number, reason=type(error).__name__)
            return {"trouble": trouble_of(error)}

    async def _replayed(self, past: Past) -> dict[str, Any]:
        decision = restored(past.decision)
        replayed = await self._retracer.again(past, self._book(decision.book_revision))
        return {
            "book": decision.book_revision, "bytes": len(replayed.now),
            "decided_at": past.decided_at.isoformat(), "differing": replayed.differing,
            "outcome": decision.outcome, "same": replayed.same,
        }  # fmt: skip

    async def _tried(self, past: Past, documents: bytes) -> dict[str, Any]:
        retraced = await self._retracer.stored(past)
        book = book_of(orjson.loads(documents), load_codes())
        found = judged(book, WindowMemory(), retraced.row)
        return {
            "before": standing(retraced.decision.outcome, retraced.decision.findings),
            "after": standing(found.outcome, found.findings),
            "findings": [
                {"policy": f.policy, "revision": f.revision, "action": f.action,
                 "reason_zh": f.reason_zh}
                for f in found.findings
            ],
        }  # fmt: skip

    def _book(self, revision: str) -> Book:
        if revision not in self._books:
            found = book_that_decided(revision, self._shelves.folder, self._shelves.books)
            self._books = {revision: found}
        return self._books[revision]
