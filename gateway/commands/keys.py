"""Wiring what keeps certificates and keys up to date in a running gateway."""

from contextlib import AsyncExitStack

from adapters.postgres.certificates import PostgresCertificates
from adapters.postgres.watchbook import PostgresWatchbook
from certs.live import LiveTls
from gateway.commands.keyring import KeyRing
from gateway.commands.rooms import House, instance_name
from gateway.settings import Secrets
from gateway.workers.keys import Keeping
from gateway.workers.office import Office


async def keys_of(
    house: House, secrets: Secrets, tls: LiveTls, office: Office, rooms: AsyncExitStack
) -> tuple[KeyRing, Keeping]:
    """The ring has looked once when this returns: nobody revoked is let in even at first."""
    store = PostgresCertificates(secrets.database)
    rooms.push_async_callback(store.close)
    watchbook = PostgresWatchbook(secrets.database, instance_name())
    rooms.push_async_callback(watchbook.close)
    ring = KeyRing(house, secrets, tls, office, store, watchbook)
    await ring.look()
    return ring, Keeping(ring, store.wait, house.clock)
