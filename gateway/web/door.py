"""The gateway's door for parties: instructions in, answers out, over mutual TLS 1.3."""

import time
from collections.abc import Awaitable, Callable, Mapping
from ssl import SSLObject
from typing import Protocol

import attrs
import orjson
import structlog
from aiohttp import web

from gateway.domain.answer import Answer
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
from gateway.domain.parties import Role, Sender, sender_of
from gateway.pipeline.line import Line
from gateway.pipeline.tell import Origin
from gateway.ports import Ledger, RecordLog
from gateway.web.body import BODY_BYTES_MAX, MediaTypeUnsupported, read_body
from gateway.web.evidence import evidence_of, may_see
from gateway.web.metrics import Metrics
from gateway.web.places import known_part

IN_FLIGHT_MAX = 512
"""Instructions on the line at once; beyond that a sender is told to come again."""
READING_BYTES_MAX = 512 << 20
"""Bytes of bodies that are on their way in at once. They do not count as in flight: who sends
slowly keeps nobody from the line."""

SIGNATURE_HEADER = "Signature-JWS"

log = structlog.get_logger()


class Wording(Protocol):
    """How one format words answers and faults."""

    media_type: str
    problem_media_type: str

    def answer(self, raw_in: bytes, answer: Answer) -> bytes: ...

    def problem(self, fault: Fault, instance: str) -> bytes: ...


Counter = Callable[[Received, Mapping[str, str]], Awaitable[bytes]]
"""Takes a signed document that is no instruction, with the parts of its path; answers JSON.

Raises Fault, or LedgerUnavailable where it is not known whether it was taken."""

ACCEPTED = {
    "json": frozenset({"application/json"}),
    "voucher": frozenset({"application/xml", "text/xml"}),
}
"""Media types by format, parameters left out: a voucher's encoding is GBK whatever they say."""


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
    in_flight_max: int = IN_FLIGHT_MAX
    counters: Mapping[str, Counter] = attrs.field(factory=dict)
    """By path (aiohttp's pattern): what bank and bureau hand in beside instructions."""


