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

from gateway.domain.conduct import HandedOver, Statement
from gateway.domain.correspondence import KeptLetter, Letter, Matter, Said, Taken
from gateway.domain.enquiries import Recall, StatusEnquiry
from gateway.domain.faults import (
    Conflicting,
    FaultCode,
    LedgerUnavailable,
    Unproven,
    Unreadable,
    Unready,
)
from gateway.domain.instruction import Received
from gateway.domain.ledger import RecordDraft
from gateway.domain.parties import Role, Sender
from gateway.domain.vouchers import Adjustment, Reconciliation
from gateway.hold_ports import LetterBook
from gateway.pipeline.batch import Batch, Crew, Tell
from gateway.pipeline.letter_acts import Acts
from gateway.pipeline.letters import letter_conflict
from gateway.pipeline.parse import refuse_forgetful
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.tally import Tallying
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Gatekeeper


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
    behind: Mapping[str, str]
    """Divisions whose database has forgotten what was told (as `Rooms.behind` of the line)."""
    acts: Acts
    reconciling: Reconciling
    tallying: Tallying
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
            told += [await rooms.acts.reported(letter, each) for each in letter.outcomes]
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
            said = await rooms.acts.on(letter, kept, sender)
        rooms.note(kept, said)
        reply = tongue.reply(letter, received.raw, said)
        if not isinstance(letter.matter, StatusEnquiry):
            await rooms.book.answered(kept, reply, now, records)
        return reply

    def _division(self, letter: Letter, sender: Sender) -> str:
        """The sender's own; a bank's letter names one, unless only one is served.

        Raises Unproven, Unreadable, Unready.
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
        refuse_forgetful(division, self._rooms.behind)
        return division

    async def _refuse_conflict(self, kept: KeptLetter, first: bytes) -> None:
        record = letter_conflict(kept, first, self._rooms.origin)
        fault = Conflicting(
            FaultCode.INSTRUCTION_CONFLICT, f"{kept.id} of {kept.party} came with other content"
        )
        fault.recorded = await self._rooms.book.conflict(kept.division, record, kept.digest)
        raise fault

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


def _kept(letter: Letter, received: Received, sender: Sender, now: dt.datetime) -> KeptLetter:
    return KeptLetter(
        division=letter.division, party=sender.uri, id=letter.id, name=letter.name,
        digest=hashlib.sha256(received.raw).digest(), signature=received.signature,
        raw=received.raw, at=now,
    )  # fmt: skip
