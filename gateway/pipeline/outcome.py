"""Outcome (后续结果): what the bank says later, of its own accord, of an instruction it was handed.

Accepted or refused settles a payment whose end was unknown, as an enquiry does; returned gives the
money back by the refund it is. What contradicts a durable fact changes nothing: both words are a
`correction` record, nobody is told either as true, and the bureau gets an alert at once.
"""

from enum import StrEnum

import attrs
from msgspec.structs import replace

from gateway.domain.bank import BankAnswer, BankOutcome, Contradiction
from gateway.domain.conduct import Alert
from gateway.domain.enquiries import OutcomeItem
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Standing
from gateway.domain.money import Fen
from gateway.domain.refunds import Handed
from gateway.pipeline.conduct_words import alert
from gateway.pipeline.parse import refuse_forgetful
from gateway.pipeline.refund import MoneyBack
from gateway.pipeline.returns import Alarm, Returning
from gateway.pipeline.settle import settle_as_told
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Ledger

RETURN_TYPE = "RETURN"
"""Voucher type of a refund that came as an outcome; its number is the outcome's."""


class Word(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    RETURNED = "returned"


class OutcomeResult(StrEnum):
    SETTLED = "settled"
    KNOWN = "known"
    """It was settled so before."""
    RETURNED = "returned"
    CONTRADICTED = "contradicted"
    """The ledger holds another word; an alert was raised, nothing was changed."""
    UNMATCHED = "unmatched"
    """No instruction of ours was forwarded under that identity; an alert was raised."""


@attrs.frozen(kw_only=True)
class Outcome:
    """`number` is the bank's own of this word; `amount_fen` stands for what is returned."""

    number: str
    key: InstructionKey
    word: Word
    reference: str
    reason: str
    amount_fen: Fen | None


@attrs.frozen(kw_only=True)
class OutcomeTaken:
    result: OutcomeResult
    contradiction: Contradiction | None = None


@attrs.frozen(kw_only=True)
class Outcomes:
    ledger: Ledger
    returning: Returning
    alarm: Alarm
    clock: Clock
    origin: Origin

    async def take(self, told: Outcome, handed: Handed) -> OutcomeTaken:
        """Safe to do again. Raises RefundRefused (with its alert raised), LedgerUnavailable,
        Unready."""
        refuse_forgetful(told.key.division, self.returning.behind)
        standing = await self.ledger.standing(told.key)
        if standing is None or not standing.forwarded:
            await self.alarm.raised(_unmatched(told, standing), self.clock.now())
            return OutcomeTaken(result=OutcomeResult.UNMATCHED)
        settled = await self._settled(told, standing)
        if told.word is not Word.RETURNED or settled.result is OutcomeResult.CONTRADICTED:
            return settled
        assert told.amount_fen is not None, "the door has seen to it"
        back = MoneyBack(
            key=replace(told.key, voucher_type=RETURN_TYPE, voucher_no=told.number),
            payment=told.key, amount_fen=told.amount_fen, reason=told.reason,
            reference=told.reference,
        )  # fmt: skip
        await self.returning.take(back, handed)
        return OutcomeTaken(result=OutcomeResult.RETURNED)

    async def reported(self, item: OutcomeItem, standing: Standing, number: str) -> OutcomeTaken:
        """The same in a report on several payments; what is on its way says nothing. Raises
        LedgerUnavailable."""
        if item.accepted is None:
            return OutcomeTaken(result=OutcomeResult.KNOWN)
        told = Outcome(
            number=number, key=standing.key,
            word=Word.ACCEPTED if item.accepted else Word.REFUSED, reference=item.reference,
            reason=item.reason, amount_fen=None,
        )  # fmt: skip
        return await self.take(told, Handed(raw=b"", signature="", party=""))

    async def stray(self, item: OutcomeItem, division: str, number: str, why: str) -> None:
        """The bank reports on what is no payment that is known here, or on another amount."""
        named = item.original.end_to_end_id
        policy = "JL-100" if item.accepted else "JL-102"
        found = alert(
            division, policy, f"outcome/{number}/{named}",
            f"银行报告凭证 {named} 的结果，与已知指令不相对应：{why}",
            f"the bank reports on {named}, and it fits no payment: {why}",
            {"number": named, "reference": item.reference, "said": str(item.accepted)},
        )  # fmt: skip
        await self.alarm.raised(found, self.clock.now())

    async def _settled(self, told: Outcome, standing: Standing) -> OutcomeTaken:
        """What is returned was paid first."""
        now = self.clock.now()
        refused = told.word is Word.REFUSED
        returned = told.word is Word.RETURNED  # whose reference is the return's
        word = BankAnswer(
            outcome=BankOutcome.REJECTED if refused else BankOutcome.ACCEPTED,
            reference=None if returned else told.reference or None,
            reason=told.reason if refused else None,
        )  # fmt: skip
        if not standing.disputed and standing.bank is word.outcome:
            return OutcomeTaken(result=OutcomeResult.KNOWN)
        if standing.disputed:
            return OutcomeTaken(result=OutcomeResult.CONTRADICTED)
        known = standing.settled_at is not None
        if known:  # before its record: who says it again after a cut finds that one, and is done
            await self.alarm.raised(_contradicted(told, standing.bank), now)
        settled = await settle_as_told(told.key, word, self.ledger, self.origin, now, told.number)
        if against := settled.contradiction:
            if not known:
                await self.alarm.raised(_contradicted(told, against.held), now)
            return OutcomeTaken(result=OutcomeResult.CONTRADICTED, contradiction=against)
        if settled.bank.outcome is not word.outcome:  # a letter that officers have ended
            return OutcomeTaken(result=OutcomeResult.CONTRADICTED)
        return OutcomeTaken(result=OutcomeResult.SETTLED)


def _unmatched(told: Outcome, standing: Standing | None) -> Alert:
    held = str(standing.outcome) if standing else None
    zh = f"未获放行（{held}）" if standing else "从未经网关核验"
    paid = told.word is not Word.REFUSED
    return alert(
        told.key.division, "JL-100" if paid else "JL-102", f"outcome/{told.number}/{told.key}",
        f"银行报告第 {told.key.voucher_no} 号凭证结果为 {told.word}，该凭证{zh}",
        f"the bank says {told.word} of {told.key}, which was never forwarded",
        _facts(told) | {"outcome": held},
    )  # fmt: skip


def _contradicted(told: Outcome, held: BankOutcome | None) -> Alert:
    """Each letter's own: after officers have ended one contradiction the next is news again."""
    return alert(
        told.key.division, "JL-101", f"outcome/{told.number}/{told.key}/contradicted",
        f"银行对第 {told.key.voucher_no} 号凭证先后答复 {held} 与 {told.word}",
        f"the bank said {held} of {told.key}, and later {told.word}",
        _facts(told) | {"held": str(held)},
    )  # fmt: skip


def _facts(told: Outcome) -> dict[str, object]:
    return {
        "instruction": str(told.key),
        "number": told.number,
        "reference": told.reference,
        "said": str(told.word),
    }
