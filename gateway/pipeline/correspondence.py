"""Correspondence: letters about payments ordered before, one operation in every language.

    authenticate -> read -> keep (once under the sender's number) -> act, row by row -> reply

An enquiry is answered with what holds now; a recall ends a hold or asks the bank core; the bank's
word on a recall, its returns, its statements and its reconciliation are matched to what was
ordered, and what fits nothing is an alert. The same letter again is carried to its end, or answered
as the first time; the same number with other content is a conflict, and a record.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs

from gateway.domain.answer import Answer
from gateway.domain.conduct import HandedOver, Statement
from gateway.domain.correspondence import KeptLetter, Letter, Matter, Said, Taken
from gateway.domain.enquiries import (
    Original,
    OutcomeItem,
    OutcomeReport,
    PaymentReturn,
    Recall,
    RecallAnswer,
    ReturnItem,
    StatusEnquiry,
)
from gateway.domain.faults import (
    Conflicting,
    Fault,
    FaultCode,
    LedgerUnavailable,
    Unproven,
    Unreadable,
    Unready,
)
from gateway.domain.instruction import InstructionKey, Received
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.parties import Role, Sender
from gateway.domain.refunds import Handed
from gateway.domain.vouchers import Adjustment, Reconciliation
from gateway.hold_ports import LetterBook
from gateway.pipeline.batch import Batch, Crew, Tell
from gateway.pipeline.letters import Seeker, letter_conflict
from gateway.pipeline.outcome import OutcomeResult, Outcomes
from gateway.pipeline.recall import NOT_FOUND, Asked, Recalling
from gateway.pipeline.receipt import answer_again
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.refund import MoneyBack, RefundRefused
from gateway.pipeline.returns import Returning
from gateway.pipeline.tally import Tallying
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Gatekeeper

ISO_RETURN = "PACS004"
"""Voucher type of a refund that came as a pacs.004; its number is the RtrId."""


class Tongue(Protocol):
    """One language that letters come in (adapters room)."""

    format: str

    def takes(self, raw: bytes) -> bool:
        """Whether these bytes look like such a letter. Nothing rests on it."""
        ...

    def read(self, raw: bytes) -> Letter:
        """Raises Unreadable listing *all* errors."""
        ...

    def reply(self, letter: Letter, raw: bytes, said: Sequence[Said]) -> bytes:
        """The answer: what was said of each payment, in the letter's order."""
        ...


@attrs.frozen(kw_only=True)
class LetterRooms:
    gatekeeper: Gatekeeper
    tongues: Mapping[str, Tongue]
    """By format."""
    book: LetterBook
    crew: Crew
    clock: Clock
    origin: Origin
    divisions: frozenset[str]
    seeker: Seeker
    recalling: Recalling
    returning: Returning
    reconciling: Reconciling
    tallying: Tallying
    outcomes: Outcomes
    note: Callable[[KeptLetter, Sequence[Said]], None]
    """For operators: a letter that was carried, and what was said of each payment."""


