"""Register: put every version of the registers that was applied into the log, once."""

from typing import Protocol

import structlog

from gateway.domain.ledger import RecordDraft
from gateway.domain.records import RecordKind, unnumbered
from gateway.domain.register_feed import Unrecorded
from gateway.pipeline.tell import Origin, microseconds
from gateway.ports import Clock
from gateway.workers.office import Office

LOOK_S = 0.5
BATCH_MAX = 100

log = structlog.get_logger()


class AppliedVersions(Protocol):
    """Whoever applied a version, from a feed or from a file: its record is still to be written."""

    async def unrecorded(self, division: str, limit: int) -> list[Unrecorded]: ...

    async def record(self, division: str, version: int, record: RecordDraft) -> bool:
        """Write its record, once. False: somebody else did. Raises LedgerUnavailable."""
        ...


class Registering:
    """The office holder's work."""

    def __init__(
        self, office: Office, versions: AppliedVersions, clock: Clock, origin: Origin,
        divisions: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._office = office
        self._versions = versions
        self._clock = clock
        self._origin = origin
        self._divisions = divisions

    async def run(self) -> None:
        await self._office.rounds(LOOK_S, self.look, "registers.record_postponed")

    async def look(self) -> int:
        """One turn over all divisions; how many records were written. Raises LedgerUnavailable."""
        return await self._office.in_turn(self._divisions, self._look)

    async def _look(self, division: str) -> int:
        written = 0
        for applied in await self._versions.unrecorded(division, BATCH_MAX):
            if applied.by_hand:
                log.error("registers.by_hand", division=division, version=applied.version)
            draft = self._draft(division, applied)
            written += await self._versions.record(division, applied.version, draft)
        return written

    def _draft(self, division: str, applied: Unrecorded) -> RecordDraft:
        fields = {
            "applied_at": microseconds(applied.applied_at),
            "as_of": microseconds(applied.as_of),
            "bank": self._origin.bank,
            "digest": applied.digest.hex(),
            "division": division,
            "feed": applied.kind,
            "feed_version": applied.feed_version,
            "kind": RecordKind.REGISTER_APPLIED,
            "origin": self._origin.uri,
            "recorded_at": microseconds(self._clock.now()),
            "rows": applied.rows,
            "rows_sha256": applied.rows_digest.hex(),
            "signer": applied.signer,
            "version": applied.version,
            "vouchers": list(applied.vouchers),
        }
        body = unnumbered(fields)
        return RecordDraft(kind=RecordKind.REGISTER_APPLIED, subject="", body=body)
