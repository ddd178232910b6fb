"""Deliver: hand sealed records and notices to each bureau until it has acknowledged each.

Every division has tasks and a back-off of its own, so a bureau that is silent, slow, behind or
false keeps nothing from the others. An acknowledgement counts only once it is proven. A bureau that
was restored from an older copy is told again what it lost; one that holds more than this log shows
that *we* were, and nothing more is sealed: it would sign a second history.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import attrs
import structlog

from gateway.domain.faults import BureauUnavailable, BureauUnproven, LedgerUnavailable
from gateway.domain.log import Cosigned, Delivery
from gateway.ports import Bureau, BureauWitness, Clock, Gatekeeper, OwnCheckpoints, RecordLog
from gateway.workers.notices import NoticeDesk
from gateway.workers.office import Office

DELIVERY_RECORDS_MAX = 2048
IDLE_S = 0.1
RETRY_S = 1.0
RETRY_S_MAX = 8.0
"""After each failure the pause doubles, up to this."""
TOLD_EVERY_S = 60.0
"""How often one trouble is told to operators while it lasts."""

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class _Again:
    """A bureau that lost records: from where they are told again, and up to what it had once."""

    start: int
    until: int


@attrs.frozen(kw_only=True)
class Inbox:
    """One division's bureau, and the proof of what it answers."""

    bureau: Bureau
    witness: BureauWitness
    own: OwnCheckpoints | None = None
    """None: of a log whose keys never end, in memory."""


