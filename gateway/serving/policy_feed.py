"""Takes a signed book that came over the network, with the proofs of a book that came as a file.

While payments go on: in steps of a few milliseconds, without the collector, and one at a time.
"""

import asyncio
import gc
from collections.abc import Mapping

from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.policy_books.signing import Bench, bench_of, predecessor
from gateway.policy_books.store import BookStore
from gateway.serving.house import House
from gateway.web.intake import Counter
from gateway.web.policies import PATH, PolicyCounter
from policies.book.book import Book
from policies.book.bundle import Bundle, BundleRefused, open_sealed, proven, read_bundle
from policies.book.steps import dismantled, in_turns
from policies.book.succession import succeed
from policies.language.errors import PolicyRefused

ERRORS_MAX = 200


class BookArchive:
    """Fits gateway.web.policies.Archive."""

    def __init__(self, store: BookStore, bench: Bench) -> None:
        self._store = store
        self._bench = bench
        self._one_at_a_time = asyncio.Lock()

    async def take(self, sealed: bytes) -> tuple[Bundle, bool]:
        """The book, and whether it is new: the same bytes again are no mistake."""
        async with self._one_at_a_time:
            last = self._store.last()
            if last == sealed:
                return read_bundle(open_sealed(sealed)[0]), False
            collecting = gc.isenabled()
            gc.disable()
            try:
                return await self._taken(sealed, last), True
            except BundleRefused as refused:
                raise _refusal(str(refused), ()) from refused
            except PolicyRefused as refused:
                problems = tuple(
                    FieldError(field=each.place, code="policy", zh=each.zh, en=each.en)
                    for each in refused.problems[:ERRORS_MAX]
                )
                raise _refusal("its policies do not hold", problems) from refused
            finally:
                if collecting:
                    gc.enable()

    async def _taken(self, sealed: bytes, last: bytes | None) -> Bundle:
        arriving, codes = self._bench.arriving, self._bench.kept.codes
        # A forged one costs no more than its proof, and that beside the loop.
        await asyncio.to_thread(proven, sealed, arriving.verify, arriving.officers)
        bundle: Bundle | None = None
        book: Book | None = None
        if last is not None:
            bundle = await asyncio.to_thread(predecessor, last)
            book = await in_turns(arriving.building(bundle.policies, codes))
        try:
            successor = await in_turns(succeed(sealed, arriving, bundle, book))
            self._store.keep(sealed, successor.bundle.revision)
            await in_turns(dismantled(successor.book))
            return successor.bundle
        except FileExistsError as taken:
            raise BundleRefused("该版本已经存在", "this revision is there already") from taken
        finally:
            if book is not None:
                await in_turns(dismantled(book))


def policy_counter(house: House) -> Mapping[str, Counter]:
    """Where signed books are kept; an unsigned folder is not fed."""
    chosen = house.settings.policies
    if chosen.books is None:
        return {}
    archive = BookArchive(BookStore(chosen.books), bench_of(house.trust, chosen.officers))
    bureaus = frozenset(bureau.peer for bureau in house.settings.bureaus.values())
    return {PATH: PolicyCounter(archive, house.trust, house.clock, bureaus).take}


def _refusal(why: str, problems: tuple[FieldError, ...]) -> Unreadable:
    return Unreadable(FaultCode.FEED_INVALID, f"the book in force stays: {why}", problems)
