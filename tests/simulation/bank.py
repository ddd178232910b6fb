"""A bank core that pays whatever it is handed, each time: silent, late, refusing, not to be found.

It keeps what it declares: after `horizon_s` of not being found nothing takes effect any more, and
what was once found is never not found again. In some weathers it lies about single payments, and
its own books show it.
"""

import asyncio
import datetime as dt
from collections.abc import Callable
from random import Random

import attrs

from gateway.domain.bank import (
    BankAnswer,
    BankConduct,
    BankOutcome,
    EnquiryAnswer,
    EnquiryOutcome,
    LeftOut,
)
from gateway.domain.conduct import BankEntry, Direction
from gateway.domain.faults import BankSilent
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admission
from gateway.domain.money import Fen
from tests.pipeline.fakes import NOW, SUPPLIER, ZERO_BALANCE
from tests.simulation.database import Host
from tests.simulation.diary import Diary
from tests.simulation.weather import Weather

DEADLINE_S = 2.0
"""How long a gateway waits for an answer."""
WAY_S = 0.01
NO_HORIZON_S = 30.0
"""How long a core that declares none may not find what it pays: longer than until it is a task."""
_SILENT = EnquiryAnswer(outcome=EnquiryOutcome.SILENT)
_NOT_FOUND = EnquiryAnswer(outcome=EnquiryOutcome.NOT_FOUND)
_PENDING = EnquiryAnswer(outcome=EnquiryOutcome.PENDING)
_UNKNOWN = BankAnswer(outcome=BankOutcome.UNKNOWN)


@attrs.define(kw_only=True)
class Handed:
    """What the core knows of one key."""

    times: int = 0
    paid: int = 0
    lied: bool = False
    """Paid, and called refused: its own books say so."""
    slipped: bool = False
    """Its back office has told the contrary of what it did, after that was settled."""
    outcome: BankOutcome | None = None
    """Once it has taken effect; None while it is parked, or if it was lost."""
    lost: bool = False
    """It never takes effect, and leaves no trace."""
    told_from: float = 0.0
    """Before that moment it is not found, whatever has become of it."""
    pending_from: float = float("inf")
    """From then on it is parked and says so, until it takes effect: what was found stays found."""


class Core:
    """`passed` tells the durable pass of this key that stands at this very moment, if one does;
    `refused` why it may be forwarded no more, or is empty."""

    def __init__(
        self, weather: Weather, diary: Diary,
        passed: Callable[[InstructionKey], Admission | None],
        refused: Callable[[InstructionKey], str],
    ) -> None:  # fmt: skip
        self.conduct = BankConduct(idempotent=False, enquiry=True, horizon_s=weather.horizon_s)
        self.handed: dict[InstructionKey, Handed] = {}
        self.down = False
        self.calm = False
        self._weather = weather
        self._diary = diary
        self._passed = passed
        self._refused = refused
        self.heard: dict[InstructionKey, tuple[Host, BankOutcome]] = {}
        """The word on each payment that a process has in hand, unless it has none, or is dead."""
        self.movements: list[BankEntry] = []
        self.taking_back = 0
        """How many payments it will still take back."""
        self.given_back: dict[InstructionKey, list[int]] = {}
        """What came back to it of honest payments, one after the other."""
        self._rng = Random(f"bank/{weather.seed}")

    def reached_by(self, host: Host) -> "Branch":
        return Branch(self, host, self._rng)

    def take(self, key: InstructionKey, answer: "asyncio.Future[BankAnswer]") -> None:
        """The bytes are here. What becomes of them is decided now, once for each time."""
        if self.down:
            self._diary.meet("lost on the way to the bank", key.voucher_no)
            return
        if self._passed(key) is None:
            self._diary.accuse(f"I1 {key}: at the bank without a durable pass")
        elif why := self._refused(key):
            self._diary.accuse(f"I10 {key}: {why}")
        loop, rng = asyncio.get_running_loop(), self._rng
        handed = self.handed.setdefault(key, Handed())
        handed.times += 1
        if handed.times > 1:
            self._diary.accuse(f"I2 {key}: handed over {handed.times} times")
        outcome = BankOutcome.REJECTED if rng.random() < 0.15 else BankOutcome.ACCEPTED
        if self.calm or rng.random() >= self._weather.silent:
            loop.call_later(rng.uniform(0, 0.05), self._effect, key, outcome, answer)
        elif rng.random() < 0.3:
            self._diary.meet("taken by nobody", key.voucher_no)
            handed.lost = True
        else:
            loop.call_later(self._delay(handed), self._effect, key, outcome, None)

    def _delay(self, handed: Handed) -> float:
        """Until it takes effect in silence: never longer than it may be parked without a word."""
        loop, rng = asyncio.get_running_loop(), self._rng
        span, now = (self.conduct.horizon_s or NO_HORIZON_S) - 0.1, loop.time()
        how = rng.random()
        if how < 0.3:
            return rng.uniform(0, 0.05)
        if how < 0.5:
            handed.told_from = now + rng.uniform(0, span)
            return rng.uniform(0, handed.told_from - now)
        if how < 0.7:
            return rng.uniform(0, span)
        parked = rng.uniform(0, span)
        handed.pending_from = now + parked
        return rng.uniform(parked, 3 * span)

    def _effect(
        self, key: InstructionKey, outcome: BankOutcome,
        answer: "asyncio.Future[BankAnswer] | None",
    ) -> None:  # fmt: skip
        handed = self.handed[key]
        if outcome is BankOutcome.ACCEPTED:
            handed.paid += 1
            self._move(key, Direction.DEBIT)
            if not self.calm and self._rng.random() < self._weather.lies:
                handed.lied, outcome = True, BankOutcome.REJECTED
                self._diary.meet("paid, and called refused", key.voucher_no)
                if self._rng.random() < 0.5:
                    self.taking_back += 1
                    later = self._rng.uniform(1.0, 60.0)
                    asyncio.get_running_loop().call_later(later, self._move, key, Direction.CREDIT)
        handed.outcome = outcome
        self._diary.note("bank", key.voucher_no, outcome)
        if answer is None:
            self._diary.meet("taken in silence", key.voucher_no)
        elif not self.down and not answer.done():
            asyncio.get_running_loop().call_later(
                self._rng.expovariate(1 / WAY_S), _told, answer,
                BankAnswer(outcome=outcome, reference=f"R{key.voucher_no}"),
            )  # fmt: skip

    def _move(self, key: InstructionKey, direction: Direction) -> None:
        """In its own books, which do not lie."""
        passed = self._passed(key)
        if passed is None:
            return
        if direction is Direction.CREDIT:
            self.taking_back -= 1
            self._diary.meet("taken back by the bank", key.voucher_no)
        self._book(key, direction, passed.amount_fen)

    def give_back(self, key: InstructionKey, amount_fen: int) -> None:
        """The payee's bank did; it is told as a return (`tellers.py`)."""
        self.given_back.setdefault(key, []).append(amount_fen)
        self._book(key, Direction.CREDIT, amount_fen)

    def _book(self, key: InstructionKey, direction: Direction, amount_fen: int) -> None:
        place = len(self.movements) + 1
        self.movements.append(
            BankEntry(
                division=key.division, id=f"M{place}", account=ZERO_BALANCE, direction=direction,
                booked_at=NOW + dt.timedelta(seconds=asyncio.get_running_loop().time()),
                amount_fen=Fen(amount_fen), key=key, reference=f"R{key.voucher_no}",
                counter_account=SUPPLIER, counter_name="",
            )
        )  # fmt: skip

    def net_fen(self, key: InstructionKey) -> int:
        """What its books leave gone of a payment."""
        signs = {Direction.DEBIT: 1, Direction.CREDIT: -1}
        return sum(signs[e.direction] * e.amount_fen for e in self.movements if e.key == key)

    def told(self, key: InstructionKey) -> EnquiryAnswer:
        if self.down or (not self.calm and self._rng.random() < 0.1):
            return _SILENT
        handed, now = self.handed.get(key), asyncio.get_running_loop().time()
        if handed is None:
            return _NOT_FOUND
        if handed.outcome is None:
            return _PENDING if now >= handed.pending_from else _NOT_FOUND
        if now < handed.told_from:
            self._diary.meet("paid, and not found", key.voucher_no)
            return _NOT_FOUND
        return EnquiryAnswer(
            outcome=EnquiryOutcome(handed.outcome.value), reference=f"R{key.voucher_no}"
        )


