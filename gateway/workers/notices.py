"""Tell: interception notices to one bureau, all that wait in one request, each proven by itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import structlog

from gateway.domain.faults import BureauUnavailable, BureauUnproven
from gateway.domain.log import Notice
from gateway.ports import Bureau, BureauWitness, Clock, Gatekeeper, RecordLog

NOTICES_MAX = 128
NOTICES_BYTES_MAX = 2 * 2**20
"""Of one request; a single notice goes whatever its size."""
PROVEN_AT_ONCE = 8
"""Signatures made or proven before others have a turn of the event loop."""

log = structlog.get_logger()


class NoticeDesk:
    def __init__(self, records: RecordLog, gatekeeper: Gatekeeper, clock: Clock) -> None:
        self._records = records
        self._gatekeeper = gatekeeper
        self._clock = clock

    async def tell(self, division: str, bureau: Bureau, witness: BureauWitness) -> int:
        """Send what waits; returns how many were acknowledged.

        What was acknowledged is kept so, and one that the bureau refuses stands in no other's way.
        Raises BureauUnavailable if none was acknowledged, BureauUnproven if any receipt is false.
        """
        notices = _bundle(await self._records.notices(division, NOTICES_MAX))
        if not notices:
            return 0
        receipts: dict[int, str] = {}
        refused: BureauUnavailable | None = None
        try:
            answers = await bureau.notify(division, await self._signed(notices))
            async for id, answer in self._proven(division, notices, answers, witness):
                if isinstance(answer, str):
                    receipts[id] = answer
                elif refused is None or isinstance(answer, BureauUnproven):
                    refused = answer
        finally:
            await self._keep(division, notices, receipts)
        if refused is not None:
            if isinstance(refused, BureauUnproven) or not receipts:
                raise refused
            log.warning("notices.refused", division=division, reason=str(refused))
        return len(receipts)

    async def _keep(
        self, division: str, notices: Sequence[Notice], receipts: dict[int, str]
    ) -> None:
        untold = [notice.id for notice in notices if notice.id not in receipts]
        if receipts:
            await self._records.notices_told(division, receipts, self._clock.now())
        if untold:
            await self._records.notices_untold(division, untold, self._clock.now())

    async def _signed(self, notices: Sequence[Notice]) -> list[tuple[bytes, str]]:
        signed = []
        for place, notice in enumerate(notices, 1):
            signed.append((notice.body, self._gatekeeper.sign_document(notice.body)))
            await _turn(place)
        return signed

    async def _proven(
        self, division: str, notices: Sequence[Notice],
        answers: Sequence[str | BureauUnavailable], witness: BureauWitness,
    ) -> AsyncIterator[tuple[int, str | BureauUnavailable]]:  # fmt: skip
        """By notice: its receipt, proven, or why there is none."""
        now = self._clock.now()
        for place, (notice, answer) in enumerate(zip(notices, answers, strict=True), 1):
            told = answer
            if isinstance(answer, str):
                try:
                    witness.check_receipt(division, notice.body, answer, now)
                except BureauUnproven as unproven:
                    told = unproven
            yield notice.id, told
            await _turn(place)


async def _turn(place: int) -> None:
    if place % PROVEN_AT_ONCE == 0:
        await asyncio.sleep(0)


def _bundle(notices: Sequence[Notice]) -> list[Notice]:
    """The oldest of them, as many as one request may carry."""
    bundle: list[Notice] = []
    room = NOTICES_BYTES_MAX
    for notice in notices:
        room -= len(notice.body)
        if bundle and room < 0:
            break
        bundle.append(notice)
    return bundle
