"""What each letter about payments does, payment by payment: what is said of one stops no other."""

from collections.abc import Mapping

import attrs

from gateway.domain.correspondence import KeptLetter, Letter, Said, Taken
from gateway.domain.enquiries import (
    Original,
    OutcomeItem,
    OutcomeReport,
    PaymentReturn,
    Recall,
    RecallAnswer,
    RecallItem,
    ReturnItem,
    StatusEnquiry,
)
from gateway.domain.faults import Conflicting, Fault, FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Standing
from gateway.domain.money import yuan
from gateway.domain.parties import Role, Sender
from gateway.domain.refunds import Handed
from gateway.domain.vouchers import Reconciliation
from gateway.pipeline.letters import Seeker
from gateway.pipeline.ordered import ordered
from gateway.pipeline.outcome import OutcomeResult, Outcomes
from gateway.pipeline.recall import NOT_FOUND, Asked, Recalling
from gateway.pipeline.receipt import answer_again
from gateway.pipeline.refund import MoneyBack, RefundRefused
from gateway.pipeline.returns import Returning
from gateway.pipeline.tally import Tallying
from gateway.ports import Format, Gatekeeper

ISO_RETURN = "PACS004"
"""Voucher type of a refund that came as a pacs.004; its number is the RtrId."""


@attrs.frozen(kw_only=True)
class Acts:
    gatekeeper: Gatekeeper
    formats: Mapping[str, Format]
    seeker: Seeker
    recalling: Recalling
    returning: Returning
    tallying: Tallying
    outcomes: Outcomes

    async def on(self, letter: Letter, kept: KeptLetter, sender: Sender) -> list[Said]:
        """In the letter's order. Safe to do again. Raises LedgerUnavailable, and Unready where the
        bank core was asked and has not answered."""
        matter = letter.matter
        if isinstance(matter, StatusEnquiry):
            return [await self._told(letter, each, sender) for each in matter.payments]
        if isinstance(matter, Recall):
            return [await self._recalled(letter, each, kept, sender) for each in matter.payments]
        if isinstance(matter, RecallAnswer):
            return await self._heard(letter, matter, kept)
        if isinstance(matter, OutcomeReport):
            return [await self.reported(letter, each) for each in matter.payments]
        if isinstance(matter, PaymentReturn):
            return [await self._returned(letter, each, kept) for each in matter.payments]
        assert isinstance(matter, Reconciliation)
        return [await self.tallying.tally(matter)]

    async def reported(self, letter: Letter, item: OutcomeItem) -> Said:
        """What the bank learnt later of one payment. Raises LedgerUnavailable."""
        found = await self._meant(letter, item.key, item.original)
        if isinstance(found, Fault):
            await self.outcomes.stray(item, letter.division, letter.id, found.detail)
            return found
        taken = await self.outcomes.reported(item, found, letter.id)
        if taken.result in (OutcomeResult.CONTRADICTED, OutcomeResult.UNMATCHED):
            return Conflicting(
                FaultCode.INSTRUCTION_CONFLICT, f"{found.key}: {taken.result}; nothing was changed"
            )
        return Taken(words=f"{taken.result} {found.key}")

    async def _told(self, letter: Letter, asked: Original, sender: Sender) -> Said:
        found = await self.seeker.find(letter.division, asked)
        if isinstance(found, Fault):
            return found
        if not _may_read(sender, found):
            return self.seeker.unknown(asked)
        return answer_again(found, self.gatekeeper)

    async def _recalled(
        self, letter: Letter, item: RecallItem, kept: KeptLetter, sender: Sender
    ) -> Said:
        asked = Asked(recall=kept.digest.hex()[:32], asker=kept.party, item=item)
        found = await self.seeker.find(letter.division, item.original)
        if isinstance(found, Fault):
            return attrs.evolve(NOT_FOUND, words=found.detail)
        if not sender.may_send_for(letter.division, found.agency_code):
            return NOT_FOUND
        return await self.recalling.recall(asked, found)

    async def _heard(self, letter: Letter, matter: RecallAnswer, kept: KeptLetter) -> list[Said]:
        said = list[Said]()
        for result in matter.payments:
            name = matter.case
            if await self.recalling.heard(name, result, letter.division, kept.party):
                said.append(Taken(words=f"recall {name} of {result.original.end_to_end_id}"))
                continue
            await self.recalling.stray(name, result, letter.division)
            said.append(
                Unreadable(FaultCode.INSTRUCTION_UNKNOWN, f"no recall {name} of this payment")
            )
        return said

    async def _returned(self, letter: Letter, item: ReturnItem, kept: KeptLetter) -> Said:
        payment = item.payment
        if payment is None:
            found = await self._meant(letter, None, item.original)
            if isinstance(found, Fault):
                await self.returning.stray(letter.division, item, found.detail)
                return RefundRefused(FaultCode.REFUND_UNPAID, found.detail)
            payment = found.key
        back = MoneyBack(
            key=item.key or _return_key(payment, item), payment=payment,
            amount_fen=item.amount_fen, reason=" ".join(filter(None, (item.reason, item.words))),
            reference=item.id,
        )  # fmt: skip
        try:
            handed = Handed(raw=kept.raw, signature=kept.signature, party=kept.party)
            result = await self.returning.take(back, handed)
        except (RefundRefused, Unreadable) as refused:
            return refused
        return Taken(words=f"{result} {payment}")

    async def _meant(
        self, letter: Letter, key: InstructionKey | None, named: Original
    ) -> Standing | Fault:
        """Of another amount than the bank says it is about, it is another payment."""
        seeker = self.seeker
        found = await (seeker.at(key) if key else seeker.find(letter.division, named))
        if isinstance(found, Fault) or named.amount_fen is None:
            return found
        amount = ordered(found, self.formats).amount_fen
        if amount == named.amount_fen:
            return found
        return Unreadable(
            FaultCode.INSTRUCTION_UNKNOWN,
            f"{found.key} is of {yuan(amount)}, not of {yuan(named.amount_fen)}",
        )


def _may_read(sender: Sender, standing: Standing) -> bool:
    if sender.role is Role.BANK:
        return True
    return sender.may_send_for(standing.key.division, standing.agency_code)


def _return_key(payment: InstructionKey, item: ReturnItem) -> InstructionKey:
    return InstructionKey(
        division=payment.division, fiscal_year=payment.fiscal_year, voucher_type=ISO_RETURN,
        voucher_no=item.id,
    )  # fmt: skip
