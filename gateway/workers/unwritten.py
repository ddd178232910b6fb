"""Unwritten: what the bank said while the database was away is written down as soon as it is back.

Each process keeps its own words (`Line.unwritten`), in memory: only its end loses them, and then
the bank is asked what became of the payment, which not every bank can say for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice

import structlog

from gateway.domain.bank import BOOKS, BankAnswer, BankOutcome
from gateway.domain.conduct import BankEntry
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.pipeline.line import Line
from gateway.pipeline.settle import HOW_ANSWERED, settle_by_word
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Ledger

WRITE_EVERY_S = 0.5
AT_ONCE_MAX = 64

log = structlog.get_logger()


class Writing:
    def __init__(
        self, line: Line, ledger: Ledger, clock: Clock, origin: Origin,
        debit: Callable[[InstructionKey], Awaitable[BankEntry | None]],
    ) -> None:  # fmt: skip
        """`debit`: what the bank's own movements show gone of it; raises LedgerUnavailable."""
        self._unwritten = line.unwritten
        line.dropped = self._lose
        self.lost = 0
        """How many words were dropped: more waited than are kept."""
        self._ledger = ledger
        self._clock = clock
        self._origin = origin
        self._debit = debit

    async def run(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.write_some()

    async def write_some(self) -> None:
        """Those that wait longest. What the ledger does not take of one stops no other."""
        some = list(islice(self._unwritten.items(), AT_ONCE_MAX))
        async with asyncio.TaskGroup() as group:
            for key, word in some:
                group.create_task(self._write(key, word))

    async def leave(self) -> None:
        """The last attempt of a process that ends; what is lost now is said."""
        try:
            for _ in range(len(self._unwritten) // AT_ONCE_MAX + 1):
                await self.write_some()
        finally:
            for key, word in self._unwritten.items():
                self._lose(key, word)

    def _lose(self, key: InstructionKey, word: BankAnswer) -> None:
        """From here on only the bank knows it: the enquiry asks, or a person reads this line."""
        self.lost += 1
        log.error(
            "payment.word_lost", instruction=str(key), said=word.outcome, reference=word.reference
        )

    async def _write(self, key: InstructionKey, word: BankAnswer) -> None:
        """Meanwhile others may have settled it, or the bank's books may show paid what the bank
        said it never paid: then nothing is given back, and a person asks (decision 0077)."""
        now = self._clock.now()
        try:
            if word.outcome is not BankOutcome.ACCEPTED and await self._debit(key) is not None:
                await self._ledger.hand_over(key)
                log.error(
                    "payment.unresolved", instruction=str(key), said=word.outcome, against=BOOKS
                )
                del self._unwritten[key]
                return
            settled = await settle_by_word(
                key, word, HOW_ANSWERED, self._ledger, self._origin, now
            )  # fmt: skip
        except LedgerUnavailable:
            self._unwritten[key] = self._unwritten.pop(key)  # others first
            return
        against = settled.contradiction
        if against and not against.recorded:
            self._unwritten[key] = self._unwritten.pop(key)
            return
        del self._unwritten[key]
        if against:
            log.error(
                "payment.contradicted", instruction=str(key), how=HOW_ANSWERED,
                said=against.said, held=against.held,
            )  # fmt: skip
        else:
            log.info("payment.written_late", instruction=str(key), bank=settled.bank.outcome)
