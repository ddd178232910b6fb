"""Conduct: read the bank's own books as they grow, and look for what it left undone."""

import asyncio

import structlog

from gateway.conduct_ports import BankBooks
from gateway.domain.bank import BOOKS, BankOutcome
from gateway.domain.conduct import BankEntry, Statement, TakenBack
from gateway.domain.faults import BankSilent, Fault, LedgerUnavailable
from gateway.domain.ledger import Standing
from gateway.pipeline.reconcile import Reconciling
from gateway.ports import Clock
from gateway.workers.office import Office

READ_EVERY_S = 2.0
LOOK_EVERY_S = 30.0
ENTRIES_MAX = 500
PAGES_MAX = 200
"""Of a list without an end no more is read at a time, so that what is undone is looked for too."""
SOURCE = "core"
"""The cursor's name: the bank core's list of movements."""

log = structlog.get_logger()


def contradicted(entry: BankEntry, standing: Standing) -> None:
    """The bank's books show the debit of what was settled as not paid."""
    log.error(
        "payment.contradicted", instruction=str(standing.key), how=BOOKS, held=standing.bank,
        said=BankOutcome.ACCEPTED, entry=entry.id,
    )  # fmt: skip


def taken_back(back: TakenBack) -> None:
    """The bank's books contradict it no more: it was not paid, as it was settled."""
    log.warning(
        "contradiction.ended", instruction=str(back.key), how=BOOKS, bank=back.held,
        entry=back.entry.id,
    )  # fmt: skip


class Conduct:
    """Runs in the process that holds the office. `books` None: the core offers no list, and what it
    did is handed over in statements only."""

    def __init__(
        self, office: Office, reconciling: Reconciling, books: BankBooks | None, clock: Clock,
        divisions: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._office = office
        self._reconciling = reconciling
        self._books = books
        self._clock = clock
        self._divisions = divisions
        self.troubles: dict[str, str] = {}
        """`books` or a division, and what is wrong."""

    async def run(self) -> None:
        looked_at = self._clock.monotonic() - LOOK_EVERY_S
        while True:
            await asyncio.sleep(READ_EVERY_S)
            if not self._office.held:
                self.troubles.clear()  # whoever holds it says how it goes on
                continue
            await self.read_all()
            if self._clock.monotonic() - looked_at >= LOOK_EVERY_S:
                looked_at = self._clock.monotonic()
                await self.look_all()

    async def read_all(self) -> int:
        """Read on from the cursor towards the end of the bank's list; how many alerts are new."""
        if self._books is None:
            return 0
        new = 0
        try:
            after = await self._reconciling.store.cursor(SOURCE)
            for _page in range(PAGES_MAX):
                entries, reached = await self._books.entries(after, ENTRIES_MAX)
                if not entries or reached is None:
                    break
                now = self._clock.now()
                ours = self._reconciling.ours(entries, self._divisions, now)
                new += await self._reconciling.take(
                    Statement(id="", entries=ours), now, cursor=(SOURCE, reached)
                )
                after = reached
        except BankSilent as silent:
            self._tell("books", f"the bank's movements cannot be read: {silent}")
        except (LedgerUnavailable, Fault) as reason:
            self._tell("books", f"the bank's movements cannot be taken: {reason}")
        else:
            self.troubles.pop("books", None)
        self._count(new)
        return new

    async def look_all(self) -> int:
        """Look at every division; one that cannot be looked at does not hide the others."""
        new = 0
        for division in self._divisions:
            try:
                new += await self._reconciling.look(division, self._clock.now())
            except LedgerUnavailable as reason:
                self._tell(division, f"the bank's conduct cannot be looked at: {reason}")
            else:
                self.troubles.pop(division, None)
        self._count(new)
        return new

    def _count(self, new: int) -> None:
        if new:
            log.warning("conduct.alerted", alerts=new)

    def _tell(self, what: str, words: str) -> None:
        if what not in self.troubles:
            log.warning("conduct.postponed", what=what, reason=words)
        self.troubles[what] = words
