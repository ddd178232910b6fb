"""Taking an instruction in: its bytes are here whole, down the line with them, and the answer.

Both roads to it end here: plain requests (`visit.py`) and all that aiohttp reads (`door.py`).
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from ssl import SSLObject
from typing import Protocol

import attrs
import msgspec
import structlog

from gateway.domain.answer import Answer
from gateway.domain.faults import (
    Conflicting,
    Fault,
    FaultCode,
    LedgerUnavailable,
    Unproven,
    Unready,
    broken,
)
from gateway.domain.instruction import Received
from gateway.domain.parties import Sender, sender_of
from gateway.pipeline.batch import Tell
from gateway.pipeline.line import Line
from gateway.pipeline.tell import Origin
from gateway.ports import Ledger, RecordLog
from gateway.web.metrics import Metrics
from gateway.web.places import known_part
from gateway.web.shares import Shares

log = structlog.get_logger()


class Wording(Protocol):
    """How one format words answers and faults."""

    media_type: str
    problem_media_type: str

    def answer(self, raw_in: bytes, answer: Answer) -> bytes: ...

    def problem(self, fault: Fault, instance: str) -> bytes: ...


Reader = Callable[[Sender], Awaitable[bytes]]
"""What a party may read beside single instructions, as JSON. Raises Fault, LedgerUnavailable."""

Counter = Callable[[Received, Mapping[str, str]], Awaitable[bytes]]
"""Takes a signed document that is no instruction, with the parts of its path; answers JSON.

Raises Fault, or LedgerUnavailable where it is not known whether it was taken."""


class Papers(Protocol):
    """Vouchers that are no payment, at the voucher door."""

    def takes(self, received: Received) -> bool: ...

    async def take(self, received: Received) -> bytes:
        """Answers in the voucher's own words. Raises Fault, LedgerUnavailable."""
        ...


ACCEPTED = {
    "json": frozenset({"application/json"}),
    "voucher": frozenset({"application/xml", "text/xml"}),
    "iso20022": frozenset({"application/xml", "text/xml"}),
}
"""Media types by format, parameters left out: a voucher's encoding is GBK whatever they say."""


class Many(Protocol):
    def takes(self, received: Received) -> bool:
        """Cheap; asked of every document."""
        ...

    async def carry(self, received: Received, tell: Tell) -> bytes:
        """The answer in the format it came in. Raises Fault."""
        ...


@attrs.frozen(kw_only=True)
class Doorway:
    """What the door needs beside the line."""

    line: Line
    ledger: Ledger
    records: RecordLog
    wordings: Mapping[str, Wording]
    party_of: Callable[[SSLObject], str | None]
    origin: Origin
    """Ourselves: whose trust domain every visitor must be of."""
    metrics: Metrics
    places: Shares
    """On the line; beyond them a sender is told to come again."""
    counters: Mapping[str, Counter] = attrs.field(factory=dict)
    """By path (aiohttp's pattern): what bank and bureau hand in beside instructions."""
    large: frozenset[str] = frozenset()
    """Paths of counters whose documents are feeds, and may be as large as these are."""
    readers: Mapping[str, Reader] = attrs.field(factory=dict)
    """By path: what parties may ask for."""
    papers: tuple[Papers, ...] = ()
    """Vouchers that change the registers."""
    many: Many | None = None
    """Carries what is not one instruction: messages of many payments, letters about payments."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor is told, before it is HTTP."""

    status: int
    media_type: str
    body: bytes
    retry_after_s: int | None = None
    last: bool = False
    """The connection is of no use after it: nobody knows where the next request would begin."""


