"""Receives deliveries and notices: proves them, stores them, and keeps what was refused."""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence

import attrs

from bureau.inbox.accept import accepted, delivery_of
from bureau.inbox.announced import announced_keys
from bureau.inbox.bell import Bell
from bureau.inbox.clocks import Clocks
from bureau.inbox.frame import read_frame
from bureau.inbox.glance import noticed_interception
from bureau.inbox.hashes import root_at
from bureau.inbox.keeping import Keeping
from bureau.inbox.keys import receiving_keys
from bureau.ports import Accepted, Clock, DeskStore, LogPlace, LogStore, ProvenNotice
from certs.bundled import receipts_for
from certs.log.note import parse_checkpoint, parse_note
from certs.log.witness import Refusal, Witness, WitnessRefused
from certs.trust import Trust
from gateway.domain.faults import FaultCode, Unproven
from gateway.domain.log import Cosigned, Delivery, LogHead

PROVEN_AT_ONCE = 16
"""Notices proven before others have a turn of the event loop."""
OWN_CERTIFICATE = "bureau's own witness certificate"
REASONS_ZH: dict[str, str] = {
    Refusal.ORIGIN: "不是本区划的日志",
    Refusal.SIGNATURE: "检查点签名无效",
    Refusal.GAP: "漏传",
    Refusal.ALTERED: "错传：内容与签名不符",
    Refusal.FORK: "日志被改写：两个检查点",
}


@attrs.frozen(kw_only=True)
class Receipt:
    """What the bureau holds after a delivery, with its cosignature."""

    cosigned: Cosigned
    stored: bool
    """False: the delivery began elsewhere than where we stand; nothing of it was wanted."""


class NotEntitled(Exception):
    """The party has no log of this division here."""


class WitnessEnded(Exception):
    """Our own certificate, or one over it, has ended or is revoked: what we sign proves nothing."""


class DeliveryRefused(Exception):
    """The delivery is not what its signature says; it was kept as evidence."""

    def __init__(self, refused: WitnessRefused, seen: int) -> None:
        super().__init__(refused.detail)
        self.reason = refused.reason
        self.detail = refused.detail
        self.size = refused.size
        self.seen = seen


