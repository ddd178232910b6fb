"""The counter for the bureau's signed feed of releases: `POST /v1/feeds/releases`.

    {"division","kind":"releases","orders":[order,...],"version"}
    {"division","kind":"releases","version","void"}

Signed as a whole by the division's bureau; versions rise by one; all orders are taken or none. An
order is `gateway.domain.releases`. A void (`gateway.domain.voids`) stands under the number of a
feed that was refused here, never of one that was taken: what was taken keeps its number for ever.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import attrs
import msgspec
import orjson
import structlog

from gateway.domain.faults import Fault, FaultCode, FieldError, Unreadable
from gateway.domain.holds import HoldEnding
from gateway.domain.instruction import Received
from gateway.domain.once import read_once
from gateway.domain.records import canonical
from gateway.domain.releases import ORDERS_MAX, Order, prove_persons, read_order
from gateway.domain.voids import Void, read_void
from gateway.hold_ports import Holds, Prover
from gateway.pipeline.endings import NOT_CARRIED_OUT, voided
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Gatekeeper
from gateway.web.entitled import bureau_of, expect_own

PATH = "/v1/feeds/releases"
KIND = "releases"
CLOCKS_APART = dt.timedelta(minutes=5)
"""How far the bureau's clock may be ahead of ours."""

log = structlog.get_logger()


class _Feed(msgspec.Struct, forbid_unknown_fields=True):
    division: Annotated[str, msgspec.Meta(pattern="^[0-9]{9}$")]
    kind: str
    version: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    orders: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=ORDERS_MAX)] = []
    void: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Chancery:
    """Whose word about holds counts."""

    bureaus: Mapping[str, str]
    """By division: the URI of its bureau."""
    officers: Collection[str]
    """If any: both persons of an order must have signed it themselves, and be of these."""


class ReleaseCounter:
    def __init__(
        self, holds: Holds, gatekeeper: Gatekeeper, prover: Prover, clock: Clock,
        chancery: Chancery, origin: Origin,
    ) -> None:  # fmt: skip
        self._origin = origin
        self._holds = holds
        self._gatekeeper = gatekeeper
        self._prover = prover
        self._clock = clock
        self._chancery = chancery

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """Prove, read and keep one feed; what its orders come to is told by the log's records.

        Raises Unproven, Unreadable (every order that is wrong, at once), Conflicting (FEED_GAP,
        FEED_CONFLICT), LedgerUnavailable.
        """
        now = self._clock.now()
        bureaus = self._chancery.bureaus
        sender = bureau_of(received, now, self._gatekeeper, bureaus.values())
        feed = _read(received.raw)
        expect_own(sender, [feed.division], bureaus)
        bodies = _bodies(feed.orders)
        orders = self._orders(feed, bodies, now)
        void = self._void(feed, now)
        signed = received.raw, received.signature, sender.uri
        record = voided(void, self._origin, now) if void else None
        new = await self._holds.take_feed(
            feed.division, feed.version, signed, orders, bodies, now, record
        )
        log.info(
            "releases.taken", division=feed.division, version=feed.version, orders=len(orders),
            replayed=not new, void=void is not None,
        )  # fmt: skip
        return orjson.dumps({"division": feed.division, "kind": KIND, "version": feed.version})

    def _orders(self, feed: _Feed, bodies: list[bytes], now: dt.datetime) -> list[Order]:
        orders: list[Order] = []
        errors: list[FieldError] = []
        for place, body in enumerate(bodies):
            try:
                orders.append(self._order(feed.division, body, now))
            except Fault as fault:
                errors.append(
                    FieldError(
                        field=f"orders[{place}]", code=fault.code.value,
                        zh=f"第{place + 1}条指令不能接受：{fault.detail}", en=fault.detail,
                    )
                )  # fmt: skip
        if errors:
            raise Unreadable(FaultCode.FEED_INVALID, "nothing was taken", tuple(errors))
        return orders

    def _void(self, feed: _Feed, now: dt.datetime) -> Void | None:
        if feed.void is None:
            return None
        [body] = _bodies([feed.void], "void")
        void = read_void(body)
        if (void.key.division, void.version) != (feed.division, feed.version):
            raise Unreadable(FaultCode.FEED_INVALID, "the void is of another number")
        if void.decided_at > now + CLOCKS_APART:
            raise Unreadable(FaultCode.FEED_INVALID, "the void was decided in the future")
        if self._chancery.officers:
            prove_persons(void, self._prover.verify_document, self._chancery.officers)
        return void

    def _order(self, division: str, body: bytes, now: dt.datetime) -> Order:
        order = read_order(body)
        if order.key.division != division:
            raise Unreadable(FaultCode.FEED_INVALID, "it is about another division")
        if order.decided_at > now + CLOCKS_APART:
            raise Unreadable(FaultCode.FEED_INVALID, "it was decided in the future")
        if self._chancery.officers:
            prove_persons(order, self._prover.verify_document, self._chancery.officers)
        return order