class Intake:
    """One per process; counts what is on the line at once."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._places = doorway.places
        self.documents = doorway.places.alike()
        """Messages of many, letters, feeds: whatever is no payment. A message's payments take
        places too: were it to hold one itself, enough messages would wait for one another."""
        doorway.metrics.in_flight.set_function(lambda: self._places.taken + self.documents.taken)
        self.stopping = False

    async def take(self, received: Received, path: str, since: float) -> Reply:
        """`since`: when its first byte was seen, `time.perf_counter()`. Never raises."""
        wording = self._doorway.wordings[received.format]
        try:
            for papers in self._doorway.papers if received.format == "voucher" else ():
                if papers.takes(received):
                    body = await self._take_paper(papers, received)
                    return Reply(status=200, media_type=wording.media_type, body=body)
            many = self._doorway.many
            if many is not None and many.takes(received):
                body = await self._carry_many(many, received)
                return Reply(status=200, media_type=wording.media_type, body=body)
            answer = await self._carry(received)
            self._tell_operators(answer, received.party, time.perf_counter() - since)
            body = wording.answer(received.raw, answer)
            return Reply(status=200, media_type=wording.media_type, body=body)
        except Fault as fault:
            return self.refuse(fault, received.party, path, wording)
        except Exception:
            # Our own mistake: fail closed, say nothing of it outside, wake somebody.
            log.exception("line.broken", party=received.party)
            return self.refuse(broken(), received.party, path, wording)
        finally:
            self._doorway.metrics.seconds.observe(time.perf_counter() - since)

    def visitor(self, party: str) -> Sender:
        """The visitor whom the connection's certificate names. A certificate of ours that names no
        party of ours opens nothing (T14: keep the name). Raises Unproven."""
        visitor = sender_of(party)
        if visitor is None:
            raise Unproven(
                FaultCode.SENDER_UNKNOWN, "the certificate names no party by a single URI SAN"
            )
        if visitor.trust_domain != self._doorway.origin.trust_domain:
            raise Unproven(FaultCode.SENDER_UNKNOWN, "the certificate is of another trust domain")
        return visitor

    def knows(self, party: str) -> bool:
        try:
            self.visitor(party)
        except Unproven:
            return False
        return True

    def refuse_if_full(self) -> None:
        """Raises Unready."""
        if self.stopping:
            raise Unready(FaultCode.STOPPING, "this gateway is stopping; send the same again")
        if self._places.full:
            raise Unready(FaultCode.OVERLOADED, "too many instructions at once; send again later")

    def refuse(self, fault: Fault, party: str, path: str, wording: Wording | None = None) -> Reply:
        """The problem document, counted and told to operators; in JSON's words by default."""
        wording = wording or self._doorway.wordings["json"]
        self._count(fault)
        log.info(
            "instruction.refused", fault=fault.code, status=fault.status, party=party,
            fields=[known_part(error) for error in fault.errors[:20]], **_unready(fault),
        )  # fmt: skip
        return Reply(
            status=fault.status,
            media_type=wording.problem_media_type,
            body=wording.problem(fault, path),
            retry_after_s=fault.retry_after_s if isinstance(fault, Unready) else None,
            last=fault.code in (FaultCode.BODY_TOO_LARGE, FaultCode.BODY_INCOMPLETE),
        )

    async def _carry(self, received: Received) -> Answer:
        """Down the line, with one of its places held meanwhile. Raises Fault."""
        self.refuse_if_full()
        places, party = self._places, received.party
        if not places.enter(party):
            await places.wait(party)
            if self.stopping:
                places.leave(party)
                self.refuse_if_full()
        try:
            return await self._doorway.line.carry(received)
        except LedgerUnavailable as lost:
            raise Unready(
                FaultCode.LEDGER_UNAVAILABLE,
                "the decision could not be proven durable; nothing was forwarded;"
                " send the same bytes again",
            ) from lost
        finally:
            places.leave(party)

    async def _take_paper(self, papers: Papers, received: Received) -> bytes:
        """Raises Fault."""
        self.refuse_if_full()
        try:
            async with self.documents.place(received.party):
                return await papers.take(received)
        except LedgerUnavailable as lost:
            raise Unready(
                FaultCode.LEDGER_UNAVAILABLE,
                "it is not known whether it was applied; send the same bytes again",
            ) from lost

    async def _carry_many(self, many: Many, received: Received) -> bytes:
        """Its payments are on the line as others are, in places of the party's. Raises Fault."""
        self.refuse_if_full()

        def tell(said: Answer | Fault, seconds: float) -> None:
            if isinstance(said, Answer):
                self._tell_operators(said, received.party, seconds)
            else:
                self._count(said)

        async with self.documents.place(received.party):
            return await many.carry(received, tell)

    def _count(self, fault: Fault) -> None:
        self._doorway.metrics.faults.labels(fault.code).inc()
        if isinstance(fault, Conflicting) and not fault.recorded:
            self._doorway.metrics.conflicts_unrecorded.inc()

    def _tell_operators(self, answer: Answer, party: str, seconds: float) -> None:
        """The canonical line: one per instruction, no personal value, no whole account number."""
        outcome = answer.decision.outcome
        bank = answer.bank or "none"
        metrics = self._doorway.metrics
        metrics.count_instruction(outcome, bank)
        if against := answer.contradiction:
            metrics.contradictions.inc()
            log.error(
                "payment.contradicted", instruction=str(answer.key), how="answer",
                said=against.said, held=against.held,
            )  # fmt: skip
        for finding in answer.decision.findings:
            metrics.count_finding(finding.policy, finding.action)
        log.info(
            "instruction.answered",
            instruction=str(answer.key),
            party=party,
            outcome=outcome,
            bank=bank,
            policies=[finding.policy for finding in answer.decision.findings],
            replayed=answer.replayed,
            ms=round(seconds * 1000, 2),
        )


def _unready(fault: Fault) -> dict[str, str]:
    """Why we could not take it, for operators: one code stands for many causes. In our own words,
    which hold nothing of what was sent."""
    if not isinstance(fault, Unready):
        return {}
    cause = fault.__cause__
    return {"reason": str(cause) if isinstance(cause, LedgerUnavailable) else fault.detail}
