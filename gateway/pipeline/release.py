"""Release: carry out the bureau's order about one hold, with every check made again at that moment.

    order -> is it about this hold? -> prove, parse, identify, decide anew -> claim (commit 1)
          -> forward -> settle (commit 2)

What is held by exactly the findings that the order names passes; what blocks, what the order does
not name, and a shortage of money stop it, and the hold stays. Who claims forwards, once.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import attrs

from gateway.domain.decision import Decision, Outcome, stored
from gateway.domain.faults import Fault, FaultCode, Unproven, Unready
from gateway.domain.holds import Claim, Claimed, Gone, HoldEnding
from gateway.domain.instruction import Received
from gateway.domain.ledger import Demand, Moved, Settled, Short, Standing
from gateway.domain.legal_day import legal_day, minute_of_day
from gateway.domain.parties import sender_of
from gateway.domain.registers import Registers
from gateway.domain.releases import Order, Verdict
from gateway.hold_ports import Holds, Prover
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import NOTHING_KNOWN, Case, Ruling, decide, of_one_book
from gateway.pipeline.demands import demands_of
from gateway.pipeline.endings import dismissal, notification, refusal, released
from gateway.pipeline.identify import identify
from gateway.pipeline.line import Line, Rooms, judged_of, rounds
from gateway.pipeline.parse import (
    parse,
    refuse_forgetful,
    refuse_strangers,
    refuse_unserved,
)
from gateway.pipeline.tell import Judged

DONE_BEFORE = "ended before"
STOPPED = "findings"
"""`why` of an order that today's findings do not let pass."""


@attrs.frozen
class _Anew:
    """What is judged, with the registers of this moment."""

    cases: Sequence[Case]
    demands: tuple[Demand, ...]
    registers: Registers
    judged: Callable[[Ruling], Judged]


class Release:
    """`prover` proves the instruction's own signature once more, as far as it counts today."""

    def __init__(
        self, rooms: Rooms, line: Line, holds: Holds, prover: Prover,
        signed: Callable[[str, bytes], Awaitable[bytes | None]] | None = None,
    ) -> None:  # fmt: skip
        self._rooms = rooms
        self._line = line
        self._holds = holds
        self._prover = prover
        self._signed = signed

    async def carry_out(self, order: Order) -> Settled | str:
        """What the bank said of a release; else `refused`, or why it was not carried out.

        Raises Unready or LedgerUnavailable: the order stays open, or, where its claim may stand,
        is enquired about; nothing was forwarded by this call.
        """
        rooms = self._rooms
        now, began = rooms.clock.now(), rooms.clock.monotonic()
        refuse_forgetful(order.key.division, rooms.behind)
        standing = await rooms.ledger.standing(order.key)
        if why := _unfit(order, standing, now):
            return await self._dismiss(order, why, now)
        assert standing
        if order.verdict is Verdict.REFUSE:
            ended = await self._holds.end(refusal(order, standing, rooms.origin, now))
            return HoldEnding.REFUSED.value if ended else DONE_BEFORE
        try:
            received, judge = self._reopened(standing, await self._signed_bytes(standing), now)
        except Unready:
            raise
        except Fault as fault:
            return await self._dismiss(order, fault.code.value, now)
        return await self._release(order, received, judge, (now, began))

    async def _signed_bytes(self, standing: Standing) -> bytes:
        """What the kept signature covers: of a payment of a bulk message, that whole message.

        Raises Unproven, LedgerUnavailable.
        """
        if self._signed is None:
            return standing.raw
        signed = await self._signed(standing.key.division, standing.raw)
        if signed is None:
            raise Unproven(FaultCode.SIGNATURE_INVALID, "the message that was signed is not kept")
        return signed

    def _reopened(
        self, standing: Standing, signed: bytes, now: dt.datetime
    ) -> tuple[Received, _Anew]:
        """Authenticate, parse and identify once more, as parties and registers are now."""
        rooms = self._rooms
        received = Received(
            raw=standing.raw, format=standing.format, signature=standing.signature,
            party=standing.party,
        )  # fmt: skip
        signer = self._prover.verify_document(signed, received.signature)
        sender = sender_of(signer)
        if sender is None or signer != standing.party:
            raise Unproven(FaultCode.SENDER_UNKNOWN, "signed by another than who sent it")
        instruction = parse(received, rooms.formats)
        refuse_strangers(sender, instruction, rooms.origin.trust_domain)
        refuse_unserved(instruction, rooms.divisions)
        registers, today = rooms.shelf.of(instruction.key.division, now), legal_day(now)
        parties = identify(instruction, registers)
        cases = cases_of(instruction, parties, registers, today, minute_of_day(now))
        demands = demands_of(instruction, parties, registers, today)

        def judged(ruling: Ruling) -> Judged:
            return judged_of(received, instruction, parties, sender, ruling, now)

        return received, _Anew(cases, demands, registers, judged)

    async def _release(
        self, order: Order, received: Received, anew: _Anew, moment: tuple[dt.datetime, float]
    ) -> Settled | str:
        rooms, (now, began) = self._rooms, moment
        known = NOTHING_KNOWN
        for _ in rounds(rooms.clock):
            ruling = of_one_book(
                rooms.book,
                partial(decide, anew.cases, known, anew.registers, rooms.book, order.overrides),
            )
            if ruling.decision.outcome is not Outcome.PASS:
                return await self._dismiss(order, STOPPED, now, ruling.decision)
            if strain := rooms.bank.strain:
                raise Unready(FaultCode.OVERLOADED, strain)
            answer = await self._holds.claim(self._claim(order, ruling, anew.demands, now))
            if not isinstance(answer, Short | Moved):
                break
            known = known.learn(answer)
        else:
            raise Unready(FaultCode.OVERLOADED, "what this payment rests on changes all the time")
        if isinstance(answer, Gone):
            return await self._dismiss(order, DONE_BEFORE, now)
        assert isinstance(answer, Claimed)
        return await self._line.forward_once(anew.judged(ruling), received, began)

    def _claim(
        self, order: Order, ruling: Ruling, demands: tuple[Demand, ...], now: dt.datetime
    ) -> Claim:
        return Claim(
            key=order.key, order=order.digest, at=now, decision=stored(ruling.decision),
            demands=demands, asks=ruling.asks, shares=ruling.shares,
            record=released(order, ruling.decision, self._rooms.origin, now),
            notification=notification(order.key, HoldEnding.RELEASED, order.reason, now),
        )  # fmt: skip

    async def _dismiss(
        self, order: Order, why: str, now: dt.datetime, decision: Decision | None = None
    ) -> str:
        findings = decision.findings if decision else ()
        record = dismissal(order, why, findings, self._rooms.origin, now)
        await self._holds.dismiss(order.key.division, order.digest, now, record)
        return why


def _unfit(order: Order, standing: Standing | None, now: dt.datetime) -> str:
    """Why the order is not about a hold that is open; empty if it is."""
    if standing is None:
        return "no such instruction"
    if standing.digest != order.instruction_digest:
        return "another content"
    if not standing.held:
        return DONE_BEFORE if standing.outcome is Outcome.HOLD else "never held"
    if not order.decided_at <= order.valid_until or now > order.valid_until:
        return "no longer valid"
    return ""
