"""Seal: number, hash and sign the waiting records, so that none can be lost or changed unseen."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping

import structlog

from gateway.domain.faults import BureauUnavailable, LedgerUnavailable
from gateway.domain.ledger import RecordDraft
from gateway.domain.records import RecordKind, unnumbered
from gateway.pipeline.tell import Origin, microseconds
from gateway.ports import Clock, Ledger, RecordLog, RecordSealer
from gateway.workers.office import Office

SEAL_BATCH_MAX = 1024
SEAL_MORE = SEAL_BATCH_MAX // 2
"""After so many there may be more: what one commit told is sealed as a whole, and is far less."""
GATHER_S = 0.25
"""How long records gather before a checkpoint is signed; far below the promised second."""
GREET_S = 5.0
"""How long the first sealing waits to hear where the bureau stands."""
HEARTBEAT_S = 60.0
TOLD_EVERY_S = 60.0
"""How often one trouble is told to operators while it lasts."""

log = structlog.get_logger()


class Sealing:
    """The sequencer's work; runs only in the process that holds the office."""

    def __init__(
        self, office: Office, records: RecordLog, sealer: RecordSealer, ledger: Ledger,
        clock: Clock, origin: Origin, divisions: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._office = office
        self._records = records
        self._sealer = sealer
        self._ledger = ledger
        self._clock = clock
        self._origin = origin
        self._last_record = dict.fromkeys(divisions, clock.monotonic())
        self.sealed = asyncio.Event()
        """Set whenever there is something new to deliver."""
        self.troubles: dict[str, str] = {}
        """By division: why its records cannot be sealed; the others are."""
        self.halted: Mapping[str, str] = {}
        """By division: why nothing of it may be sealed (`Delivering.ahead`, `Marking.behind`):
        records wait for their number meanwhile, and the line refuses its payments."""
        self.greet: Callable[[str], Awaitable[bool]] | None = None
        """Asked once for each division before its first sealing in office (`Delivering.greet`)."""
        self._greeted: set[str] = set()
        self._told: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(GATHER_S)
            if not self._office.held:
                self._greeted.clear()
                self.troubles.clear()  # whoever holds it says how it goes on
                continue
            try:
                await self.seal_all()
                await self._office.in_turn(self._last_record, self.beat)
            except LedgerUnavailable:
                log.warning("sealing.postponed", reason="ledger unavailable")

    async def seal_all(self) -> int:
        """Seal until nothing waits; returns how many records were sealed.

        A division whose records cannot be sealed does not keep the others waiting.
        """
        total, waiting = 0, await self._records.pending_divisions()
        await asyncio.gather(*(self.hear(division) for division in waiting))
        for division in waiting:
            if division in self.halted:
                self._tell(division, ValueError(self.halted[division]))
                continue
            try:
                total += await self._seal(division)
            except (LedgerUnavailable, ValueError) as reason:
                self._tell(division, reason)
            else:
                self.troubles.pop(division, None)
        return total

    async def hear(self, division: str) -> None:
        """Ask the bureau where it stands, before anything is taken in or sealed. One that does not
        answer delays that a little and never prevents it."""
        if self.greet is None or division in self._greeted:
            return
        self._greeted.add(division)
        try:
            async with asyncio.timeout(GREET_S):
                await self.greet(division)
        except (BureauUnavailable, LedgerUnavailable, KeyError, TimeoutError) as reason:
            log.warning("bureau.unheard", division=division, reason=repr(reason))

    async def _seal(self, division: str) -> int:
        """Batch by batch. Many wait after an outage: the clock may be set between two of them, or
        the database be found older, and nobody unsigns what was signed."""
        total = 0
        while division not in self.halted and (
            sealed := await self._records.seal(
                division, SEAL_BATCH_MAX, self._clock.now(), self._sealer.seal
            )
        ):
            total += len(sealed.records)
            self._last_record[division] = self._clock.monotonic()
            self.sealed.set()
            if len(sealed.records) < SEAL_MORE:
                break
        return total

    def _tell(self, division: str, reason: Exception) -> None:
        """A lost database comes back by itself; what the sealer refuses needs a person."""
        if isinstance(reason, LedgerUnavailable):
            log.warning("sealing.postponed", division=division, reason=str(reason))
            return
        self.troubles[division] = f"sealing: {reason}"
        now = self._clock.monotonic()
        if now - self._told.get(division, -TOLD_EVERY_S) >= TOLD_EVERY_S:
            self._told[division] = now
            log.error("sealing.refused", division=division, reason=str(reason))

    async def beat(self, division: str) -> int:
        """A log that is silent must be told apart from a log that is cut off (Art. 22(2)). One that
        could not be written is no word: it is tried again. Raises LedgerUnavailable."""
        now = self._clock.monotonic()
        if now - self._last_record[division] < HEARTBEAT_S:
            return 0
        await self._ledger.record(division, self._heartbeat(self._clock.now(), division))
        self._last_record[division] = now
        return 1

    def _heartbeat(self, at: dt.datetime, division: str) -> RecordDraft:
        fields = {
            "bank": self._origin.bank,
            "division": division,
            "kind": RecordKind.HEARTBEAT,
            "origin": self._origin.uri,
            "recorded_at": microseconds(at),
        }
        return RecordDraft(kind=RecordKind.HEARTBEAT, subject="", body=unnumbered(fields))