@attrs.frozen
class Given:
    """Why an order that is to be carried out is none that its bureau signed, or was done before: it
    was proven when it came, and whoever has the database's rights may have put one there since, or
    taken away what became of it. Empty if nothing is against it."""

    holds: Holds
    prover: Prover
    bureaus: Mapping[str, str]
    """By division."""

    async def __call__(self, order: Order, body: bytes) -> str:
        """Raises LedgerUnavailable."""
        if not await self._signed(order, body):
            return "no feed that its bureau signed brought it"
        if any(_ends(told, order) for told in await self.holds.told(order.key, order.digest)):
            return "the log tells that it was done, or that the hold has ended"
        return ""

    async def _signed(self, order: Order, body: bytes) -> bool:
        division = order.key.division
        found = await self.holds.given_in(division, order.digest)
        if found is None:
            return False
        raw, signature = found
        try:
            signer = self.prover.verify_document(raw, signature)
            feed = _read(raw)
            return (
                signer == self.bureaus.get(division)
                and feed.division == division
                and body in _bodies(feed.orders)
            )
        except Fault:
            return False


class _Told(msgspec.Struct):
    what: str
    order_sha256: str = ""


def _ends(told: bytes | None, order: Order) -> bool:
    """Whether a record about this instruction's orders leaves nothing of this one to be done."""
    try:
        record = msgspec.json.decode(told or b"", type=_Told)
    except (ValueError, RecursionError):  # altered: nothing is paid by what nobody can read
        return True
    done = record.what == NOT_CARRIED_OUT and record.order_sha256 == order.digest.hex()
    return done or record.what in set(HoldEnding)


def _bodies(orders: list[dict[str, Any]], named: str = "orders") -> list[bytes]:
    """The bytes that each order is kept as. Raises Unreadable, naming every one that has none."""
    bodies: list[bytes] = []
    errors: list[FieldError] = []
    for place, order in enumerate(orders):
        try:
            bodies.append(canonical(order))
        except (TypeError, RecursionError):  # a number of more than 64 bits, or endless nesting
            errors.append(
                FieldError(
                    field=f"{named}[{place}]", code="type", zh="含有超出范围的数字或嵌套过深",
                    en="holds a number of more than 64 bits, or is nested too deeply",
                )
            )  # fmt: skip
    if errors:
        raise Unreadable(FaultCode.FEED_INVALID, "nothing was taken", tuple(errors))
    return bodies


def _read(raw: bytes) -> _Feed:
    try:
        feed = read_once(msgspec.json.Decoder(_Feed), raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(FaultCode.FEED_INVALID, f"not a feed of releases: {error}") from error
    if feed.kind != KIND:
        raise Unreadable(FaultCode.FEED_INVALID, f"its kind is not {KIND}")
    if bool(feed.orders) == (feed.void is not None):
        raise Unreadable(FaultCode.FEED_INVALID, "it holds orders, or one void in their place")
    return feed
