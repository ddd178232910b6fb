"""Wiring what keeps certificates and keys up to date in a running gateway."""

import datetime as dt
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import attrs

from adapters.postgres.certificates.cases import PostgresCertificates
from adapters.postgres.certificates.watchbook import PostgresWatchbook
from adapters.webhook.sender import WebhookSender, public_tls
from certs.live import LiveTls
from gateway.configured.machine import instance_name
from gateway.domain.inventory import Bound, Inventory, with_loaded
from gateway.serving.house import House
from gateway.serving.keyring import KeyRing
from gateway.settings import Secrets
from gateway.web.certificates import Certificates
from gateway.workers.alarm import Address, Alarming
from gateway.workers.keys import Keeping
from gateway.workers.office import Office


@attrs.frozen(kw_only=True)
class Keys:
    ring: KeyRing
    keeping: Keeping
    alarming: Alarming
    page: Certificates

    def troubles(self) -> dict[str, str]:
        return self.keeping.troubles | dict(self.alarming.troubles)


async def keys_of(
    house: House, secrets: Secrets, tls: LiveTls, office: Office, rooms: AsyncExitStack
) -> Keys:
    """The ring has looked once when this returns: nobody revoked is let in even at first."""
    store = PostgresCertificates(secrets.database, kept=house.kept)
    rooms.push_async_callback(store.close)
    watchbook = PostgresWatchbook(secrets.database, instance_name(), kept=house.kept)
    rooms.push_async_callback(watchbook.close)
    ring = KeyRing(house, secrets, tls, office, store, watchbook)
    await ring.look()
    alarms = PostgresWatchbook(secrets.database, instance_name(), kept=house.kept)
    rooms.push_async_callback(alarms.close)
    address = _address(house, rooms)
    alarming = Alarming(office, alarms, house.clock, house.origin.uri, address)
    alarming.lists = lambda: ring.lists
    alarming.bound = lambda: bound_of(house)

    async def inventory(now: dt.datetime) -> Inventory:
        return with_loaded(await alarms.inventory(now), ring.lists, bound_of(house))

    return Keys(
        ring=ring,
        keeping=Keeping(ring, store.wait, house.clock),
        alarming=alarming,
        page=Certificates(inventory, house.clock.now),
    )


def bound_of(house: House) -> Bound | None:
    """None where the record certificate itself ends first: it has an alert of its own."""
    word = house.trust.word
    if word.own:
        return None
    return Bound(
        holder=house.origin.uri,
        by=word.by,
        serial=f"{word.certificate.serial_number:x}",
        not_before=word.certificate.not_valid_before_utc,
        not_after=word.ends,
    )


def _address(house: House, rooms: AsyncExitStack) -> Address | None:
    chosen = house.settings.certs
    if chosen.webhook is None:
        return None
    host = urlsplit(chosen.webhook).hostname or ""
    sender = WebhookSender(
        house.trust.sign_document,
        public_tls(chosen.webhook_authority),
        inside=frozenset({host} if chosen.webhook_inside else ()),
    )
    rooms.push_async_callback(sender.aclose)
    return Address(url=chosen.webhook, sender=sender)