class Inbox:
    """Nothing is answered before it is kept. Methods raise NotEntitled and StoreUnavailable."""

    def __init__(
        self,
        *,
        store: LogStore,
        desk: DeskStore,
        places: Sequence[LogPlace],
        trust: Trust,
        clock: Clock,
        bell: Bell,
        learn: Callable[[str, bytes], None] = lambda gateway, certificate: None,
    ) -> None:
        """`learn`: hears each key that a gateway announces, before its delivery is stored; what it
        raises leaves the log as it was, and the gateway tells it again."""
        self._learn = learn
        self._store = store
        self._desk = desk
        self._places = {(place.division, place.gateway): place for place in places}
        self._trust = trust
        self._clock = clock
        self._bell = bell
        self.keeping = Keeping(clock)
        self.clocks = Clocks(clock)

    def _expect_own_life(self) -> None:
        if words := self._trust.word.against(self._clock(), OWN_CERTIFICATE):
            raise WitnessEnded(words)

    def expect_gateway(self, party: str) -> None:
        """Raises NotEntitled for whoever keeps no log of any division here."""
        if all(party != gateway for _, gateway in self._places):
            raise NotEntitled("this party keeps no log here")

    async def receive(self, party: str, raw: bytes) -> Receipt:
        """Take a delivery from the gateway `party`, in one transaction with its check.

        Raises WitnessEnded, DeliveryUnreadable, DeliveryRefused.
        """
        self._expect_own_life()
        frame = read_frame(raw)
        place = self._place(frame.division, party)
        delivery = delivery_of(frame)
        witness = self._witness(place)

        def judged(head: LogHead) -> Accepted:
            taken = accepted(witness, place, head, delivery, self._clock())
            # Before it is stored: what is held already is not looked at again, so a key that could
            # not be kept then would never be learnt.
            for certificate in announced_keys(taken.records):
                self._learn(place.gateway, certificate)
            return taken

        try:
            with self.keeping.tried():
                taken = await self._store.append(place.division, place.bank, judged)
        except WitnessRefused as refused:
            return await self._not_taken(place, delivery, refused, raw)
        if taken.records:
            self.clocks.heard(place.division, place.bank, taken.records[-1].body)
        self._bell.ring()
        return Receipt(cosigned=taken.cosigned, stored=True)

    async def notice(self, party: str, division: str, body: bytes, signature: str) -> bool:
        """Take a one-off notice; False if these bytes were received before. Raises Unproven."""
        (taken,) = await self.notices(party, division, [(body, signature)])
        if isinstance(taken, Unproven):
            raise taken
        return taken

    async def notices(
        self, party: str, division: str, notices: Sequence[tuple[bytes, str]]
    ) -> list[bool | Unproven]:
        """Take notices, each with its signature, in one transaction: of each whether it is new, or
        why it does not count, which concerns no other.

        The detached JWS is checked over the exact bytes before they are read. Raises WitnessEnded.
        """
        self._expect_own_life()
        place = self._place(division, party)
        now = self._clock()
        answers: list[bool | Unproven] = []
        proven: dict[bytes, ProvenNotice] = {}
        digests: list[bytes] = []
        for number, (body, signature) in enumerate(notices, 1):
            digest = hashlib.sha256(body).digest()
            digests.append(digest)
            try:
                self._prove_notice(party, body, signature, now)
            except Unproven as unproven:
                answers.append(unproven)
            else:
                answers.append(digest not in proven)
                line = noticed_interception(division, body)
                proven.setdefault(digest, (digest, body, signature, party, line))
            if number % PROVEN_AT_ONCE == 0:
                await asyncio.sleep(0)
        if not proven:
            return answers
        with self.keeping.tried():
            new = await self._desk.keep_notices((division, place.bank), list(proven.values()), now)
        if new:
            self._bell.ring()
        return [
            answer if isinstance(answer, Unproven) else answer and digest in new
            for answer, digest in zip(answers, digests, strict=True)
        ]

    def _prove_notice(self, party: str, body: bytes, signature: str, now: dt.datetime) -> None:
        if self._trust.verify_document(body, signature, now) != party:
            raise Unproven(FaultCode.SENDER_UNKNOWN, "the signer is not the connection's party")

    def receipts_for(self, division: str, notices: Sequence[bytes]) -> list[str]:
        """Our signature for notices that are kept: the gateway has told us, and can prove each."""
        return receipts_for(division, notices, self._trust.sign_receipt)

    def _place(self, division: str, party: str) -> LogPlace:
        place = self._places.get((division, party))
        if place is None:
            raise NotEntitled("this party keeps no log of this division here")
        return place

    def _witness(self, place: LogPlace) -> Witness:
        # Made anew each time: a certificate revoked a moment ago counts no more.
        keys = {place.division: receiving_keys(self._trust, place)}
        return Witness(self._trust.own, keys)

    async def _not_taken(
        self, place: LogPlace, delivery: Delivery, refused: WitnessRefused, raw: bytes
    ) -> Receipt:
        if refused.reason is Refusal.DUPLICATE:
            refused = await self._looked_again(place, delivery, refused)
        head, cosigned = await self._store.held(place.division, place.bank)
        innocent = refused.reason is Refusal.DUPLICATE or (
            refused.reason is Refusal.GAP and delivery.start > head.size
        )
        if innocent:
            return Receipt(cosigned=cosigned, stored=False)
        what = {
            "reason": refused.reason,
            "detail": refused.detail,
            "party": place.gateway,
            "held_size": head.size,
            "held_checkpoint": cosigned.checkpoint or None,
            "shown_checkpoint": delivery.checkpoint.replace("\x00", "\ufffd"),
            "delivery": raw,
        }
        seen = await self._store.keep_misbehaviour(
            place.division, place.bank, hashlib.sha256(raw).digest(), what, self._clock()
        )
        self._bell.ring()
        raise DeliveryRefused(refused, seen)

    async def _looked_again(
        self, place: LogPlace, delivery: Delivery, refused: WitnessRefused
    ) -> WitnessRefused:
        """A checkpoint of a size that we passed must have the root that we had there."""
        shown = parse_checkpoint(parse_note(delivery.checkpoint).text)
        head, _ = await self._store.held(place.division, place.bank)
        earlier = await root_at(self._store, place, shown.size)
        try:
            self._witness(place).verify(head, delivery, self._clock(), root_at=lambda size: earlier)
        except WitnessRefused as again:
            return again
        return refused
