"""Enquire: ask the bank what became of payments whose outcome is unknown; never send one again.

What may be concluded depends on what the bank declares (BankConduct). "Not found" proves nothing
before the bank's finality horizon has passed; without a horizon a named operator decides.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

from gateway.domain.bank import BOOKS, BankAnswer, BankOutcome, EnquiryAnswer, EnquiryOutcome
from gateway.domain.conduct import BankEntry
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment
from gateway.pipeline.settle import settle_by_word
from gateway.pipeline.tell import Origin
from gateway.ports import Bank, Clock, Ledger
from gateway.workers.office import Office

ENQUIRE_EVERY_S = 0.5
ENQUIRIES_MAX = 64
"""How many open payments are asked about in one round."""
OPERATOR_AFTER_ENQUIRIES = 20
"""Without a horizon: so many fruitless enquiries, and a person must look."""
UNASKED = "not offered"
"""What the log says instead of the enquiry's answer."""

_SETTLES = {
    EnquiryOutcome.ACCEPTED: BankOutcome.ACCEPTED,
    EnquiryOutcome.REJECTED: BankOutcome.REJECTED,
}

Debit: TypeAlias = Callable[[InstructionKey], Awaitable[BankEntry | None]]
"""What the bank's own movements show gone of it, as far as they came. Raises LedgerUnavailable."""

log = structlog.get_logger()


class Enquiring:
    def __init__(
        self, office: Office, ledger: Ledger, bank: Bank, clock: Clock, origin: Origin,
        debit: Debit, after_s: float,
    ) -> None:  # fmt: skip
        """`after_s`: longer than any submission lasts; younger payments are not asked about."""
        self._debit = debit
        self._office = office
        self._ledger = ledger
        self._bank = bank
        self._clock = clock
        self._origin = origin
        self._after = dt.timedelta(seconds=after_s)
        self._not_found_since: dict[InstructionKey, float] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(ENQUIRE_EVERY_S)
            if not self._office.held:
                continue
            try:
                if self._bank.conduct.enquiry:
                    await self.enquire_all()
                else:
                    await self.hand_over_all()
            except LedgerUnavailable:
                log.warning("enquiry.postponed", reason="ledger unavailable")

    async def enquire_all(self) -> int:
        """Ask about every payment that is open too long; returns how many were settled.

        What the ledger refuses of one payment stops no other. Raises LedgerUnavailable.
        """
        due = self._clock.now() - self._after
        payments = await self._ledger.open_payments(due, ENQUIRIES_MAX)
        self._forget_all_but(payments)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._enquire(payment)) for payment in payments]
        return sum(task.result() for task in tasks)

    async def hand_over_all(self) -> None:
        """Of a core that cannot be asked: each payment that is open too long is an operator's task
        at once. What the bank tells of its own accord still settles it. Raises LedgerUnavailable.
        """
        due = self._clock.now() - self._after
        for payment in await self._ledger.open_payments(due, ENQUIRIES_MAX):
            now = self._clock.now()
            await self._ledger.note_enquiry(payment.key, now, not_found=False, operator_task=True)
            log.error(
                "payment.unresolved", instruction=str(payment.key), enquiry=UNASKED, against=""
            )  # fmt: skip

    async def _enquire(self, payment: OpenPayment) -> bool:
        """Whether it is settled now. If not the enquiry is noted: others are then asked first."""
        asked = self._clock.monotonic()
        answer = await self._bank.enquire(payment.key)
        booked = False
        try:
            if told := self._concluded(payment.key, answer, asked):
                booked = await self._booked_against(payment.key, told[0])
                if not booked and await self._settle(payment, *told, answer):
                    return True
        except LedgerUnavailable as refused:
            log.warning("enquiry.postponed", instruction=str(payment.key), reason=str(refused))
        try:
            await self._note(payment, answer, booked=booked)
        except LedgerUnavailable as refused:
            log.warning("enquiry.not_noted", instruction=str(payment.key), reason=str(refused))
        return False

    def _concluded(
        self, key: InstructionKey, answer: EnquiryAnswer, asked: float
    ) -> tuple[BankOutcome, str] | None:
        """What became of it and how we know; None: nothing is proven yet."""
        if outcome := _SETTLES.get(answer.outcome):
            return outcome, "enquiry"
        if answer.outcome is EnquiryOutcome.NOT_FOUND:
            if self._beyond_horizon(key, asked):
                return BankOutcome.NOT_TAKEN, "horizon"
        elif answer.outcome is EnquiryOutcome.PENDING:
            self._not_found_since.pop(key, None)
        return None

    async def _booked_against(self, key: InstructionKey, outcome: BankOutcome) -> bool:
        """Whether the bank's own books show paid what it says it never paid: then nothing is given
        back, and a person asks (decision 0077). Raises LedgerUnavailable."""
        return outcome is not BankOutcome.ACCEPTED and await self._debit(key) is not None

    def _forget_all_but(self, payments: list[OpenPayment]) -> None:
        """Some are settled by their senders meanwhile; a full list says nothing of the others."""
        if len(payments) < ENQUIRIES_MAX:
            still = {payment.key for payment in payments}
            self._not_found_since = {k: t for k, t in self._not_found_since.items() if k in still}

    def _beyond_horizon(self, key: InstructionKey, asked: float) -> bool:
        """Counted on the monotonic clock, as clocks may jump, from when this process first heard
        "not found" until it last asked: what it then slept through the bank has not answered."""
        horizon = self._bank.conduct.horizon_s
        since = self._not_found_since.setdefault(key, self._clock.monotonic())
        if horizon is None:
            return False
        # A submission may have begun as late as our first question, so its own time is added.
        return asked - since > horizon + self._after.total_seconds()

    async def _settle(
        self, payment: OpenPayment, outcome: BankOutcome, how: str, answer: EnquiryAnswer
    ) -> bool:
        word = BankAnswer(outcome=outcome, reference=answer.reference, reason=answer.reason)
        now = self._clock.now()
        settled = await settle_by_word(payment.key, word, how, self._ledger, self._origin, now)
        self._not_found_since.pop(payment.key, None)
        if against := settled.contradiction:
            log.error(
                "payment.contradicted", instruction=str(payment.key), how=how,
                said=against.said, held=against.held,
            )  # fmt: skip
            return False
        log.info(
            "payment.resolved", instruction=str(payment.key), bank=settled.bank.outcome, how=how
        )  # fmt: skip
        return settled.at == now

    async def _note(self, payment: OpenPayment, answer: EnquiryAnswer, *, booked: bool) -> None:
        helpless = self._bank.conduct.horizon_s is None
        operator = booked or (helpless and payment.enquiries + 1 >= OPERATOR_AFTER_ENQUIRIES)
        await self._ledger.note_enquiry(
            payment.key,
            self._clock.now(),
            not_found=answer.outcome is EnquiryOutcome.NOT_FOUND,
            operator_task=operator,
        )
        if operator:
            log.error(
                "payment.unresolved", instruction=str(payment.key), enquiry=answer.outcome,
                against=BOOKS if booked else "",
            )  # fmt: skip