class Correspondence:
    """Stands where the door asks for what is more than one instruction: letters here, messages of
    many payments to `batch`, where the bank core takes them."""

    def __init__(self, rooms: LetterRooms, batch: Batch | None = None) -> None:
        self._rooms = rooms
        self._batch = batch

    def takes(self, received: Received) -> bool:
        tongue = self._rooms.tongues.get(received.format)
        if tongue is not None and tongue.takes(received.raw):
            return True
        return self._batch is not None and self._batch.takes(received)

    async def carry(self, received: Received, tell: Tell) -> bytes:
        """The reply. Raises Fault: the letter as a whole is not taken."""
        tongue = self._rooms.tongues.get(received.format)
        if tongue is None or not tongue.takes(received.raw):
            assert self._batch is not None, "somebody takes it"
            return await self._batch.carry(received, tell)
        try:
            return await self._carry(received, tongue)
        except LedgerUnavailable as lost:
            raise Unready(
                FaultCode.LEDGER_UNAVAILABLE,
                "it could not be proven durable; send the same letter again",
            ) from lost

    async def _carry(self, received: Received, tongue: Tongue) -> bytes:
        rooms, now = self._rooms, self._rooms.clock.now()
        sender = rooms.gatekeeper.authenticate(received, now)
        if sender.trust_domain != rooms.origin.trust_domain:
            raise Unproven(FaultCode.SENDER_UNKNOWN, "the signer is of another trust domain")
        letter = await rooms.crew.aside(lambda: tongue.read(received.raw))
        _refuse_unentitled(letter.matter, sender, rooms.origin)
        letter = attrs.evolve(letter, division=self._division(letter, sender))
        kept = _kept(letter, received, sender, now)
        if isinstance(letter.matter, Statement):
            told = await self._statement(kept, letter.matter)
            told += [await self._reported(letter, each) for each in letter.outcomes]
            rooms.note(kept, told)
            return tongue.reply(letter, received.raw, told)
        before = await rooms.book.keep(kept)
        if before is not None and before[0] != kept.digest:
            await self._refuse_conflict(kept, before[0])
        if before is not None and before[1] and not isinstance(letter.matter, StatusEnquiry):
            return before[1]
        records: list[RecordDraft] = []
        if isinstance(letter.matter, Adjustment):
            one, records = await rooms.tallying.adjust(letter.matter, kept)
            said = [one]
        else:
            said = await self._acts(letter, kept, sender)
        rooms.note(kept, said)
        reply = tongue.reply(letter, received.raw, said)
        if not isinstance(letter.matter, StatusEnquiry):
            await rooms.book.answered(kept, reply, now, records)
        return reply

    def _division(self, letter: Letter, sender: Sender) -> str:
        """The sender's own; a bank's letter names one, unless only one is served.

        Raises Unproven, Unreadable.
        """
        served = self._rooms.divisions
        division = letter.division
        if sender.role is not Role.BANK:
            if division not in ("", sender.division):
                raise Unproven(
                    FaultCode.SENDER_NOT_ENTITLED, f"{sender.uri} is not of division {division}"
                )
            division = sender.division
        elif not division and len(served) == 1:
            (division,) = served
        if division not in served:
            words = f"division {division} is not served" if division else "it names no division"
            raise Unreadable(FaultCode.DIVISION_UNKNOWN, words)
        return division

    async def _refuse_conflict(self, kept: KeptLetter, first: bytes) -> None:
        record = letter_conflict(kept, first, self._rooms.origin)
        fault = Conflicting(
            FaultCode.INSTRUCTION_CONFLICT, f"{kept.id} of {kept.party} came with other content"
        )
        fault.recorded = await self._rooms.book.conflict(kept.division, record, kept.digest)
        raise fault

    async def _acts(self, letter: Letter, kept: KeptLetter, sender: Sender) -> list[Said]:
        """Payment by payment: what is said of one stops no other."""
        matter = letter.matter
        if isinstance(matter, StatusEnquiry):
            return [await self._told(letter, each, sender) for each in matter.payments]
        if isinstance(matter, Recall):
            return [
                await self._recalled(letter, Asked(
                    recall=kept.digest.hex()[:32], asker=kept.party, item=item), sender)
                for item in matter.payments
            ]  # fmt: skip
        if isinstance(matter, RecallAnswer):
            return await self._heard(letter, matter, kept)
        if isinstance(matter, OutcomeReport):
            return [await self._reported(letter, each) for each in matter.payments]
        if isinstance(matter, PaymentReturn):
            return [await self._returned(letter, each, kept) for each in matter.payments]
        assert isinstance(matter, Reconciliation)
        return [await self._rooms.tallying.tally(matter)]

    async def _told(self, letter: Letter, asked: Original, sender: Sender) -> Answer | Fault:
        found = await self._rooms.seeker.find(letter.division, asked)
        if isinstance(found, Fault):
            return found
        if not _may_read(sender, found):
            return self._rooms.seeker.unknown(asked)
        return answer_again(found, self._rooms.gatekeeper)

    async def _recalled(self, letter: Letter, asked: Asked, sender: Sender) -> Said:
        found = await self._rooms.seeker.find(letter.division, asked.item.original)
        if isinstance(found, Fault):
            return attrs.evolve(NOT_FOUND, words=found.detail)
        if not sender.may_send_for(letter.division, found.agency_code):
            return NOT_FOUND
        return await self._rooms.recalling.recall(asked, found)

    async def _heard(self, letter: Letter, matter: RecallAnswer, kept: KeptLetter) -> list[Said]:
        recalling, said = self._rooms.recalling, list[Said]()
        for result in matter.payments:
            name = matter.case
            if await recalling.heard(name, result, letter.division, kept.party):
                said.append(Taken(words=f"recall {name} of {result.original.end_to_end_id}"))
                continue
            await recalling.stray(name, result, letter.division)
            said.append(
                Unreadable(FaultCode.INSTRUCTION_UNKNOWN, f"no recall {name} of this payment")
            )
        return said

    async def _reported(self, letter: Letter, item: OutcomeItem) -> Said:
        outcomes, found = self._rooms.outcomes, await self._meant(letter, item)
        if isinstance(found, Fault):
            await outcomes.stray(item, letter.division, letter.id)
            return found
        taken = await outcomes.reported(item, found, letter.id)
        if taken.result in (OutcomeResult.CONTRADICTED, OutcomeResult.UNMATCHED):
            return Conflicting(
                FaultCode.INSTRUCTION_CONFLICT, f"{found.key}: {taken.result}; nothing was changed"
            )
        return Taken(words=f"{taken.result} {found.key}")

    async def _meant(self, letter: Letter, item: OutcomeItem) -> Standing | Fault:
        seeker = self._rooms.seeker
        if item.key is None:
            return await seeker.find(letter.division, item.original)
        return await seeker.at(item.key)

    async def _returned(self, letter: Letter, item: ReturnItem, kept: KeptLetter) -> Said:
        returning = self._rooms.returning
        payment = item.payment
        if payment is None:
            found = await self._rooms.seeker.find(letter.division, item.original)
            if isinstance(found, Fault):
                await returning.stray(letter.division, item, found.detail)
                return RefundRefused(FaultCode.REFUND_UNPAID, found.detail)
            payment = found.key
        back = MoneyBack(
            key=item.key or _return_key(payment, item), payment=payment,
            amount_fen=item.amount_fen, reason=" ".join(filter(None, (item.reason, item.words))),
            reference=item.id,
        )  # fmt: skip
        try:
            handed = Handed(raw=kept.raw, signature=kept.signature, party=kept.party)
            result = await returning.take(back, handed)
        except (RefundRefused, Unreadable) as refused:
            return refused
        return Taken(words=f"{result} {payment}")

    async def _statement(self, kept: KeptLetter, statement: Statement) -> list[Said]:
        handed = HandedOver(
            division=kept.division, digest=kept.digest, party=kept.party,
            signature=kept.signature, raw=kept.raw,
        )  # fmt: skip
        try:
            alerts, replayed = await self._rooms.reconciling.hand_over(statement, handed, kept.at)
        except Conflicting as conflict:
            first = await self._rooms.reconciling.store.statement_digest(
                kept.division, statement.id
            )
            record = letter_conflict(kept, first or b"", self._rooms.origin)
            conflict.recorded = await self._rooms.book.conflict(kept.division, record, kept.digest)
            raise
        again = "; taken before" if replayed else ""
        return [Taken(words=f"{len(statement.entries)} entries, {alerts} new alerts{again}")]


