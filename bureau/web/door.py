"""The inbox's door: deliveries, notices and the summary, over mutual TLS."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from bureau.desk.summary import Summaries
from bureau.inbox.bundle import BUNDLE_BYTES_MAX, NOTICE_BYTES_MAX, read_bundle
from bureau.inbox.bundle import MEDIA_TYPE as NOTICES_MEDIA_TYPE
from bureau.inbox.frame import DeliveryUnreadable
from bureau.inbox.receive import DeliveryRefused, Inbox, NotEntitled, WitnessEnded
from bureau.web.problems import STATUS, InboxFault, Refused, problem
from bureau.web.reception import REFUSING
from certs.tls import party_of
from certs.token import TokenUnavailable
from gateway.domain.faults import FaultCode, StoreUnavailable, Unproven, Unready
from gateway.domain.log import SLOWEST_BYTES_A_SECOND
from gateway.domain.parties import Role, Sender, sender_of

DELIVERY_BYTES_MAX = 64 * 1024 * 1024
BODY_DEADLINE_S = 20.0
IN_FLIGHT_MAX = 16
"""Deliveries and bundles held in memory at once; one more is told to come back."""
IN_FLIGHT_PER_PARTY_MAX = 8
"""Of one gateway: a place is held while a body comes, and may come slowly."""
DELIVERY_MEDIA_TYPE = "application/vnd.treasury.delivery"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SIGNATURE_FAULTS = {
    FaultCode.SIGNATURE_MISSING: InboxFault.SIGNATURE_MISSING,
    FaultCode.SIGNER_UNKNOWN: InboxFault.SENDER_UNKNOWN,
    FaultCode.SENDER_UNKNOWN: InboxFault.SENDER_UNKNOWN,
}
_log = structlog.get_logger("bureau.door")


def door_application(
    inbox: Inbox, summaries: Summaries, may_stay: Callable[[object], bool] = lambda tls: True
) -> web.Application:
    """`may_stay`: whether the certificate of a connection under way is still good."""
    application = web.Application(
        middlewares=[_answering, _staying(may_stay)], client_max_size=DELIVERY_BYTES_MAX
    )
    application[REFUSING] = _unreadable
    door = _Door(inbox, summaries)
    application.add_routes(
        [
            web.post("/v1/records", door.records),
            web.post("/v1/notices", door.notices),
            web.get("/v1/summary", door.summary),
        ]
    )
    return application


class _Door:
    def __init__(self, inbox: Inbox, summaries: Summaries) -> None:
        self._inbox = inbox
        self._summaries = summaries
        self._in_flight: Counter[str] = Counter()

    async def records(self, request: web.Request) -> web.Response:
        """200 with the new size, cosigned; 409 with ours if the delivery starts elsewhere."""
        sender = self._gateway(request)
        if request.content_type != DELIVERY_MEDIA_TYPE:
            raise Refused(InboxFault.MEDIA_TYPE_UNSUPPORTED, f"send {DELIVERY_MEDIA_TYPE}")
        with self._place(sender):
            raw = await _body(request, DELIVERY_BYTES_MAX)
            receipt = await self._inbox.receive(sender.uri, raw)
        answer = {"checkpoint": receipt.cosigned.checkpoint, "size": receipt.cosigned.size}
        return web.Response(
            status=200 if receipt.stored else 409,
            body=orjson.dumps(answer),
            content_type="application/json",
        )

    @contextlib.contextmanager
    def _place(self, sender: Sender) -> Iterator[None]:
        party = sender.uri
        if (
            self._in_flight.total() >= IN_FLIGHT_MAX
            or self._in_flight[party] >= IN_FLIGHT_PER_PARTY_MAX
        ):
            raise Refused(InboxFault.OVERLOADED, "too many deliveries at once")
        self._in_flight[party] += 1
        try:
            yield
        finally:
            self._in_flight[party] -= 1

    def _gateway(self, request: web.Request) -> Sender:
        """Who keeps a log here; of nobody else is a body read. Raises Refused, NotEntitled."""
        sender = _party(request)
        self._inbox.expect_gateway(sender.uri)
        return sender

    async def notices(self, request: web.Request) -> web.Response:
        """200 with our signed receipt once the notice is stored, also if it had been before.
        Several in one request are answered one by one."""
        sender = self._gateway(request)
        if request.content_type == NOTICES_MEDIA_TYPE:
            return await self._bundle(request, sender)
        body = await _body(request, NOTICE_BYTES_MAX)
        signature = request.headers.get("Signature-JWS", "")
        division = request.headers.get("Division", "")
        new = await self._inbox.notice(sender.uri, division, body, signature)
        (receipt,) = self._inbox.receipts_for(division, [body])
        answer = {"received": True, "receipt": receipt, "repeated": not new}
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def _bundle(self, request: web.Request, sender: Sender) -> web.Response:
        with self._place(sender):
            bundle = read_bundle(await _body(request, BUNDLE_BYTES_MAX))
            taken = await self._inbox.notices(sender.uri, bundle.division, bundle.notices)
        kept = [
            body
            for (body, _), new in zip(bundle.notices, taken, strict=True)
            if not isinstance(new, Unproven)
        ]
        receipts = iter(self._inbox.receipts_for(bundle.division, kept))
        items = [
            {"received": False, "code": _code_of(new), "detail": new.detail}
            if isinstance(new, Unproven)
            else {"received": True, "receipt": next(receipts), "repeated": not new}
            for new in taken
        ]
        return web.Response(body=orjson.dumps({"notices": items}), content_type="application/json")

    async def summary(self, request: web.Request) -> web.Response:
        """What the bureau holds of one division, proven again from the stored bytes."""
        sender = _party(request)
        division = request.query.get("division", "")
        if sender.role is not Role.OPERATOR and (
            sender.role is not Role.BUREAU or sender.division != division
        ):
            raise Refused(InboxFault.SENDER_NOT_ENTITLED, "an operator or the bureau may ask this")
        summary = await self._summaries.of(division)
        if summary is None:
            raise Refused(InboxFault.DIVISION_UNKNOWN, "no log of this division is kept here")
        return web.Response(body=orjson.dumps(summary), content_type="application/json")


def _staying(may_stay: Callable[[object], bool]) -> Middleware:
    @web.middleware
    async def stay(request: web.Request, handler: Handler) -> web.StreamResponse:
        """TLS looks at a certificate once; a kept connection may outlive it (trap T2)."""
        transport = request.transport
        if transport is None or not may_stay(transport.get_extra_info("ssl_object")):
            if transport is not None:
                transport.abort()
            raise Refused(InboxFault.SENDER_UNKNOWN, "the certificate has ended or is revoked")
        return await handler(request)

    return stay


@web.middleware
async def _answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal leaves by this one exit, as a problem document."""
    try:
        return await handler(request)
    except Refused as refused:
        return problem(refused.code, refused.detail, **refused.more)
    except DeliveryUnreadable as error:
        return problem(InboxFault.DELIVERY_UNREADABLE, str(error))
    except DeliveryRefused as error:
        _log.warning("delivery.refused", reason=error.reason, seen=error.seen)
        return problem(
            InboxFault.DELIVERY_REFUSED, error.detail, reason=error.reason, size=error.size
        )
    except NotEntitled as error:
        return problem(InboxFault.SENDER_NOT_ENTITLED, str(error))
    except Unproven as error:
        return problem(_code_of(error), error.detail)
    except WitnessEnded as error:
        _log.error("witness.ended", reason=str(error))
        return problem(InboxFault.WITNESS_ENDED, str(error))
    except (TokenUnavailable, Unready) as away:
        _log.error("witness.silent", reason=str(away.__cause__ or away))
        return problem(InboxFault.WITNESS_SILENT, "the bureau's own key is in a token that is away")
    except StoreUnavailable as lost:
        _log.error("delivery.not_kept", reason=str(lost))
        return problem(InboxFault.STORE_UNAVAILABLE, "the database cannot take it now")
    except web.HTTPRequestEntityTooLarge:
        return problem(InboxFault.BODY_TOO_LARGE, "the body is too large")
    except web.HTTPMethodNotAllowed:
        return problem(InboxFault.METHOD_REFUSED, "this method is not known here")
    except web.HTTPException:
        return problem(InboxFault.ROUTE_UNKNOWN, "this route is not known here")
    except Exception:  # noqa: BLE001 (the door fails closed: nothing is acknowledged)
        _log.exception("request.failed")
        return problem(InboxFault.INTERNAL, "the request failed; it is in the log")


