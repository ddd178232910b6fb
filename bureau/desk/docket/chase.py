"""The worker that reminds of what is due and escalates what is overdue, four times an hour."""

import asyncio
from collections.abc import Sequence

import structlog

from bureau.desk.docket.office import CaseOffice
from gateway.domain.faults import StoreUnavailable

LOOK_S = 900.0
_log = structlog.get_logger("bureau.docket")


async def chase_all(office: CaseOffice, divisions: Sequence[str]) -> None:
    """Until cancelled. Each reminder and each escalation is made once, whoever else runs this."""
    while True:
        for division in divisions:
            try:
                if done := await office.chase(division):
                    _log.info("cases.chased", division=division, count=done)
            except StoreUnavailable as lost:
                _log.warning("chasing.postponed", reason=str(lost))
            except Exception:  # noqa: BLE001 (what one division keeps stops no other)
                _log.exception("chasing.broken", division=division)
        await asyncio.sleep(LOOK_S)
