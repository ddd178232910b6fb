"""Returns (退款): money back from a payment, in whatever language the bank tells of it; and the
alarm that is raised where what it tells does not fit what is known.

What comes back was paid: of a payment whose end was unknown this is the bank's word on it.
What fits no payment is an alert on the bank's conduct (JL-101), once, with its evidence; nothing is
given back on it.
"""

import datetime as dt
from collections.abc import Mapping

import attrs

from gateway.conduct_ports import ConductStore
from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.domain.conduct import Alert, Statement
from gateway.domain.enquiries import ReturnItem
from gateway.domain.faults import FaultCode
from gateway.domain.money import yuan
from gateway.domain.refunds import Handed, RefundResult
from gateway.hold_ports import Refunds
from gateway.pipeline.conduct_words import alert, alert_record
from gateway.pipeline.parse import refuse_forgetful
from gateway.pipeline.refund import MoneyBack, RefundRefused, refund
from gateway.pipeline.settle import settle_as_told
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Ledger


@attrs.frozen(kw_only=True)
class Alarm:
    """Tells the bureau at once of what the bank did or said that cannot be right."""

    store: ConductStore
    origin: Origin

    async def raised(self, found: Alert, at: dt.datetime) -> None:
        """Once, however often it is found. Raises LedgerUnavailable."""
        told = [(found, *alert_record(found, self.origin, at))]
        await self.store.take(Statement(id=""), told, at)


@attrs.frozen(kw_only=True)
class Returning:
    ledger: Ledger
    refunds: Refunds
    clock: Clock
    alarm: Alarm
    behind: Mapping[str, str]
    """Divisions whose database has forgotten what was paid."""

    async def take(self, back: MoneyBack, handed: Handed) -> RefundResult:
        """Give it back, once.

        Raises Unreadable, RefundRefused (with its alert raised), LedgerUnavailable, Unready.
        """
        refuse_forgetful(back.payment.division, self.behind)
        now = self.clock.now()
        try:
            return await refund(back, handed, self.refunds, self.alarm.origin, now)
        except RefundRefused as refused:
            if refused.code is FaultCode.REFUND_UNPAID and await self._learnt(back, now):
                return await self.take(back, handed)
            await self.alarm.raised(unmatched(back, refused.code, refused.detail), now)
            raise

    async def _learnt(self, back: MoneyBack, now: dt.datetime) -> bool:
        """Whether it is settled as paid now: it was unknown, or another who was told the same was
        quicker. Its own reference stays unknown: the one that was told is the return's."""
        standing = await self.ledger.standing(back.payment)
        if standing and standing.bank is BankOutcome.ACCEPTED and not standing.disputed:
            return True
        if standing is None or standing.bank is not BankOutcome.UNKNOWN:
            return False
        word = BankAnswer(outcome=BankOutcome.ACCEPTED)
        settled = await settle_as_told(
            back.payment, word, self.ledger, self.alarm.origin, now, str(back.key)
        )
        return settled.bank.outcome is BankOutcome.ACCEPTED

    async def stray(self, division: str, item: ReturnItem, why: str) -> None:
        """Money came back that names no payment of ours."""
        number = item.original.end_to_end_id
        found = alert(
            division, "JL-101", f"return/{item.id}/{number}",
            f"退款 {item.id} 金额 {yuan(item.amount_fen)} 元所称的凭证 {number} 无从对应",
            f"the return {item.id} of {yuan(item.amount_fen)} names no known payment: {why}",
            {"amount_fen": int(item.amount_fen), "number": number, "return": item.id},
        )  # fmt: skip
        await self.alarm.raised(found, self.clock.now())


def unmatched(back: MoneyBack, code: FaultCode, detail: str) -> Alert:
    """Money came back that fits nothing: which, and why it does not."""
    return alert(
        back.key.division, "JL-101", f"return/{back.key}/{code}",
        f"退款 {back.key.voucher_no} 金额 {yuan(back.amount_fen)} 元与已支付的指令不符：{detail}",
        f"the return {back.key} of {yuan(back.amount_fen)} fits no payment: {detail}",
        {
            "amount_fen": int(back.amount_fen),
            "instruction": str(back.payment),
            "reason": str(code),
            "reference": back.reference,
            "return": str(back.key),
        },
    )  # fmt: skip