class Delivering:
    """Records in the order of the log, notices at once; both resume by themselves."""

    def __init__(
        self, office: Office, records: RecordLog, inboxes: Mapping[str, Inbox],
        gatekeeper: Gatekeeper, clock: Clock, sealed: asyncio.Event,
    ) -> None:  # fmt: skip
        """`inboxes`: of the divisions that are served, and of no other."""
        self._office = office
        self._records = records
        self._inboxes = inboxes
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._sealed = sealed
        self._wakes = {division: asyncio.Event() for division in inboxes}
        self._failures: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._troubles: dict[tuple[str, str], str] = {}
        self._postponed: dict[tuple[str, str], str] = {}
        self._again: dict[str, _Again] = {}
        self.ahead: dict[str, str] = {}
        """By division: why nothing may be sealed, its bureau holding more of the log than we do."""
        self._lacking: dict[str, tuple[int, bytes]] = {}
        """Of these, size and root of what the bureau has cosigned and our database does not hold:
        only a copy that does ends it, whatever the bureau itself forgets meanwhile."""

    @property
    def troubles(self) -> dict[str, str]:
        """By division: what somebody must look into, and waiting will not mend."""
        return {division: reason for (_, division), reason in self._troubles.items()}

    @property
    def postponed(self) -> dict[str, str]:
        """By division: why its bureau cannot be told now; it is tried again and again."""
        return {division: reason for (_, division), reason in self._postponed.items()}

    async def run_records(self) -> None:
        async with asyncio.TaskGroup() as group:
            for division in self._inboxes:
                group.create_task(self._run_records_of(division))
            while True:
                await self._wait()
                self._sealed.clear()
                for wake in self._wakes.values():
                    wake.set()

    async def run_notices(self) -> None:
        async with asyncio.TaskGroup() as group:
            for division in self._inboxes:
                group.create_task(self._run_notices_of(division))

    async def run_strays(self) -> None:
        """Look for what belongs to a division that these settings do not serve (any more)."""
        while True:
            if self._office.held:
                await self.look_for_strays()
            else:
                self._forget_strays()
            await asyncio.sleep(TOLD_EVERY_S)

    async def deliver(self, division: str) -> int:
        """Deliver what is sealed and not acknowledged; returns how many records were.

        Each turn moves the acknowledged size or raises: BureauUnavailable, LedgerUnavailable.
        """
        total, turned_back = 0, False
        while delivery := await self._next(division):
            delivery = await self._countersigned(delivery)
            cosigned = await self._inboxes[division].bureau.deliver(delivery)
            if cosigned.size < delivery.start and not turned_back:
                await self._turn_back(delivery, cosigned)
                turned_back = True
                continue
            await self._prove(delivery, cosigned)
            await self._records.acknowledge(division, cosigned, self._clock.now())
            self._go_on(division, cosigned)
            total += cosigned.size - delivery.start
        return total

    async def _next(self, division: str) -> Delivery | None:
        again = self._again.get(division)
        start = again.start if again else None
        return await self._records.next_delivery(division, DELIVERY_RECORDS_MAX, start)

    async def _countersigned(self, delivery: Delivery) -> Delivery:
        """A checkpoint whose key has ended or is revoked meanwhile counts with nobody any more, and
        a bureau would keep it as misbehaviour: the key in use signs the same text anew (decision
        0089). Raises BureauUnavailable while there is no such key, BureauUnproven."""
        division, now = delivery.division, self._clock.now()
        own = self._inboxes[division].own
        if own is None or own.counts(delivery.checkpoint, now):
            return delivery
        size = delivery.start + len(delivery.records)
        root = await self._records.root_at(division, size)
        signed = own.signed_anew(delivery.checkpoint, root, now)
        log.info("checkpoint.signed_anew", division=division, size=size)
        return attrs.evolve(delivery, checkpoint=signed)

    async def _turn_back(self, delivery: Delivery, cosigned: Cosigned) -> None:
        """The bureau holds less than it had acknowledged. What it still holds must be the beginning
        of this log, cosigned by its own key; of nothing at all nothing needs a proof. Once a call:
        a bureau that falls back again is not believed. Raises BureauUnproven."""
        division, size = delivery.division, cosigned.size
        if size:
            await self._prove_root(division, cosigned)
        until = max(delivery.start, self._again[division].until if division in self._again else 0)
        self._again[division] = _Again(start=size, until=until)
        log.error("bureau.rolled_back", division=division, holds=size, had_acknowledged=until)

    def _go_on(self, division: str, cosigned: Cosigned) -> None:
        again = self._again.get(division)
        if again is None:
            return
        if cosigned.size < again.until:
            self._again[division] = attrs.evolve(again, start=cosigned.size)
            return
        del self._again[division]
        log.info("bureau.caught_up", division=division, holds=cosigned.size)

    async def greet(self, division: str) -> bool:
        """Hear where the bureau stands before anything more is passed or sealed: a database that
        came back from an older copy does not know what it had signed. Told again is the last
        acknowledged record, which the bureau answers with its own size.

        True: it has proven that it holds nothing which this database lacks; or, as far as we know,
        never had anything to acknowledge. False: it has lost some itself, and cannot tell.
        Raises BureauUnavailable, BureauUnproven (then `ahead` may say why), LedgerUnavailable.
        """
        await self._look_again(division)
        told = await self._records.acknowledged(division)
        if not told:
            return True
        delivery = await self._records.next_delivery(division, 1, told - 1)
        if delivery is None:
            return False
        delivery = await self._countersigned(delivery)
        cosigned = await self._inboxes[division].bureau.deliver(delivery)
        if cosigned.size < told:
            return False
        await self._prove_root(division, cosigned)
        return True

    async def notify(self, division: str) -> int:
        """Send waiting notices; returns how many were acknowledged. Raises BureauUnavailable."""
        inbox = self._inboxes[division]
        desk = NoticeDesk(self._records, self._gatekeeper, self._clock)
        return await desk.tell(division, inbox.bureau, inbox.witness)

    async def look_for_strays(self) -> None:
        try:
            untold = await self._records.untold_divisions()
        except LedgerUnavailable:
            return
        strays = {division for division in untold if division not in self._inboxes}
        self._forget_strays()
        for division in strays:
            reason = "records or notices wait, but these settings do not serve the division"
            self._tell("strays", division, reason)

    def _forget_strays(self) -> None:
        for what, division in list(self._troubles):
            if what == "strays":
                self._forget(what, division)

    async def _prove(self, delivery: Delivery, cosigned: Cosigned) -> None:
        """That the bureau itself holds more of this very log than it did. Raises BureauUnproven."""
        division, size = delivery.division, cosigned.size
        if size <= delivery.start:
            raise BureauUnproven(f"it holds {size} records and had acknowledged {delivery.start}")
        await self._prove_root(division, cosigned)

    async def _look_again(self, division: str) -> None:
        """The newest copy may be back. Raises LedgerUnavailable."""
        if division in self.ahead and division in self._lacking:
            size, root = self._lacking[division]
            if await self._records.root_at(division, size) == root:
                del self.ahead[division], self._lacking[division]

    async def _prove_root(self, division: str, cosigned: Cosigned) -> None:
        size = cosigned.size
        root = self._inboxes[division].witness.root_of(cosigned, self._clock.now())
        ours = await self._records.root_at(division, size)
        if ours is None:
            if size > self._lacking.get(division, (0, b""))[0] or division not in self.ahead:
                self._lacking[division] = size, root
            self.ahead[division] = (
                f"the bureau has cosigned {size} records of this log, more than this database"
                " holds: it was restored from an older copy"
            )
            raise BureauUnproven(self.ahead[division])
        if root != ours:
            raise BureauUnproven(f"at size {size} it holds another history than this log")

    async def _run_records_of(self, division: str) -> None:
        wake = self._wakes[division]
        while True:
            await wake.wait()
            wake.clear()
            if self._office.held:
                await asyncio.sleep(await self.guarded("records", division, self.deliver))
            else:
                self._forget("records", division)

    async def _run_notices_of(self, division: str) -> None:
        while True:
            await asyncio.sleep(IDLE_S)
            if self._office.held:
                await asyncio.sleep(await self.guarded("notices", division, self.notify))
            else:
                self._forget("notices", division)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S * 10):
                await self._sealed.wait()
        except TimeoutError:
            return

    async def guarded(
        self, what: str, division: str, work: Callable[[str], Awaitable[int]]
    ) -> float:
        """Seconds to pause before more of it. A bureau or a database that fails ends no worker."""
        key = what, division
        try:
            await work(division)
        except BureauUnproven as reason:
            self._tell(what, division, str(reason))
        except (BureauUnavailable, LedgerUnavailable) as reason:
            self._postponed[key] = str(reason)
            log.warning("delivery.postponed", what=what, division=division, reason=str(reason))
        else:
            self._forget(what, division)
            return 0.0
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return min(RETRY_S * 2.0 ** min(failures - 1, 8), RETRY_S_MAX)

    def _forget(self, what: str, division: str) -> None:
        """It goes well, or another process does it and says how it goes."""
        for kept in (self._failures, self._troubles, self._postponed):
            kept.pop((what, division), None)

    def _tell(self, what: str, division: str, reason: str) -> None:
        key, now = (what, division), self._clock.monotonic()
        self._troubles[key] = f"{what}: {reason}"
        if now - self._told.get(key, -TOLD_EVERY_S) >= TOLD_EVERY_S:
            self._told[key] = now
            log.error("delivery.refused", what=what, division=division, reason=reason)
