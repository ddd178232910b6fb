"""One gateway process: the real line and the real workers, over ports of this world.

It may be stopped (nothing of it goes on until it wakes) or killed: then no step of it is taken any
more, while what it had sent is on its way.
"""

import asyncio
import datetime as dt
from collections import ChainMap
from collections.abc import Callable, Coroutine, Mapping, MutableMapping, Sequence
from random import Random
from typing import Any, TypeVar, cast

import attrs

from gateway.domain.answer import Answer
from gateway.domain.conduct_rules import Allowances
from gateway.domain.faults import Fault, FaultCode, LedgerUnavailable, Unready
from gateway.domain.instruction import Received
from gateway.domain.ledger import RecordDraft
from gateway.domain.refunds import Handed, Overdraft, RefundResult
from gateway.pipeline.line import FORWARD_WITHIN_S, Line, Rooms
from gateway.pipeline.outcome import Outcome, Outcomes, OutcomeTaken
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.refund import MoneyBack
from gateway.pipeline.release import Release
from gateway.pipeline.returns import Alarm, Returning
from gateway.pipeline.tell import Origin
from gateway.ports import RecordSealer, RegisterShelf
from gateway.workers.ask import Asking
from gateway.workers.ask_again import AskingAgain
from gateway.workers.clocks import Clocks
from gateway.workers.conduct import Conduct
from gateway.workers.deliver import Delivering, Inbox
from gateway.workers.enquire import Enquiring
from gateway.workers.expire import Expiring, Keeping
from gateway.workers.mark import Marking
from gateway.workers.office import Office
from gateway.workers.release import Releasing
from gateway.workers.seal import Sealing
from gateway.workers.unwritten import Writing
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.memory.recordlog import MemoryRecordLog
from tests.pipeline.fakes import DIVISION, NOW, SENDER, OpenCommitments, OpenGate
from tests.simulation.bank import DEADLINE_S, Core
from tests.simulation.bureau import Bureau
from tests.simulation.conduct import Books
from tests.simulation.database import Database, Host
from tests.simulation.diary import Diary
from tests.simulation.mark import HostMark, OwnLog
from tests.simulation.rules import Rules, Wording
from tests.simulation.server import DatabaseClock, KeptAtOnce

ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")
T = TypeVar("T")
EXPIRE_S = 20.0
"""How long a hold waits for the bureau here."""


