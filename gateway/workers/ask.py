"""Ask: one question to the bank about one payment, and what may be concluded from the answer.

What may be concluded depends on what the bank declares (BankConduct). "Not found" proves nothing
before the bank's finality horizon has passed; without a horizon it proves nothing ever. Nothing is
sent again, whatever the answer.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Container
from typing import TypeAlias

import attrs
import structlog

from gateway.domain.bank import BankAnswer, BankOutcome, EnquiryAnswer, EnquiryOutcome
from gateway.domain.conduct import BankEntry
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment
from gateway.pipeline.settle import settle_by_word
from gateway.pipeline.tell import Origin
from gateway.ports import Bank, Clock, Ledger

NOT_FOUND_KEPT_MAX = 10_000
"""Of so many it is kept since when they are not found; beyond, all their horizons begin anew."""

_SETTLES = {
    EnquiryOutcome.ACCEPTED: BankOutcome.ACCEPTED,
    EnquiryOutcome.REJECTED: BankOutcome.REJECTED,
}

Debit: TypeAlias = Callable[[InstructionKey], Awaitable[BankEntry | None]]
"""What the bank's own movements show gone of it, as far as they came. Raises LedgerUnavailable."""

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Asked:
    """What came of one question."""

    said: EnquiryOutcome
    settled: bool = False
    booked: bool = False
    """The bank's own books show paid what its answer says was never paid: a person asks."""


class Asking:
    def __init__(
        self, ledger: Ledger, bank: Bank, clock: Clock, origin: Origin, debit: Debit, after_s: float
    ) -> None:
        """`after_s`: longer than any submission lasts."""
        self.bank = bank
        self.after_s = after_s
        self._debit = debit
        self._ledger = ledger
        self._clock = clock
        self._origin = origin
        self._not_found_since: dict[InstructionKey, float] = {}

    async def ask(self, payment: OpenPayment) -> Asked:
        """Settle it if the answer proves what became of it; what could not be written proves
        nothing yet."""
        asked = self._clock.monotonic()
        answer = await self.bank.enquire(payment.key)
        booked = settled = False
        try:
            if told := self._concluded(payment.key, answer, asked):
                booked = await self._booked_against(payment.key, told[0])
                settled = not booked and await self._settle(payment, *told, answer)
        except LedgerUnavailable as refused:
            log.warning("enquiry.postponed", instruction=str(payment.key), reason=str(refused))
        return Asked(said=answer.outcome, settled=settled, booked=booked)

    async def noted(
        self, payment: OpenPayment, asked: Asked, at: dt.datetime, ask_after: dt.datetime | None
    ) -> bool:
        """It was asked about in vain: others have their turn first. False: that could not be
        written. `ask_after` as `Ledger.note_enquiry` has it."""
        not_found = asked.said is EnquiryOutcome.NOT_FOUND
        try:
            await self._ledger.note_enquiry(
                payment.key, at, not_found=not_found, ask_after=ask_after
            )
        except LedgerUnavailable as refused:
            log.warning("enquiry.not_noted", instruction=str(payment.key), reason=str(refused))
            return False
        return True

    def forget_all_but(self, still: Container[InstructionKey]) -> None:
        """Some are settled by others meanwhile."""
        since = self._not_found_since
        self._not_found_since = {key: at for key, at in since.items() if key in still}

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

    def _beyond_horizon(self, key: InstructionKey, asked: float) -> bool:
        """Counted on the monotonic clock, as clocks may jump, from when this process first heard
        "not found" until it last asked: what it then slept through the bank has not answered."""
        horizon = self.bank.conduct.horizon_s
        if horizon is None:
            return False
        if len(self._not_found_since) > NOT_FOUND_KEPT_MAX:
            self._not_found_since.clear()
        since = self._not_found_since.setdefault(key, self._clock.monotonic())
        # A submission may have begun as late as our first question, so its own time is added.
        return asked - since > horizon + self.after_s

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
            "payment.resolved", instruction=str(payment.key), bank=settled.bank.outcome, how=how,
            operator_task=payment.operator_task,
        )  # fmt: skip
        return settled.at == now
