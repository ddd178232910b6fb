"""Alarm: say in good time that a certificate or a revocation list ends: log, metric and webhook.

Each threshold is told once, by the process that holds the office; what the webhook has not taken is
kept and tried again. An expired list refuses everyone, so its alarm begins at half of its life.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs
import structlog

from gateway.domain.certificates import RevocationList
from gateway.domain.faults import LedgerUnavailable, Undelivered
from gateway.domain.inventory import Alert, Bound, Inventory, Untold, alerts, with_loaded
from gateway.domain.records import canonical
from gateway.ports import Clock, Webhook
from gateway.workers.office import Office

LOOK_S = 15.0
AGAIN_S, AGAIN_S_MAX = 30.0, 3600.0
"""After each failure the pause doubles, up to this."""

log = structlog.get_logger()


class Watchbook(Protocol):
    """Every method raises LedgerUnavailable."""

    async def inventory(self, now: dt.datetime) -> Inventory: ...

    async def raise_alert(self, subject: str, threshold: int, body: bytes, at: dt.datetime) -> bool:
        """False if it was raised before."""
        ...

    async def untold(self, now: dt.datetime) -> list[Untold]: ...

    async def tried(
        self, one: Untold, next_at: dt.datetime, delivered_at: dt.datetime | None
    ) -> None: ...


@attrs.frozen(kw_only=True)
class Address:
    url: str
    sender: Webhook


class Alarming:
    def __init__(
        self, office: Office, watchbook: Watchbook, clock: Clock, gateway: str,
        address: Address | None,
    ) -> None:  # fmt: skip
        self._office = office
        self._watchbook = watchbook
        self._clock = clock
        self._gateway = gateway
        self._address = address
        self.lists: Callable[[], Sequence[RevocationList]] = tuple
        """Those that this process has loaded; set by who wires the workers."""
        self.bound: Callable[[], Bound | None] = lambda: None
        """What ends the record key before its own certificate does; set likewise."""
        self.found: Inventory | None = None
        """As it was last looked at, for metrics."""
        self.troubles: Mapping[str, str] = {}
        """What ends soon or has ended."""

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except LedgerUnavailable as reason:
                log.warning("alarm.postponed", reason=str(reason))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One turn. Raises LedgerUnavailable."""
        now = self._clock.now()
        found = await self._watchbook.inventory(now)
        self.found = with_loaded(found, self.lists(), self.bound())
        raised = alerts(self.found)
        self.troubles = {alert.subject: _words(alert, now) for alert in raised}
        if not self._office.held:
            return
        for alert in raised:
            body = _body(alert, self._gateway, now)
            if await self._watchbook.raise_alert(alert.subject, alert.threshold, body, now):
                log.warning(
                    "certificate.expired" if alert.threshold == 0 else "certificate.expiring",
                    subject=alert.subject, holder=alert.holder, what=alert.what,
                    days=alert.threshold, ends=alert.ends.isoformat(), by=alert.by,
                )  # fmt: skip
        if self._address is not None:
            await self._tell(self._address, now)

    async def _tell(self, address: Address, now: dt.datetime) -> None:
        for one in await self._watchbook.untold(now):
            delivered_at: dt.datetime | None = now
            try:
                await address.sender.send(address.url, one.body)
            except Undelivered as reason:
                delivered_at = None
                log.warning("alert.undelivered", subject=one.subject, reason=str(reason))
            pause_s = min(AGAIN_S * 2.0 ** min(one.attempts, 16), AGAIN_S_MAX)
            await self._watchbook.tried(one, now + dt.timedelta(seconds=pause_s), delivered_at)


def _words(alert: Alert, now: dt.datetime) -> str:
    what = f"{alert.what} of {alert.holder}"
    if alert.by:
        what += f" with the authority {alert.by} over it"
    if alert.threshold == 0:
        return f"{what} has ended on {alert.ends.isoformat()}"
    return f"{what} ends in {(alert.ends - now).days} days"


def _body(alert: Alert, gateway: str, now: dt.datetime) -> bytes:
    return canonical(
        {
            "days": alert.threshold,
            "ends": alert.ends.isoformat(),
            "gateway": gateway,
            "holder": alert.holder,
            "kind": "certificate_alert",
            "raised_at": now.isoformat(),
            "subject": alert.subject,
            "what": alert.what,
            **({"by": alert.by} if alert.by else {}),
        }
    )