class Branch:
    """`gateway.ports.Bank`, as one gateway's process reaches it."""

    strain = ""

    def __init__(self, core: Core, host: Host, rng: Random) -> None:
        self._core = core
        self._host = host
        self._rng = rng
        self.conduct = core.conduct

    async def reach(self) -> bool:
        return not self._core.down

    async def submit(
        self, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None = None
    ) -> BankAnswer:
        """The bytes leave in the very moment of the call, as from a process that runs."""
        loop, way = asyncio.get_running_loop(), self._rng.expovariate(1 / WAY_S)
        if self._core.down:
            await asyncio.sleep(way)
            return await self._heard(
                key, BankAnswer(outcome=BankOutcome.NOT_TAKEN, reason="no connection")
            )
        answer: asyncio.Future[BankAnswer] = loop.create_future()
        loop.call_later(way, self._arrive, key, answer)
        try:
            async with asyncio.timeout(DEADLINE_S):
                word = await answer
        except TimeoutError:
            word = _UNKNOWN
        return await self._heard(key, word)

    async def _heard(self, key: InstructionKey, word: BankAnswer) -> BankAnswer:
        await self._host.awake()
        if word.outcome is not BankOutcome.UNKNOWN:
            self._core.heard[key] = self._host, word.outcome
        return word

    def _arrive(self, key: InstructionKey, answer: "asyncio.Future[BankAnswer]") -> None:
        self._core.take(key, answer)
        self._host.reached("submit")

    async def entries(self, after: str | None, limit: int) -> tuple[list[BankEntry], str | None]:
        """`gateway.conduct_ports.BankBooks`."""
        await self._host.awake()
        await asyncio.sleep(self._rng.expovariate(1 / WAY_S))
        if self._core.down:
            raise BankSilent("no connection")
        start = int(after or 0)
        found = self._core.movements[start : start + limit]
        await asyncio.sleep(self._rng.expovariate(1 / WAY_S))
        await self._host.awake()
        return found, str(start + len(found)) if found else None

    async def enquire(self, key: InstructionKey) -> EnquiryAnswer:
        await self._host.awake()
        await asyncio.sleep(self._rng.expovariate(1 / WAY_S))
        told = self._core.told(key)
        self._host.reached(f"enquire {told.outcome}")
        await asyncio.sleep(self._rng.expovariate(1 / WAY_S))
        await self._host.awake()
        return told


def _told(answer: "asyncio.Future[BankAnswer]", word: BankAnswer) -> None:
    if not answer.done():
        answer.set_result(word)
