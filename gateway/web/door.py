"""The gateway's door for parties: instructions in, answers out, over mutual TLS 1.3.

This is aiohttp's road: reading an instruction, and every request that is not plain (`plain.py`).
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import orjson
import structlog
from aiohttp import web
from aiohttp.web_protocol import ERROR

from gateway.domain.bulk import MESSAGE_BYTES_MAX
from gateway.domain.faults import (
    Fault,
    FaultCode,
    LedgerUnavailable,
    Unproven,
    Unreadable,
    Unready,
    broken,
)
from gateway.domain.instruction import InstructionKey, Received
from gateway.domain.parties import CARRIERS, Role, Sender, sender_of
from gateway.domain.register_feed import FEED_BYTES_MAX
from gateway.pipeline.tell import Origin
from gateway.web.body import (
    BODY_BYTES_MAX,
    BODY_DEADLINE_S,
    MESSAGE_DEADLINE_S,
    Arrivals,
    MediaTypeUnsupported,
    read_body,
)
from gateway.web.doubtful import DETAIL
from gateway.web.evidence import evidence_of, may_see
from gateway.web.intake import ACCEPTED, Counter, Doorway, Intake, Reader, Reply

_ORDINARY = (BODY_BYTES_MAX, BODY_DEADLINE_S)
_BOUNDS = {"iso20022": (MESSAGE_BYTES_MAX, MESSAGE_DEADLINE_S)}
"""By format: how large a body may be, and how long it may take to arrive."""

SIGNATURE_HEADER = "Signature-JWS"

log = structlog.get_logger()


class Door:
    def __init__(self, doorway: Doorway, intake: Intake) -> None:
        self._doorway = doorway
        self._intake = intake
        self._arrivals = Arrivals()

    def application(self) -> web.Application:
        app = web.Application(
            client_max_size=BODY_BYTES_MAX, middlewares=[_no_upgrades, self._no_strangers]
        )
        app.router.add_post("/v1/instructions", self._taking("json"))
        app.router.add_post("/v1/vouchers", self._taking("voucher"))
        app.router.add_post("/v1/iso20022", self._taking("iso20022"))
        for path, counter in self._doorway.counters.items():
            app.router.add_post(path, self._receiving(counter, path in self._doorway.large))
        for path, reader in self._doorway.readers.items():
            app.router.add_get(path, self._reading(reader), allow_head=False)
        app.router.add_get(
            r"/v1/instructions/{division:[0-9]{9}}/{year:[0-9]{4}}/{type:[0-9A-Za-z]{1,8}}"
            r"/{no:[0-9A-Za-z-]{1,42}}",
            self._show,
            allow_head=False,
        )
        return app

    def _taking(self, format: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def take(request: web.Request) -> web.Response:
            return await self._take(request, format)

        return take

    def _reading(self, reader: Reader) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def read(request: web.Request) -> web.Response:
            visitor = sender_of(self._party(request))
            assert visitor, "`_no_strangers` has let it in"
            return web.Response(body=await reader(visitor), content_type="application/json")

        return read

    def _receiving(
        self, counter: Counter, large: bool
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Bounded like an instruction, feeds from who may carry one like feeds; `_no_strangers`
        turns what it raises into a refusal."""

        async def receive(request: web.Request) -> web.Response:
            self._intake.refuse_if_full()
            visitor = self._intake.visitor(self._party(request))
            is_feed = large and visitor.role in CARRIERS
            bounds = (FEED_BYTES_MAX, MESSAGE_DEADLINE_S) if is_feed else _ORDINARY
            if request.content_type not in ACCEPTED["json"] | ACCEPTED["voucher"]:
                raise MediaTypeUnsupported(
                    FaultCode.MEDIA_TYPE_UNSUPPORTED, "this door takes JSON or vouchers"
                )
            format = "json" if request.content_type in ACCEPTED["json"] else "voucher"
            with ExitStack() as room:
                received = await self._received(request, format, bounds, room)
                async with self._intake.documents.place(received.party):
                    body = await counter(received, request.match_info)
            return web.Response(body=body, content_type="application/json")

        return receive

    async def _take(self, request: web.Request, format: str) -> web.Response:
        since = time.perf_counter()
        wording = self._doorway.wordings[format]
        bounds = _BOUNDS.get(format, _ORDINARY)
        with ExitStack() as room:
            try:
                self._intake.refuse_if_full()
                if request.content_type not in ACCEPTED[format]:
                    raise MediaTypeUnsupported(
                        FaultCode.MEDIA_TYPE_UNSUPPORTED, f"this door takes {wording.media_type}"
                    )
                received = await self._received(request, format, bounds, room)
            except Fault as fault:
                self._doorway.metrics.seconds.observe(time.perf_counter() - since)
                return _response(
                    self._intake.refuse(fault, self._party(request), request.path, wording)
                )
            return _response(await self._intake.take(received, request.path, since))

    async def _received(
        self, request: web.Request, format: str, bounds: tuple[int, float], room: ExitStack
    ) -> Received:
        """The body, if there is room for it: held in `room`, as long as the body is in hand.

        `bounds`: bytes at most, and seconds. Raises Fault.
        """
        most, deadline_s = bounds
        length, party = request.content_length, self._party(request)
        taken = room.enter_context(self._arrivals.room(party, min(length or 0, most)))
        return Received(
            raw=await read_body(request, most, deadline_s, taken), format=format,
            signature=_signature(request), party=party,
        )  # fmt: skip

    def _party(self, request: web.Request) -> str:
        """The party that the connection's certificate names; "" when it names none."""
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport else None
        return (self._doorway.party_of(tls) or "") if tls else ""

    @web.middleware
    async def _no_strangers(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Nobody without a name of ours, and every refusal in a document of ours."""
        try:
            self._intake.visitor(self._party(request))
            return await handler(request)
        except web.HTTPNotFound:
            if request.method == ERROR.method:
                return self._refuse(Unreadable(FaultCode.HTTP_MALFORMED, DETAIL), request)
            return self._refuse(_status(404, FaultCode.ROUTE_UNKNOWN), request)
        except web.HTTPMethodNotAllowed as refused:
            allowed = ", ".join(sorted(refused.allowed_methods))
            detail = f"this address takes {allowed}, not {request.method[:20]}"
            response = self._refuse(_status(405, FaultCode.METHOD_REFUSED, detail), request)
            response.headers["Allow"] = allowed
            return response
        except LedgerUnavailable:
            down = Unready(FaultCode.LEDGER_UNAVAILABLE, "the ledger cannot be read; ask again")
            return self._refuse(down, request)
        except Fault as fault:
            return self._refuse(fault, request)
        except Exception:
            log.exception("door.broken", party=self._party(request))
            return self._refuse(broken(), request)

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
        standing = None
        if reader is not None and _may_ask(reader, key, self._doorway.origin):
            own = reader.name if reader.role is Role.AGENCY else None
            standing = await self._doorway.ledger.standing_for(own, key)
        if standing is None or reader is None:
            raise _status(404, FaultCode.INSTRUCTION_UNKNOWN)
        evidence = await self._doorway.records.evidence(key.division, str(key))
        shown = [item for item in evidence if may_see(reader, item.record)]
        return web.Response(
            body=orjson.dumps(evidence_of(standing, shown)), content_type="application/json"
        )

    def _refuse(self, fault: Fault, request: web.Request) -> web.Response:
        return _response(self._intake.refuse(fault, self._party(request), request.path))


@web.middleware
async def _no_upgrades(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Who asks for another protocol is answered in this one, and that is the connection's end: what
    stands behind such a request is read in one way or another, as the network has cut it."""
    response = await handler(request)
    if "Upgrade" in request.headers or request.method == "CONNECT":
        response.force_close()
    return response


def _response(reply: Reply) -> web.Response:
    headers = {"Content-Type": reply.media_type}
    if reply.retry_after_s is not None:
        headers["Retry-After"] = str(reply.retry_after_s)
    response = web.Response(body=reply.body, status=reply.status, headers=headers)
    if reply.last:
        response.force_close()
    return response


def _signature(request: web.Request) -> str:
    """Empty if there is none. Of two, none counts: another reader might take the other one."""
    found = request.headers.getall(SIGNATURE_HEADER, [""])
    if len(found) > 1:
        raise Unproven(FaultCode.SIGNATURE_INVALID, "the request carries several signatures")
    return found[0]


def _may_ask(reader: Sender, key: InstructionKey, origin: Origin) -> bool:
    """Before anything is looked up: what a reader may not see must not take longer to be refused
    than what is not there. Of gateways our own only: another bank's reads nothing here."""
    if reader.role is Role.OPERATOR or reader.uri == origin.uri:
        return True
    return reader.may_send_for(key.division, reader.name)


def _status(
    status: int, code: FaultCode, detail: str = "there is nothing here that this party may see"
) -> Fault:
    fault = Unreadable(code, detail)
    fault.status = status
    return fault
