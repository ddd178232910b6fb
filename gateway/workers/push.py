"""Push: tell agencies that have an address of their own what became of their instructions later.

Whoever has none fetches it (`GET /v1/notifications`). A notification is acknowledged when its
receiver took it; until then it is sent again, ever more rarely, and can be fetched as well.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from urllib.parse import urlsplit

import orjson
import structlog

from gateway.domain.faults import LedgerUnavailable, Undelivered
from gateway.domain.holds import Notification
from gateway.hold_ports import Holds
from gateway.ports import Clock, Webhook
from gateway.workers.office import Office

AT_ONCE_MAX = 50
PAUSES_S = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""Before the next look: after so many failures in a row."""

log = structlog.get_logger()

Agency = tuple[str, str]
"""Division and agency code."""


class Pushing:
    """Runs in the process that holds the office; a silent agency keeps no other waiting."""

    def __init__(
        self, office: Office, holds: Holds, webhook: Webhook, clock: Clock,
        addresses: Mapping[Agency, str],
    ) -> None:  # fmt: skip
        self._office = office
        self._holds = holds
        self._webhook = webhook
        self._clock = clock
        self._addresses = addresses
        self.troubles: dict[str, str] = {}
        """By `division/agency`: why its notifications are not taken."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for agency in self._addresses:
                group.create_task(self._serve(agency))

    async def _serve(self, agency: Agency) -> None:
        failures = 0
        while True:
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            if not self._office.held:
                failures = 0
                self.troubles.pop("/".join(agency), None)  # whoever holds it says how it goes on
                continue
            try:
                await self.push_some(agency)
            except Undelivered as reason:
                failures = len(PAUSES_S) if reason.forbidden else failures + 1
                self._tell(agency, str(reason))
            except LedgerUnavailable as reason:
                log.warning("notification.postponed", reason=str(reason))
            else:
                failures = 0
                self.troubles.pop("/".join(agency), None)

    async def push_some(self, agency: Agency) -> int:
        """Send what waits, oldest first, until one is not taken; how many were taken.

        Raises Undelivered, LedgerUnavailable.
        """
        url = self._addresses[agency]
        by = f"push:{urlsplit(url).hostname}"
        waiting = await self._holds.notifications(*agency, AT_ONCE_MAX)
        for taken, notification in enumerate(waiting):
            await self._webhook.send(url, message(agency, notification))
            ids = [notification.id]
            await self._holds.acknowledge(*agency, ids, self._clock.now(), by)
            log.info("notification.pushed", agency="/".join(agency), subject=notification.subject,
                     taken=taken + 1)  # fmt: skip
        return len(waiting)

    def _tell(self, agency: Agency, reason: str) -> None:
        name = "/".join(agency)
        if self.troubles.get(name) != reason:
            log.warning("notification.not_taken", agency=name, reason=reason)
        self.troubles[name] = reason


def message(agency: Agency, notification: Notification) -> bytes:
    """What the receiver gets: the notification as `GET /v1/notifications` shows it, with its id, by
    which a repetition is known."""
    return orjson.dumps(
        {
            "agency": agency[1],
            "created_at": _text(notification.created_at),
            "division": agency[0],
            "id": notification.id,
            "notification": orjson.loads(notification.body),
            "subject": notification.subject,
        },
        option=orjson.OPT_SORT_KEYS,
    )


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat()