def _unreadable(status: int) -> web.Response:
    """To what aiohttp's parser refuses, in words that quote nothing of it."""
    if status == STATUS[InboxFault.HTTP_MALFORMED]:
        return problem(InboxFault.HTTP_MALFORMED, "not a request of HTTP/1.1; nothing was read")
    return problem(InboxFault.INTERNAL, "the request failed; it is in the log")


def _code_of(unproven: Unproven) -> InboxFault:
    return _SIGNATURE_FAULTS.get(unproven.code, InboxFault.SIGNATURE_INVALID)


def _party(request: web.Request) -> Sender:
    transport = request.transport
    uri = party_of(transport.get_extra_info("ssl_object")) if transport else None
    sender = sender_of(uri) if uri else None
    if sender is None:
        raise Refused(InboxFault.SENDER_UNKNOWN, "the certificate names no party by one URI")
    return sender


async def _body(request: web.Request, bytes_max: int) -> bytes:
    if request.headers.get("Content-Encoding"):
        raise Refused(InboxFault.CONTENT_ENCODING_REFUSED, "bodies come as they were hashed")
    if (request.content_length or 0) > bytes_max:
        raise Refused(InboxFault.BODY_TOO_LARGE, f"at most {bytes_max} bytes")
    try:
        carried_s = (request.content_length or 0) / SLOWEST_BYTES_A_SECOND
        async with asyncio.timeout(BODY_DEADLINE_S + carried_s):
            body = await request.read()
    except TimeoutError:
        raise Refused(InboxFault.DELIVERY_UNREADABLE, "the body did not come in time") from None
    if len(body) > bytes_max:
        raise Refused(InboxFault.BODY_TOO_LARGE, f"at most {bytes_max} bytes")
    return body
