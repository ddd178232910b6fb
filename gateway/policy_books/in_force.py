"""The policies in force as the settings want them: signed books, or an unsigned folder."""

import datetime as dt
from collections import deque

import structlog

from certs.trust import Trust
from gateway.policy_books.reload import Finder, Reloader
from gateway.policy_books.signing import bench_of
from gateway.policy_books.store import BookStore
from gateway.ports import Clock
from gateway.settings import Settings
from gateway.workers.clocks import Witness
from policies.book.breaker import Breaker, Trip
from policies.book.bundle import Bundle
from policies.book.load import load
from policies.book.shelf import Bookshelf
from policies.book.succession import Successor

log = structlog.get_logger()


class NoBook(ValueError):
    """No kept book is due and proves itself: the gateway does not start without one."""


class Books:
    """The shelf that decides, and what happened to it; fits gateway.workers.renew.Renewal."""

    def __init__(self, shelf: Bookshelf, trips: deque[Trip], reloader: Reloader | None) -> None:
        """`reloader` is None for an unsigned folder: it is in force as long as we run."""
        self.shelf = shelf
        self.trips = trips
        """What the breaker did and no record tells yet."""
        self._reloader = reloader

    @property
    def bundle(self) -> Bundle | None:
        """The signed book in force; None for an unsigned folder."""
        return self._reloader.bundle if self._reloader else None

    @property
    def revision(self) -> str:
        return self.shelf.revision

    @property
    def tripped(self) -> dict[str, str]:
        """By policy: that it holds instead of blocking, until another revision of it is signed."""
        return {
            trip.policy: f"blocked {trip.blocked} of {trip.decisions}: holds until it is changed"
            for trip in self.shelf.tripped
        }

    @property
    def problem(self) -> str:
        """Why the newest book that is due is not in force."""
        return self._reloader.problem if self._reloader else ""

    @property
    def doubt(self) -> str:
        """Why the book in force would not be taken at a start."""
        return self._reloader.doubt if self._reloader else ""

    async def look(self, now: dt.datetime) -> bool:
        """True if another book is in force. Raises OSError; the old book then stays."""
        return await self._reloader.look(now) if self._reloader else False


async def open_books(
    chosen: Settings.Policies, trust: Trust, clock: Clock, witness: Witness
) -> Books:
    """Due is what both clocks call due: a host that starts with a clock far ahead would go on by
    the book of a day to come when its clock is right again (decision 0107).

    Raises NoBook, PolicyRefused, OSError, LedgerUnavailable.
    """
    trips: deque[Trip] = deque()

    def alarm(trip: Trip) -> None:
        trips.append(trip)
        log.error(
            "policies.tripped", policy=trip.policy, blocked=trip.blocked, decisions=trip.decisions
        )

    bundle, problem = None, ""
    if chosen.books is None:
        assert chosen.folder is not None
        book = load(chosen.folder)
    else:
        now = min(clock.now(), await witness.time_there())
        found, problem = await last_good(chosen, trust, now)
        book, bundle = found.book, found.bundle
    shelf = Bookshelf(book, breaker=Breaker(), monotonic=clock.monotonic, alarm=alarm)
    if chosen.books is None:
        return Books(shelf, trips, None)
    bench = bench_of(trust, chosen.officers)
    return Books(shelf, trips, Reloader(shelf, BookStore(chosen.books), bench, bundle, problem))


async def last_good(
    chosen: Settings.Policies, trust: Trust, now: dt.datetime
) -> tuple[Successor, str]:
    """The newest kept book that is due and proves itself, and why a newer one is not it.

    Raises NoBook, OSError.
    """
    folder = chosen.books
    assert folder is not None
    finder = Finder(BookStore(folder), bench_of(trust, chosen.officers))
    found = await finder.newest(now)
    if found is None:
        why = finder.problem or "none is kept whose moment has come"
        raise NoBook(f"policies.books: no signed book in force in {folder}: {why}")
    return found, finder.problem
