"""The line: one instruction from the agency to the bank, checked, recorded and provable.

    authenticate -> parse -> identify -> decide -> admit (commit 1)
                 -> forward -> settle (commit 2) -> answer

Read `Line.carry` top to bottom: it holds every branch. Three kinds of "no" leave it. A *finding* is
part of the answer: the law knows it. A *fault* is raised: it never became an instruction. An
*assertion* is our own mistake: the request fails and nothing was forwarded.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from gateway.domain.answer import Answer
from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import Conflicting, FaultCode, LedgerUnavailable, Unreadable, Unready
from gateway.domain.instruction import Instruction, InstructionKey, Received
from gateway.domain.ledger import Admitted, Demand, Moved, Settled, Short, Standing
from gateway.domain.legal_day import legal_day, minute_of_day
from gateway.domain.limits import in_want_of
from gateway.domain.log import TOLD_BYTES_MAX
from gateway.domain.parties import Parties, Sender
from gateway.pipeline.admit import admit
from gateway.pipeline.decide import NOTHING_KNOWN, Ruling
from gateway.pipeline.demands import lacking_unasked
from gateway.pipeline.identify import identify
from gateway.pipeline.judge import Bench, judge, left_out
from gateway.pipeline.parse import (
    parse,
    refuse_forgetful,
    refuse_outsiders,
    refuse_strangers,
    refuse_unserved,
)
from gateway.pipeline.receipt import answer_again, answer_now
from gateway.pipeline.settle import HOW_ANSWERED, settle_by_word
from gateway.pipeline.tell import Judged, Origin, conflict, interception_notice, verdict
from gateway.ports import (
    Bank,
    Book,
    Clock,
    Committer,
    Format,
    Gatekeeper,
    Ledger,
    RegisterShelf,
)

CONFLICT_RECORDS_MAX = 16
"""Of one identity. Who sends ever new content under one number fills no log with it."""
ROUNDS_MAX = 64
"""How often one instruction is judged because what its decision rests on changes meanwhile: several
gateways on one window overtake one another, and each takes its round in milliseconds."""
ROUNDS_SURE = 8
ROUNDS_S = 1.0
"""Beyond so many rounds no more than this altogether: what is admitted is forwarded in time."""
FORWARD_WITHIN_S = 3.0
"""From arrival. Later nothing is forwarded: by then others may ask the bank what became of it."""
MORE_THAN_A_RECORD = "what is found about it is more than one record holds; send it in parts"
UNWRITTEN_MAX = 10_000
"""Words of the bank that one process keeps while the database does not take them."""
CLOCK_BACK_S_MAX = 1.0
"""How far the wall clock may be set back meanwhile."""


@attrs.frozen(kw_only=True)
class Rooms:
    """What the line needs of the world; every one of them is a port."""

    gatekeeper: Gatekeeper
    formats: Mapping[str, Format]
    shelf: RegisterShelf
    book: Book
    committer: Committer
    ledger: Ledger
    bank: Bank
    clock: Clock
    origin: Origin
    divisions: frozenset[str]
    """Those served: with a bureau that is told."""
    partial: frozenset[str] = frozenset()
    """Those of them that let the sound details of a batch pass without the others."""
    behind: Mapping[str, str] = attrs.field(factory=dict)
    """Those of which the bureau has cosigned more than our database holds, and the words for it."""
    hold_life: dt.timedelta | None = None
    """How long a hold waits for the bureau, as its notice says; None: it says nothing of that."""


class Line:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self.unwritten: dict[InstructionKey, BankAnswer] = {}
        """The bank's words that are not on record yet; a worker writes them as soon as it can."""
        self.dropped: Callable[[InstructionKey, BankAnswer], None] = lambda key, word: None
        """Told of each word that is one too many to be kept; set by the worker (`Writing`)."""

    async def carry(self, received: Received) -> Answer:
        """Carry one instruction down the line.

        Raises Fault, or LedgerUnavailable when it is not known whether the decision was recorded;
        whichever it raises, nothing was forwarded by this call.
        """
        rooms = self._rooms
        sender = rooms.gatekeeper.authenticate(received, rooms.clock.now())
        instruction = parse(received, rooms.formats)
        return await self.carry_proven(received, instruction, sender)

    def refuse_outsiders(self, sender: Sender) -> None:
        """Raises Unproven, Unreadable, Unready: nothing that this sender signs can be carried here,
        or not now."""
        rooms = self._rooms
        refuse_outsiders(sender, rooms.divisions, rooms.origin.trust_domain)
        refuse_forgetful(sender.division, rooms.behind)

    async def carry_proven(
        self, received: Received, instruction: Instruction, sender: Sender
    ) -> Answer:
        """The same from identify on, for what was authenticated and parsed before: a payment of a
        message whose signature covers all of them. Raises as `carry` does."""
        rooms = self._rooms
        now, began = rooms.clock.now(), rooms.clock.monotonic()

        refuse_strangers(sender, instruction, rooms.origin.trust_domain)
        refuse_unserved(instruction, rooms.divisions)
        refuse_forgetful(instruction.key.division, rooms.behind)

        registers, today = rooms.shelf.of(instruction.key.division, now), legal_day(now)
        parties = identify(instruction, registers)
        takes_parts = instruction.key.division in rooms.partial and rooms.bank.conduct.partial
        bench = Bench(registers=registers, book=rooms.book, on=today, minute=minute_of_day(now),
                      partial=takes_parts)  # fmt: skip

        known = NOTHING_KNOWN
        for _ in rounds(rooms.clock):
            ruling, demands = judge(instruction, parties, known, bench)
            passes = ruling.decision.outcome is Outcome.PASS
            if passes and (strain := rooms.bank.strain):
                raise Unready(FaultCode.OVERLOADED, strain)
            lacking = () if passes else await self._lacking(instruction, parties, demands, ruling)
            if (sure := known.with_sure(lacking)) is not known:
                known = sure  # without the money it is refused, not held: no order releases it
                continue
            judged = judged_of(received, instruction, parties, sender, ruling, now)
            admission = await self._admit(judged, demands, received)
            if not isinstance(admission, Short | Moved):
                break
            known = known.learn(admission)
        else:
            raise Unready(FaultCode.OVERLOADED, "what this payment rests on changes all the time")

        if isinstance(admission, Standing):
            return await self._answer_for(admission, judged)
        if not passes:
            return answer_now(judged, None, rooms.gatekeeper)

        settled = await self.forward_once(judged, received, began)
        return answer_now(judged, settled, rooms.gatekeeper)

    async def forward_once(self, judged: Judged, received: Received, began: float) -> Settled:
        """Hand over what this call's own commit 1 has opened, and write down what became of it."""
        bank = await self._forward(judged, received, began)
        return await self._settle(judged.instruction.key, bank)

    async def _lacking(
        self, instruction: Instruction, parties: Parties, demands: tuple[Demand, ...],
        ruling: Ruling,
    ) -> Sequence[Short]:  # fmt: skip
        """What money it wants all the same; nothing is reserved. Raises LedgerUnavailable."""
        sure = lacking_unasked(ruling.decision.outcome, instruction, parties, demands)
        if sure is not None:
            return sure
        limits = [demand.limit for demand in demands]
        return in_want_of(
            demands, await self._rooms.ledger.limits(instruction.key.division, limits)
        )

    async def _admit(
        self, judged: Judged, demands: tuple[Demand, ...], received: Received
    ) -> Admitted | Standing | Short | Moved:
        notice = interception_notice(judged, self._rooms.origin, self._rooms.hold_life)
        record = verdict(judged, self._rooms.origin, self._rooms.committer, notice)
        if max(map(len, (record.body, record.disclosures or b"", notice or b""))) > TOLD_BYTES_MAX:
            raise Unreadable(FaultCode.BODY_TOO_LARGE, MORE_THAN_A_RECORD)
        return await admit(judged, demands, received, record, notice, self._rooms.ledger)

    async def _answer_for(self, standing: Standing, judged: Judged) -> Answer:
        """The identity was decided before: the same bytes get the same answer, others a record."""
        if standing.digest == judged.digest:
            return answer_again(standing, self._rooms.gatekeeper)
        refusal = Conflicting(
            FaultCode.INSTRUCTION_CONFLICT,
            f"{standing.key} was decided before on other content; use a new voucher number",
        )
        record = conflict(judged, self._rooms.origin, standing.digest)
        refusal.recorded = await self._rooms.ledger.record_conflict(
            standing.key, record, judged.digest, CONFLICT_RECORDS_MAX
        )
        raise refusal

    async def _forward(self, judged: Judged, received: Received, began: float) -> BankAnswer:
        """Hand the same bytes over, once; unless we slept so long that we are presumed lost.

        Another gateway then enquires, and settles as never taken what the bank does not find.
        """
        if self._too_late(judged.at, began):
            return BankAnswer(outcome=BankOutcome.NOT_TAKEN, reason="too late to be forwarded")
        order, bank = judged.instruction, self._rooms.bank
        if part := left_out(order, judged.decision.withheld):
            return await bank.submit(order.key, received.raw, received.format, part)
        return await bank.submit(order.key, received.raw, received.format)

    def _too_late(self, arrived: dt.datetime, began: float) -> bool:
        """By either clock: the monotonic one stands still while a machine is suspended, and the
        wall clock may be set. A wall clock that went back tells nothing, and so counts as late."""
        clock = self._rooms.clock
        wall_s = (clock.now() - arrived).total_seconds()
        in_time = -CLOCK_BACK_S_MAX <= wall_s <= FORWARD_WITHIN_S
        return clock.monotonic() - began > FORWARD_WITHIN_S or not in_time

    async def _settle(self, key: InstructionKey, bank: BankAnswer) -> Settled:
        """Unknown stays open for the enquiry worker. What we fail to write down is true all the
        same, and is kept: the bank may never say it again."""
        if bank.outcome is BankOutcome.UNKNOWN:
            return Settled(bank=bank)
        rooms, now = self._rooms, self._rooms.clock.now()
        try:
            settled = await settle_by_word(
                key, bank, HOW_ANSWERED, rooms.ledger, rooms.origin, now
            )  # fmt: skip
        except LedgerUnavailable:
            settled = Settled(bank=bank)
            self._keep(key, bank)
        if settled.contradiction and not settled.contradiction.recorded:
            self._keep(key, bank)
        return settled

    def _keep(self, key: InstructionKey, word: BankAnswer) -> None:
        if len(self.unwritten) < UNWRITTEN_MAX:
            self.unwritten[key] = word
        else:
            self.dropped(key, word)


def rounds(clock: Clock) -> Iterator[None]:
    """As long as it is worth while to judge one instruction once more."""
    began = clock.monotonic()
    for number in range(ROUNDS_MAX):
        if number >= ROUNDS_SURE and clock.monotonic() - began > ROUNDS_S:
            return
        yield


def judged_of(
    received: Received, instruction: Instruction, parties: Parties, sender: Sender,
    ruling: Ruling, now: dt.datetime,
) -> Judged:  # fmt: skip
    return Judged(
        instruction=instruction,
        parties=parties,
        sender=sender,
        decision=ruling.decision,
        digest=hashlib.sha256(received.raw).digest(),
        format=received.format,
        at=now,
        asks=ruling.asks,
        shares=ruling.shares,
    )
