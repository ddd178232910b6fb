"""Puts the signed book that is due in force while payments go on; failing that, the old stays."""

import datetime as dt

from gateway.commands.bookstore import BookStore
from gateway.commands.policy_sign import Bench
from policies.book.bundle import Bundle, BundleRefused, proven
from policies.book.load import building
from policies.book.shelf import Bookshelf
from policies.book.steps import in_turns
from policies.language.errors import PolicyRefused


class Reloader:
    """Looks at the kept books now and then; `shelf` starts with the book that ships with us."""

    def __init__(self, shelf: Bookshelf, store: BookStore, bench: Bench) -> None:
        self._shelf = shelf
        self._store = store
        self._bench = bench
        self.bundle: Bundle | None = None
        """The signed book in force; None while it is the one that ships with the program."""
        self.problem = ""
        """Why the newest book that is due is not in force; empty if it is."""

    async def look(self, now: dt.datetime) -> bool:
        """Take the newest book whose moment has come. True if the shelf was changed.

        A book that does not prove itself is passed over for the one before it, and told in
        `problem`: somebody is to be woken.
        """
        self.problem = ""
        for sealed in self._store.newest_first():
            try:
                bundle = proven(sealed, self._bench.kept.verify, self._bench.kept.officers)
                if bundle.not_before > now:
                    continue
                if self.bundle is not None and bundle.revision <= self.bundle.revision:
                    return False
                steps = building(bundle.policies, self._bench.kept.codes)
                self._shelf.replace(await in_turns(steps))
            except (BundleRefused, PolicyRefused) as refused:
                self.problem = self.problem or str(refused)
                continue
            self.bundle = bundle
            return True
        return False