def _refuse_unentitled(matter: Matter, sender: Sender, origin: Origin) -> None:
    """Raises Unproven: what the bank alone can know is the bank's to tell, and so on."""
    ours = (sender.role, sender.name) == (Role.BANK, origin.bank)
    orders = sender.role in (Role.AGENCY, Role.CHANNEL, Role.BUREAU)
    bureau = sender.role is Role.BUREAU
    may = {
        StatusEnquiry: orders or ours,
        Recall: orders,
        Adjustment: bureau,
        Reconciliation: bureau or ours,
    }.get(type(matter), ours)
    if not may:
        raise Unproven(FaultCode.SENDER_NOT_ENTITLED, f"{sender.uri} may not send this")


def _may_read(sender: Sender, standing: Standing) -> bool:
    if sender.role is Role.BANK:
        return True
    return sender.may_send_for(standing.key.division, standing.agency_code)


def _kept(letter: Letter, received: Received, sender: Sender, now: dt.datetime) -> KeptLetter:
    return KeptLetter(
        division=letter.division, party=sender.uri, id=letter.id, name=letter.name,
        digest=hashlib.sha256(received.raw).digest(), signature=received.signature,
        raw=received.raw, at=now,
    )  # fmt: skip


def _return_key(payment: InstructionKey, item: ReturnItem) -> InstructionKey:
    return InstructionKey(
        division=payment.division, fiscal_year=payment.fiscal_year, voucher_type=ISO_RETURN,
        voucher_no=item.id,
    )  # fmt: skip
