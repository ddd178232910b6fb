"""Enquire: ask the bank what became of payments whose outcome is unknown; never send one again.

What cannot be known so becomes an operator's task; about those `ask_again.py` asks seldom.
"""

import asyncio
import datetime as dt

import structlog

from gateway.domain.bank import BOOKS, EnquiryOutcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import OpenPayment
from gateway.ports import Clock, Ledger
from gateway.workers.ask import Asked, Asking
from gateway.workers.ask_again import ask_after
from gateway.workers.office import Office

ENQUIRE_EVERY_S = 0.5
ENQUIRIES_MAX = 64
"""How many open payments are asked about in one round."""
OPERATOR_AFTER_ENQUIRIES = 20
"""Without a horizon: so many fruitless enquiries, and a person must look."""
UNASKED = "not offered"
"""What the log says instead of the enquiry's answer."""

log = structlog.get_logger()


class Enquiring:
    """Younger payments than any submission lasts are not asked about."""

    def __init__(self, office: Office, ledger: Ledger, clock: Clock, asking: Asking) -> None:
        self._office = office
        self._ledger = ledger
        self._clock = clock
        self._asking = asking
        self._after = dt.timedelta(seconds=asking.after_s)
        self._answers = True
        """Whether the bank has answered anything when it was last asked."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(ENQUIRE_EVERY_S)
            if not self._office.held:
                # Another asks, and what the bank tells it we do not hear.
                self._asking.forget_all_but(())
                continue
            try:
                if self._asking.bank.conduct.enquiry:
                    await self.enquire_all()
                else:
                    await self.hand_over_all()
            except LedgerUnavailable:
                log.warning("enquiry.postponed", reason="ledger unavailable")

    async def enquire_all(self) -> int:
        """Ask about every payment that is open too long; returns how many were settled.

        What the ledger refuses of one payment stops no other. Raises LedgerUnavailable.
        """
        due, limit = self._clock.now() - self._after, self._limit()
        payments = await self._ledger.open_payments(due, limit)
        if len(payments) < limit:  # a full list says nothing of the others
            self._asking.forget_all_but({payment.key for payment in payments})
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._enquire(payment)) for payment in payments]
        if asked := [task.result() for task in tasks]:
            self._answers = any(each.said is not EnquiryOutcome.SILENT for each in asked)
        return sum(each.settled for each in asked)

    def _limit(self) -> int:
        """While the bank is silent one alone, another one each time: it may be silent about that
        one only. Without a horizon silence counts on the way to a person, of each payment, and ends
        with that (decision 0133)."""
        helpless = self._asking.bank.conduct.horizon_s is None
        return ENQUIRIES_MAX if self._answers or helpless else 1

    async def hand_over_all(self) -> None:
        """Of a core that cannot be asked: each payment that is open too long is an operator's task
        at once. What the bank tells of its own accord still settles it. Raises LedgerUnavailable.
        """
        due = self._clock.now() - self._after
        for payment in await self._ledger.open_payments(due, ENQUIRIES_MAX):
            await self._ledger.hand_over(payment.key)
            log.error(
                "payment.unresolved", instruction=str(payment.key), enquiry=UNASKED, against=""
            )  # fmt: skip

    async def _enquire(self, payment: OpenPayment) -> Asked:
        """If it is not settled now the enquiry is noted: others are then asked first."""
        asked = await self._asking.ask(payment)
        if not asked.settled:
            await self._note(payment, asked)
        return asked

    async def _note(self, payment: OpenPayment, asked: Asked) -> None:
        helpless = self._asking.bank.conduct.horizon_s is None
        enough = payment.enquiries + 1 >= OPERATOR_AFTER_ENQUIRIES
        operator = asked.booked or (helpless and enough)
        now = self._clock.now()
        later = ask_after(payment, asked.said, now) if operator else None
        if await self._asking.noted(payment, asked, now, later) and operator:
            log.error(
                "payment.unresolved", instruction=str(payment.key), enquiry=asked.said,
                against=BOOKS if asked.booked else "",
            )  # fmt: skip
