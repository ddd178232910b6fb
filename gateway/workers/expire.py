"""Expire: end holds that nobody released in time, and put overdrawn limits on record."""

import datetime as dt
from collections.abc import Mapping

import attrs
import structlog

from gateway.domain.holds import Ending
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft
from gateway.domain.limits import spelled
from gateway.domain.records import RecordKind, unnumbered
from gateway.domain.refunds import Overdraft
from gateway.domain.seldom import LASTING_S, Seldom
from gateway.hold_ports import Holds, Overdrafts
from gateway.pipeline.endings import expiry
from gateway.pipeline.tell import Origin, microseconds
from gateway.ports import Clock, Ledger
from gateway.workers.office import Office

LOOK_S = 2.0
BATCH_MAX = 200
DAY_S = 86_400.0
CLOCKS_APART = dt.timedelta(minutes=10)
"""A decision that is still on its way into the ledger is younger than this."""

SWEEP = dt.timedelta(minutes=5)
"""How often it is noted up to when everything held has ended."""

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Keeping:
    """The rooms in which holds and limits are kept."""

    holds: Holds
    overdrafts: Overdrafts
    ledger: Ledger


class Expiring:
    """The office holder's work. `expire_s`: how long a hold may wait for the bureau."""

    def __init__(
        self, office: Office, keeping: Keeping, clock: Clock, origin: Origin,
        divisions: tuple[str, ...], expire_s: float, behind: Mapping[str, str],
    ) -> None:  # fmt: skip
        """`behind`: divisions whose database has forgotten what it decided (decision 0065): what
        stands there as held may be released and paid, and nobody is told that it expired."""
        self._office = office
        self._keeping = keeping
        self._clock = clock
        self._origin = origin
        self._divisions = divisions
        self._expire_s = expire_s
        self._behind = behind
        self._odd = Seldom(LASTING_S)
        self._swept: dict[str, dt.datetime] = {}

    async def run(self) -> None:
        await self._office.rounds(LOOK_S, self.look, "expiry.postponed")

    async def look(self) -> int:
        """One turn over all divisions; how many holds were ended. Raises LedgerUnavailable."""
        return await self._office.in_turn(self._divisions, self._look)

    async def _look(self, division: str) -> int:
        if division in self._behind:
            return 0
        ended = await self._expire(division)
        await self._tell_overdrafts(division)
        return ended

    async def _expire(self, division: str) -> int:
        now = self._clock.now()
        due = now - dt.timedelta(seconds=self._expire_s)
        holds = await self._keeping.holds.open_holds(division, due, BATCH_MAX)
        ended = 0
        for hold in holds:
            ending = await self._ending(hold.key, now)
            if ending and await self._keeping.holds.end(ending):
                ended += 1
                log.info("hold.expired", instruction=str(hold.key))
        before = due - CLOCKS_APART
        if not holds and before - self._swept.get(division, before - SWEEP) >= SWEEP:
            await self._keeping.holds.swept(division, before)
            self._swept[division] = before
        return ended

    async def _ending(self, key: InstructionKey, now: dt.datetime) -> Ending | None:
        """None: what is kept of it cannot be read (a newer release that was put back since may have
        written it). It stays held, which pays nothing, and keeps no other from its end."""
        standing = await self._keeping.ledger.standing(key)
        try:
            if standing is None:
                raise LookupError("nothing is kept of it")
            return expiry(standing, self._expire_s / DAY_S, self._origin, now)
        except Exception as odd:  # noqa: BLE001 (whatever is wrong with one, the others end)
            if self._odd.due(str(key), self._clock.monotonic()) is not None:
                log.error("hold.unreadable", instruction=str(key), reason=repr(odd))
            return None

    async def _tell_overdrafts(self, division: str) -> None:
        for overdraft in await self._keeping.overdrafts.untold(division, BATCH_MAX):
            record = self._overdrawn(division, overdraft)
            if await self._keeping.overdrafts.tell(division, overdraft, record):
                log.error("limit.overdrawn", division=division, limit=spelled(overdraft.limit.key))

    def _overdrawn(self, division: str, overdraft: Overdraft) -> RecordDraft:
        limit = overdraft.limit
        fields = {
            "bank": self._origin.bank,
            "division": division,
            "frozen_fen": limit.frozen_fen,
            "granted_fen": limit.granted_fen,
            "id": limit.key.id,
            "kind": RecordKind.LIMIT_OVERDRAWN,
            "limit": limit.key.kind,
            "noted_at": microseconds(overdraft.noted_at),
            "opening_fen": limit.opening_fen,
            "origin": self._origin.uri,
            "posted_fen": limit.posted_fen,
            "recorded_at": microseconds(self._clock.now()),
            "reserved_fen": limit.reserved_fen,
        }
        body = unnumbered(fields)
        return RecordDraft(kind=RecordKind.LIMIT_OVERDRAWN, subject=limit.key.id, body=body)