class SetClock:
    """The wall clock may be set; the monotonic one is the loop's."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return NOW + dt.timedelta(seconds=self.monotonic()) + self.ahead

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class OpenRegistry:
    def verify_document(self, body: bytes, signature: str, at: dt.datetime | None = None) -> str:
        return SENDER


class NoOverdrafts:
    async def untold(self, division: str, limit: int) -> list[Overdraft]:
        return []

    async def tell(self, division: str, overdraft: Overdraft, record: RecordDraft) -> bool:
        raise AssertionError("none was told of")


@attrs.frozen(kw_only=True)
class Town:
    """What all processes share."""

    database: Database
    core: Core
    bureau: Bureau
    diary: Diary
    shelf: RegisterShelf
    sealer: RecordSealer
    mark: HostMark
    rules: Rules
    wording: Wording


class Gateway(Host):
    def __init__(self, town: Town, name: str, clock: SetClock, rng: Random) -> None:
        self.name = name
        self.dead = False
        self.struck_at = {}
        self.clock = clock
        self._town = town
        self._rng = rng
        self._wakes_at = 0.0
        self._carrying = 0
        self._unmarked: dict[str, str] = {}
        self._opened = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._visitors: dict[asyncio.Future[Any], None] = {}
        """In the order in which they came: a set has another one in each process."""
        self.records = MemoryRecordLog(town.database.state)
        self._open()

    @property
    def busy(self) -> bool:
        """Whether it sleeps, or has an instruction in hand whose sender may be long gone, or the
        bank's word on one that is not on record."""
        return not self.dead and bool(self._carrying or self._asleep or self._line.unwritten)

    @property
    def shut(self) -> str:
        """Why it takes its database for an older copy, or cannot tell; empty if it does not."""
        return "" if self.dead else self._unmarked.get(DIVISION, "")

    @property
    def _asleep(self) -> bool:
        return asyncio.get_running_loop().time() < self._wakes_at

    async def awake(self) -> None:
        while True:
            if self.dead:
                raise asyncio.CancelledError
            pause = self._wakes_at - asyncio.get_running_loop().time()
            if pause <= 0:
                return
            await asyncio.sleep(pause)

    def stop_for(self, seconds: float) -> None:
        """SIGSTOP and, later, SIGCONT. The server drops a session that does not answer."""
        self._wakes_at = max(self._wakes_at, asyncio.get_running_loop().time() + seconds)
        self._lose_office()

    def kill(self) -> None:
        self.dead = True
        for task in tuple(self._tasks):
            task.cancel()
        for visitor in self._visitors:
            if not visitor.done():
                visitor.set_result(None)
        self._lose_office()

    async def hear(self, received: Received, patience_s: float) -> Answer | Fault | None:
        """What a visitor hears; None: silence, and the instruction may be on its way."""
        return await self._visited(lambda: self._line.carry(received), patience_s)

    async def told(
        self, told: Outcome, handed: Handed, patience_s: float
    ) -> OutcomeTaken | Fault | None:
        """What the bank hears to what it tells."""
        return await self._visited(lambda: self._outcomes.take(told, handed), patience_s)

    async def returned(
        self, back: MoneyBack, handed: Handed, patience_s: float
    ) -> RefundResult | Fault | None:
        """The same of money that came back, by the door of its own."""
        return await self._visited(lambda: self._returning.take(back, handed), patience_s)

    async def _visited(
        self, work: Callable[[], Coroutine[Any, Any, T]], patience_s: float
    ) -> T | Fault | None:
        heard: asyncio.Future[T | Fault | None] = asyncio.get_running_loop().create_future()
        if self.dead:
            return None
        self._visitors[heard] = None
        self._begin(self._carry(work, heard))
        done, _ = await asyncio.wait({heard}, timeout=patience_s)
        self._visitors.pop(heard, None)
        return heard.result() if done else None

    async def _carry(
        self, work: Callable[[], Coroutine[Any, Any, T]], heard: "asyncio.Future[T | Fault | None]"
    ) -> None:
        said: T | Fault | None
        self._carrying += 1
        try:
            await self._opened.wait()
            await self.awake()
            said = await work()
        except LedgerUnavailable:
            said = Unready(FaultCode.LEDGER_UNAVAILABLE, "not known; send it again")
        except Fault as fault:
            said = fault
        except Exception as broken:  # noqa: BLE001 - our own mistake, whatever it is
            self._town.diary.accuse(f"the line broke: {broken!r}")
            said = None
        finally:
            self._carrying -= 1
        if not heard.done():
            heard.set_result(said)

    def _open(self) -> None:
        town, state = self._town, self._town.database.state
        kept = KeptAtOnce()
        plain = MemoryLedger(state, instance=self.name)
        ledger = town.database.reached_by(self, plain, kept)
        holds = town.database.reached_by(self, MemoryHolds(state, plain), kept)
        records = town.database.reached_by(self, self.records, kept)
        books = town.database.reached_by(self, Books(state, plain, town.database.cursors), kept)
        bank, post = town.core.reached_by(self), town.bureau.reached_by(self)
        ahead: dict[str, str] = {}
        unmarked = self._unmarked
        clock_there = town.database.reached_by(self, DatabaseClock())
        clocks = Clocks(clock_there, self.clock, (DIVISION,))
        behind = ChainMap(ahead, unmarked, cast(MutableMapping[str, str], clocks))
        rooms = Rooms(
            gatekeeper=OpenGate(), formats={"json": town.wording}, shelf=town.shelf,
            book=town.rules, committer=OpenCommitments(), ledger=ledger, bank=bank,
            clock=self.clock, origin=ORIGIN, divisions=frozenset({DIVISION}), behind=behind,
        )  # fmt: skip
        self._line = Line(rooms)
        office = Office(records)
        office.unfit = clocks.unfit
        sealing = Sealing(office, records, town.sealer, ledger, self.clock, ORIGIN, (DIVISION,))
        inboxes: Mapping[str, Inbox] = {DIVISION: Inbox(bureau=post, witness=post)}
        delivering = Delivering(
            office, records, inboxes, rooms.gatekeeper, self.clock, sealing.sealed
        )
        delivering.ahead = ahead
        sealing.greet, sealing.halted = delivering.greet, behind
        marking = Marking(
            records, {DIVISION: OwnLog()}, town.mark, delivering.greet, self.clock
        )  # fmt: skip
        marking.behind, marking.ahead = unmarked, ahead
        marking.seen, marking.lost = kept.sealed, lambda: kept.forgot
        kept.told = town.mark.seen
        asking, again = (
            Asking(ledger, bank, self.clock, ORIGIN, books.debit, FORWARD_WITHIN_S + DEADLINE_S)
            for _ in range(2)
        )
        enquiring = Enquiring(office, ledger, self.clock, asking)
        writing = Writing(self._line, ledger, self.clock, ORIGIN, books.debit)
        reconciling = Reconciling(
            store=books, shelf=town.shelf, formats=rooms.formats, origin=ORIGIN,
            allowances=Allowances(), behind=behind,
        )  # fmt: skip
        conduct = Conduct(office, reconciling, bank, self.clock, (DIVISION,))
        alarm = Alarm(store=books, origin=ORIGIN)
        self._returning = Returning(
            ledger=ledger, refunds=holds, clock=self.clock, alarm=alarm, behind=behind
        )  # fmt: skip
        self._outcomes = Outcomes(
            ledger=ledger, returning=self._returning, alarm=alarm, clock=self.clock, origin=ORIGIN
        )  # fmt: skip
        release = Release(rooms, self._line, holds, OpenRegistry())
        keeping = Keeping(holds=holds, overdrafts=NoOverdrafts(), ledger=ledger)
        expiring = Expiring(office, keeping, self.clock, ORIGIN, (DIVISION,), EXPIRE_S, behind)
        works = (
            office.run, sealing.run, delivering.run_records, delivering.run_notices,
            conduct.run, enquiring.run, AskingAgain(office, ledger, self.clock, again).run,
            writing.run, Releasing(office, holds, release).run,
            expiring.run, marking.run, clocks.run,
        )  # fmt: skip
        self._begin(self._start(marking, works))

    async def _start(
        self, marking: Marking, works: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    ) -> None:
        """The door opens once it is known how far the log had come."""
        await marking.open()
        self._opened.set()
        for work in works:
            self._begin(self._guarded(work))

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A worker that dies stops the program."""
        await asyncio.sleep(self._rng.uniform(0, 0.5))
        try:
            await work()
        except Exception as broken:  # noqa: BLE001 - our own mistake, whatever it is
            self._town.diary.accuse(f"a worker broke: {broken!r}")
            self.kill()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _lose_office(self) -> None:
        if self._town.database.state.leader is self.records:
            self._town.database.state.leader = None
