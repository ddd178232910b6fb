"""Deliver: hand sealed records and notices to the bureau until it has acknowledged each."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from gateway.domain.faults import BureauUnavailable, LedgerUnavailable
from gateway.domain.log import Notice
from gateway.ports import Bureau, Clock, Gatekeeper, RecordLog
from gateway.workers.office import Office

DELIVERY_RECORDS_MAX = 2048
NOTICES_MAX = 64
IDLE_S = 0.1
RETRY_S = 1.0

log = structlog.get_logger()


class Delivering:
    """Records in the order of the log, notices at once; both resume by themselves."""

    def __init__(
        self, office: Office, records: RecordLog, bureaus: Mapping[str, Bureau],
        gatekeeper: Gatekeeper, clock: Clock, sealed: asyncio.Event,
    ) -> None:  # fmt: skip
        self._office = office
        self._records = records
        self._bureaus = bureaus
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._sealed = sealed

    async def run_records(self) -> None:
        while True:
            await self._wait()
            self._sealed.clear()
            if self._office.held:
                await self._guarded("records", self.deliver_all)

    async def run_notices(self) -> None:
        while True:
            await asyncio.sleep(IDLE_S)
            if self._office.held:
                await self._guarded("notices", self.notify_all)

    async def deliver_all(self) -> int:
        """Deliver what is sealed and not acknowledged; returns how many records went."""
        total = 0
        for division, bureau in self._bureaus.items():
            while delivery := await self._records.next_delivery(division, DELIVERY_RECORDS_MAX):
                cosigned = await bureau.deliver(delivery)
                await self._records.acknowledge(division, cosigned, self._clock.now())
                total += len(delivery.records)
        return total

    async def notify_all(self) -> int:
        """Send waiting notices; returns how many were acknowledged."""
        notices = await self._records.notices(NOTICES_MAX)
        for notice in notices:
            await self._notify(notice)
        return len(notices)

    async def _notify(self, notice: Notice) -> None:
        bureau = self._bureaus[notice.division]
        signature = self._gatekeeper.sign_document(notice.body)
        try:
            await bureau.notify(notice.division, notice.body, signature)
        except BureauUnavailable:
            await self._records.notice_sent(notice.id, acknowledged=False, at=self._clock.now())
            raise
        await self._records.notice_sent(notice.id, acknowledged=True, at=self._clock.now())

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S * 10):
                await self._sealed.wait()
        except TimeoutError:
            return

    async def _guarded(self, what: str, work: Callable[[], Awaitable[int]]) -> None:
        """A silent bureau or a restarting database does not end the worker: it waits them out."""
        try:
            await work()
        except (BureauUnavailable, LedgerUnavailable) as reason:
            log.warning("delivery.postponed", what=what, reason=str(reason))
            await asyncio.sleep(RETRY_S)
