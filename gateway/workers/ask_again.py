"""Ask again: an operator's task stays one, and the bank is asked about it seldom (decision 0124).

A clear answer settles it as an earlier one would have. While the bank is silent about all it was
last asked about, it is asked about one alone at a time, however many wait.
"""

import asyncio
import datetime as dt

import structlog

from gateway.domain.bank import EnquiryOutcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import OpenPayment
from gateway.ports import Clock, Ledger
from gateway.workers.ask import Asked, Asking
from gateway.workers.office import Office

ASK_EVERY_S = 2.0
"""Between two rounds while the bank answers."""
TASKS_AT_ONCE_MAX = 8
"""How many are asked about in one of these: they share the enquiries' few connections."""
PROBE_EVERY_S = 10.0
"""Between two questions while it is silent."""
PAUSE_MIN = dt.timedelta(seconds=30)
PAUSE_MAX = dt.timedelta(hours=1)
AGE_PARTS = 8
"""Asked again after an eighth of its age: at four minutes in 30 s, from eight hours on hourly."""

log = structlog.get_logger()


def ask_after(payment: OpenPayment, said: EnquiryOutcome, now: dt.datetime) -> dt.datetime:
    """When this operator's task may be asked about again. Silence says nothing of the payment, so
    it is not put off for long by it."""
    if said is EnquiryOutcome.SILENT:
        return now + PAUSE_MIN
    return now + min(max((now - payment.opened_at) / AGE_PARTS, PAUSE_MIN), PAUSE_MAX)


class AskingAgain:
    """Runs in the process that holds the office. Keeps an `Asking` of its own."""

    def __init__(self, office: Office, ledger: Ledger, clock: Clock, asking: Asking) -> None:
        self._office = office
        self._ledger = ledger
        self._clock = clock
        self._asking = asking
        self._answers = False
        """Whether the bank has answered anything when it was last asked."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S if self._answers else PROBE_EVERY_S)
            if not self._office.held or not self._asking.bank.conduct.enquiry:
                # Another asks, and what the bank tells it we do not hear.
                self._asking.forget_all_but(())
                continue
            try:
                await self.ask_some()
            except LedgerUnavailable:
                log.warning("enquiry.postponed", reason="ledger unavailable")

    async def ask_some(self) -> int:
        """One round; how many were settled. Raises LedgerUnavailable."""
        limit = TASKS_AT_ONCE_MAX if self._answers else 1
        payments = await self._ledger.due_tasks(self._clock.now(), limit)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(payment)) for payment in payments]
        if asked := [task.result() for task in tasks]:
            self._answers = any(each.said is not EnquiryOutcome.SILENT for each in asked)
        return sum(each.settled for each in asked)

    async def _ask(self, payment: OpenPayment) -> Asked:
        """If it is not settled the question is noted: it waits, and others have their turn."""
        asked = await self._asking.ask(payment)
        if not asked.settled:
            now = self._clock.now()
            await self._asking.noted(payment, asked, now, ask_after(payment, asked.said, now))
        return asked
