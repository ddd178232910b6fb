"""Puts the signed book that is due in force while payments go on; failing that, the old stays."""

import asyncio
import datetime as dt
import hashlib

from gateway.domain.legal_day import legal_day
from gateway.policy_books.signing import Bench
from gateway.policy_books.store import BookStore
from policies.book.bundle import Bundle, BundleRefused, proven
from policies.book.load import building
from policies.book.shelf import Bookshelf
from policies.book.steps import dismantled, in_turns
from policies.book.succession import Successor, checking_answers
from policies.language.errors import PolicyRefused

RETRY = dt.timedelta(seconds=60)
"""A book that was refused is proven again so much later: a certificate may have come since."""


class Finder:
    """Finds the newest kept book that is due and proves itself, in steps of a few milliseconds."""

    def __init__(self, store: BookStore, bench: Bench) -> None:
        self._store = store
        self._bench = bench
        self._waiting: dict[bytes, dt.datetime] = {}
        """By SHA-256 of the file: books that are not due before then."""
        self._refused: dict[bytes, tuple[dt.datetime, str]] = {}
        """By SHA-256 of the file: when it was refused, and why."""
        self.problem = ""
        """Why the newest book that is due is not the one found; empty if it is."""

    async def newest(self, now: dt.datetime, above: int = 0) -> Successor | None:
        """The newest that is due, of a revision higher than `above`. Raises OSError.

        A book that does not prove itself is passed over for the one before it, and told in
        `problem`: somebody is to be woken.
        """
        problem, found = "", None
        for revision, path in self._store.kept_newest_first():
            if revision <= above:
                break
            sealed = path.read_bytes()
            try:
                found = await self._judged(sealed, revision, now)
            except (BundleRefused, PolicyRefused) as refused:
                problem = problem or f"{path.name}: {refused}"
                continue
            if found is not None:
                break
        self.problem = problem
        return found

    async def _judged(self, sealed: bytes, revision: int, now: dt.datetime) -> Successor | None:
        """None if its moment has not come. Raises BundleRefused, PolicyRefused."""
        digest = hashlib.sha256(sealed).digest()
        if digest in self._waiting and now < self._waiting[digest]:
            return None
        at, why = self._refused.get(digest, (None, ""))
        if at is not None and at <= now < at + RETRY:
            raise BundleRefused(why, "as told before")
        try:
            # Eight milliseconds of reading and spelling again: not on the loop that answers.
            court = self._bench.kept
            bundle = await asyncio.to_thread(proven, sealed, court.verify, court.officers)
            if bundle.revision != revision:
                raise BundleRefused("文件名与版本不符", "its file is named for another revision")
            if bundle.not_before > now:
                self._waiting[digest] = bundle.not_before
                return None
            book = await in_turns(building(bundle.policies, court.codes))
            # Also of a file that was put there without `activate`.
            day = legal_day(bundle.not_before)
            await in_turns(checking_answers(book, court.golden, day))
        except (BundleRefused, PolicyRefused) as refused:
            self._refused[digest] = now, str(refused)
            raise
        return Successor(bundle=bundle, book=book)


class Reloader:
    """Looks at the kept books now and then, and changes the book of the shelf."""

    def __init__(
        self, shelf: Bookshelf, store: BookStore, bench: Bench, bundle: Bundle | None = None,
        problem: str = "",
    ) -> None:  # fmt: skip
        """`bundle` is the signed book that the shelf holds; None: the one that ships with us.
        `problem`: why a newer one is not it."""
        self._shelf = shelf
        self._store = store
        self._bench = bench
        self._finder = Finder(store, bench)
        self._finder.problem = problem
        self._proven_at: dt.datetime | None = None
        self.doubt = ""
        """Why the book in force would not be taken again; empty if it would be. It goes on."""
        self.bundle = bundle
        """The signed book in force; None while it is the one that ships with the program."""

    @property
    def problem(self) -> str:
        """Why the newest book that is due is not in force; empty if it is."""
        return self._finder.problem

    async def look(self, now: dt.datetime) -> bool:
        """Take the newest book whose moment has come. True if the shelf was changed.

        Raises OSError; then, as after any refusal, the old book stays.
        """
        above = self.bundle.revision if self.bundle else 0
        found = await self._finder.newest(now, above)
        if found is None:
            await self._prove_again(now)
            return False
        replaced = self._shelf.current
        self._shelf.replace(found.book)
        self.bundle = found.bundle
        await in_turns(dismantled(replaced))
        return True

    async def _prove_again(self, now: dt.datetime) -> None:
        """Once a minute: an officer may have been revoked since. Payments go on by the book that
        was proven in its time; a start would pass it over, and somebody must hear so before."""
        if self.bundle is None or (
            self._proven_at and self._proven_at <= now < self._proven_at + RETRY
        ):
            return
        self._proven_at, revision = now, self.bundle.revision
        files = dict(self._store.kept_newest_first())
        try:
            if revision not in files:
                raise BundleRefused("文件已不在", "its file is gone")
            court, sealed = self._bench.kept, files[revision].read_bytes()
            await asyncio.to_thread(proven, sealed, court.verify, court.officers)
        except BundleRefused as refused:
            self.doubt = (
                f"revision {revision} is in force, and a start would not take it: {refused}"
            )
        else:
            self.doubt = ""