class Door:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._in_flight = 0
        self._reading_bytes = 0
        doorway.metrics.in_flight.set_function(lambda: self._in_flight)
        self.stopping = False

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._no_strangers])
        app.router.add_post("/v1/instructions", self._taking("json"))
        app.router.add_post("/v1/vouchers", self._taking("voucher"))
        for path, counter in self._doorway.counters.items():
            app.router.add_post(path, self._receiving(counter))
        app.router.add_get(
            r"/v1/instructions/{division:[0-9]{9}}/{year:[0-9]{4}}/{type:[0-9A-Za-z]{1,8}}"
            r"/{no:[0-9A-Za-z-]{1,42}}",
            self._show,
            allow_head=False,
        )
        return app

    def _taking(self, format: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        wording = self._doorway.wordings[format]

        async def take(request: web.Request) -> web.Response:
            return await self._take(request, format, wording)

        return take

    def _receiving(self, counter: Counter) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Bounded like an instruction; `_no_strangers` turns what it raises into a refusal."""

        async def receive(request: web.Request) -> web.Response:
            self._refuse_if_full()
            if request.content_type not in ACCEPTED["json"] | ACCEPTED["voucher"]:
                raise MediaTypeUnsupported(
                    FaultCode.MEDIA_TYPE_UNSUPPORTED, "this door takes JSON or vouchers"
                )
            received = Received(
                raw=await self._read(request),
                format="json" if request.content_type in ACCEPTED["json"] else "voucher",
                signature=_signature(request),
                party=self._party(request),
            )
            body = await counter(received, request.match_info)
            return web.Response(body=body, content_type="application/json")

        return receive

    async def _take(self, request: web.Request, format: str, wording: Wording) -> web.Response:
        started = time.perf_counter()
        try:
            self._refuse_if_full()
            if request.content_type not in ACCEPTED[format]:
                raise MediaTypeUnsupported(
                    FaultCode.MEDIA_TYPE_UNSUPPORTED, f"this door takes {wording.media_type}"
                )
            received = Received(
                raw=await self._read(request),
                format=format,
                signature=_signature(request),
                party=self._party(request),
            )
            answer = await self._carry(received)
            self._tell_operators(answer, received.party, time.perf_counter() - started)
            body = wording.answer(received.raw, answer)
            return web.Response(body=body, headers={"Content-Type": wording.media_type})
        except Fault as fault:
            return self._refuse(fault, request, wording)
        except Exception:
            # Our own mistake: fail closed, say nothing of it outside, wake somebody.
            log.exception("line.broken", party=self._party(request))
            return self._refuse(_broken(), request, wording)
        finally:
            self._doorway.metrics.seconds.observe(time.perf_counter() - started)

    async def _read(self, request: web.Request) -> bytes:
        """The body, if there is room for it. Raises Fault."""
        length = request.content_length
        room = min(BODY_BYTES_MAX if length is None else length, BODY_BYTES_MAX)
        if self._reading_bytes + room > READING_BYTES_MAX:
            raise Unready(FaultCode.OVERLOADED, "too many bodies at once; send again later")
        self._reading_bytes += room
        try:
            return await read_body(request)
        finally:
            self._reading_bytes -= room

    async def _carry(self, received: Received) -> Answer:
        """Down the line, with one of its places held meanwhile. Raises Fault."""
        self._refuse_if_full()
        self._in_flight += 1
        try:
            return await self._doorway.line.carry(received)
        except LedgerUnavailable as lost:
            raise Unready(
                FaultCode.LEDGER_UNAVAILABLE,
                "the decision could not be proven durable; nothing was forwarded;"
                " send the same bytes again",
            ) from lost
        finally:
            self._in_flight -= 1

    def _refuse_if_full(self) -> None:
        if self.stopping:
            raise Unready(FaultCode.STOPPING, "this gateway is stopping; send the same again")
        if self._in_flight >= self._doorway.in_flight_max:
            raise Unready(FaultCode.OVERLOADED, "too many instructions at once; send again later")

    def _party(self, request: web.Request) -> str:
        """The party that the connection's certificate names; "" when it names none."""
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport else None
        return (self._doorway.party_of(tls) or "") if tls else ""

    @web.middleware
    async def _no_strangers(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """A certificate of ours that names no party of ours opens nothing (T14: keep the name)."""
        wording = self._doorway.wordings["json"]
        try:
            visitor = sender_of(self._party(request))
            if visitor is None:
                raise Unproven(
                    FaultCode.SENDER_UNKNOWN, "the certificate names no party by a single URI SAN"
                )
            if visitor.trust_domain != self._doorway.origin.trust_domain:
                raise Unproven(
                    FaultCode.SENDER_UNKNOWN, "the certificate is of another trust domain"
                )
            return await handler(request)
        except web.HTTPNotFound:
            return self._refuse(_status(404, FaultCode.ROUTE_UNKNOWN), request, wording)
        except web.HTTPMethodNotAllowed as refused:
            response = self._refuse(_status(405, FaultCode.METHOD_REFUSED), request, wording)
            response.headers["Allow"] = ", ".join(sorted(refused.allowed_methods))
            return response
        except LedgerUnavailable:
            down = Unready(FaultCode.LEDGER_UNAVAILABLE, "the ledger cannot be read; ask again")
            return self._refuse(down, request, wording)
        except Fault as fault:
            return self._refuse(fault, request, wording)
        except Exception:
            log.exception("door.broken", party=self._party(request))
            return self._refuse(_broken(), request, wording)

    async def _show(self, request: web.Request) -> web.Response:
        """Everything known of one instruction, with the proofs of its records."""
        match = request.match_info
        key = InstructionKey(
            division=match["division"],
            fiscal_year=int(match["year"]),
            voucher_type=match["type"],
            voucher_no=match["no"],
        )
        reader = sender_of(self._party(request))
        standing = await self._doorway.ledger.standing(key)
        if standing is None or reader is None:
            raise _status(404, FaultCode.INSTRUCTION_UNKNOWN)
        if not _may_read(reader, key, standing.agency_code, self._doorway.origin):
            raise _status(404, FaultCode.INSTRUCTION_UNKNOWN)
        evidence = await self._doorway.records.evidence(key.division, str(key))
        shown = [item for item in evidence if may_see(reader, item.record)]
        return web.Response(
            body=orjson.dumps(evidence_of(standing, shown)), content_type="application/json"
        )

    def _refuse(self, fault: Fault, request: web.Request, wording: Wording) -> web.Response:
        self._doorway.metrics.faults.labels(fault.code).inc()
        if isinstance(fault, Conflicting) and not fault.recorded:
            self._doorway.metrics.conflicts_unrecorded.inc()
        log.info(
            "instruction.refused", fault=fault.code, status=fault.status,
            party=self._party(request), fields=[known_part(error) for error in fault.errors[:20]],
        )  # fmt: skip
        headers = {"Content-Type": wording.problem_media_type}
        if isinstance(fault, Unready):
            headers["Retry-After"] = str(fault.retry_after_s)
        response = web.Response(
            body=wording.problem(fault, request.path), status=fault.status, headers=headers
        )
        if fault.code in (FaultCode.BODY_TOO_LARGE, FaultCode.BODY_INCOMPLETE):
            response.force_close()
        return response

    def _tell_operators(self, answer: Answer, party: str, seconds: float) -> None:
        """The canonical line: one per instruction, no personal value, no whole account number."""
        outcome = answer.decision.outcome
        bank = answer.bank or "none"
        self._doorway.metrics.count_instruction(outcome, bank)
        if against := answer.contradiction:
            self._doorway.metrics.contradictions.inc()
            log.error(
                "payment.contradicted", instruction=str(answer.key), how="answer",
                said=against.said, held=against.held,
            )  # fmt: skip
        for finding in answer.decision.findings:
            self._doorway.metrics.findings.labels(finding.policy, finding.action).inc()
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


def _signature(request: web.Request) -> str:
    """Empty if there is none. Of two, none counts: another reader might take the other one."""
    found = request.headers.getall(SIGNATURE_HEADER, [""])
    if len(found) > 1:
        raise Unproven(FaultCode.SIGNATURE_INVALID, "the request carries several signatures")
    return found[0]


def _may_read(reader: Sender, key: InstructionKey, agency: str, origin: Origin) -> bool:
    """Of gateways our own only: another bank's reads nothing here."""
    if reader.role is Role.OPERATOR or reader.uri == origin.uri:
        return True
    return reader.may_send_for(key.division, agency)


def _broken() -> Fault:
    broken = Fault(FaultCode.INTERNAL, "our mistake; nothing is known to have passed")
    broken.status = 500
    return broken


def _status(status: int, code: FaultCode) -> Fault:
    fault = Unreadable(code, "there is nothing here that this party may see")
    fault.status = status
    return fault
