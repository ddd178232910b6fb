"""One run: agencies send, the nemesis strikes, everything is healed, and all are asked again."""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Iterator
from random import Random

import attrs

from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Action, Outcome, restored
from gateway.domain.faults import Fault, Unready
from gateway.domain.holds import HoldEnding, name_of
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admission, OpenPayment
from gateway.domain.releases import (
    Verdict,
    decision_bytes,
    read_order,
)
from gateway.pipeline.conduct_words import found_out
from gateway.ports import RecordSealer
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.memory.registers import MemoryRegisters
from tests.orders import order_by_two
from tests.pipeline.fakes import DIVISION, NOW
from tests.simulation.bank import Core
from tests.simulation.bureau import Bureau
from tests.simulation.conduct import Books
from tests.simulation.database import Database
from tests.simulation.diary import Diary
from tests.simulation.mark import HostMark
from tests.simulation.nemesis import Nemesis
from tests.simulation.orders import Order, draw
from tests.simulation.process import ORIGIN, Gateway, SetClock, Town
from tests.simulation.registrar import Registrar
from tests.simulation.restored import Restore
from tests.simulation.rules import Rules, Wording
from tests.simulation.tellers import Tellers
from tests.simulation.transaction import at_once
from tests.simulation.weather import Weather

PATIENCE_S = 4.0
"""How long a clerk waits for an answer before sending the same again."""
TRIES_MAX = 100
HEALED_WITHIN_S = 240.0
LOOK_S = 0.5


@attrs.frozen
class Heard:
    order: Order
    said: Answer | Fault


class World:
    def __init__(self, weather: Weather, sealer: RecordSealer, diary: Diary) -> None:
        self.weather = weather
        self.diary = diary
        self.database = Database(weather, diary)
        self.state = self.database.state
        self.core = Core(weather, diary, self._passed, self._refused)
        self.bureau = Bureau(weather, diary)
        self.orders = draw(weather)
        self.heard: list[Heard] = []
        self.again: list[Heard] = []
        self._rng = Random(f"world/{weather.seed}")
        self._clocks: list[SetClock] = []
        self._versions = 0
        self._healed_at = 0.0
        shelf = MemoryRegisters(self.state)
        self.registrar = Registrar(weather, diary, self.database, shelf)
        self.registrar.open()
        wording = Wording({each.received.raw: each.instruction for each in self.orders})
        self.mark = HostMark()
        self._town = Town(
            database=self.database, core=self.core, bureau=self.bureau, diary=diary, shelf=shelf,
            sealer=sealer, mark=self.mark, rules=Rules(weather.cash_max_fen), wording=wording,
        )  # fmt: skip
        self.gateways: list[Gateway] = []
        self.restore = Restore(self)
        self.registrar.pauses = lambda: self.older

    async def live(self) -> None:
        self._clocks = [SetClock() for _ in range(self.weather.gateways)]
        self.gateways = [self._gateway(place) for place in range(self.weather.gateways)]
        nemesis = Nemesis(self)
        async with asyncio.TaskGroup() as group:
            waiting = iter(self.orders)
            clerks = [
                group.create_task(self._clerk(number, waiting))
                for number in range(self.weather.clerks)
            ]
            storm = group.create_task(nemesis.strike_for(self.weather.storm_s))
            tellers = Tellers(self)
            telling = group.create_task(tellers.bank())
            works = (
                self._desk,
                tellers.operators,
                self.registrar.publish,
                self.restore.operator,
            )
            officers = group.create_task(self._officers())
            restored = group.create_task(self.restore.happen())
            people = [group.create_task(work()) for work in works]
            await asyncio.wait([storm, restored])
            self._heal()
            tellers.over = True
            await asyncio.wait([*clerks, telling])
            await self._opened()
            for each in people:
                each.cancel()
            await self._quiet()
            officers.cancel()
        await self._ask_again()
        await self._quiet()

    def start_again(self, place: int) -> None:
        self.diary.note("starts", self.gateways[place].name)
        self.gateways[place] = self._gateway(place)

    @property
    def older(self) -> bool:
        """Whether a copy that forgot stands in the database's place: what the people do is with the
        newest, and waits for it."""
        return self.restore.newest is not None

    def look_anew(self) -> None:
        self.registrar.look_anew()

    def _gateway(self, place: int) -> Gateway:
        self._versions += 1
        name = f"gateway-{place}.{self._versions}"
        return Gateway(self._town, name, self._clocks[place], Random(f"{name}/{self.weather.seed}"))

    def _heal(self) -> None:
        """Nothing more goes wrong, and every clock is right; what is dead or down comes back."""
        self.diary.note("healed")
        self._healed_at = asyncio.get_running_loop().time()
        for party in (self.database, self.core, self.bureau):
            party.calm = True
        for clock in self._clocks:
            clock.ahead *= 0

    async def _opened(self) -> None:
        """What was found lost stays shut, also on the newest copy, until an operator has been."""
        await asyncio.sleep(2.0)
        deadline = asyncio.get_running_loop().time() + HEALED_WITHIN_S
        while self.restore.shut:
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(LOOK_S)

    async def _clerk(self, number: int, waiting: Iterator[Order]) -> None:
        rng = Random(f"clerk/{number}/{self.weather.seed}")
        for order in waiting:
            said = await self._sent(order, rng)
            if said is not None:
                self.heard.append(Heard(order, said))
            await asyncio.sleep(rng.expovariate(4.0))

    async def _sent(self, order: Order, rng: Random) -> Answer | Fault | None:
        """The same bytes until somebody answers, whichever gateway it is."""
        number = order.received.raw.decode()
        for _ in range(TRIES_MAX):
            await asyncio.sleep(rng.expovariate(200.0))
            said = await rng.choice(self.gateways).hear(order.received, PATIENCE_S)
            if said is not None and not isinstance(said, Unready):
                self.diary.note("heard", number, _words(said))
                return said
            self.diary.meet("sent again", number, "silence" if said is None else said.code)
            await asyncio.sleep(rng.uniform(0.05, 1.0))
        self.diary.accuse(f"{number}: {TRIES_MAX} times without an answer")
        return None

    async def _desk(self) -> None:
        """The bureau's officers: of what is held some is released, some refused, some left to
        expire. Their feed comes whole; what carries it out is the gateways' work."""
        rng = Random(f"desk/{self.weather.seed}")
        holds = MemoryHolds(self.state, MemoryLedger(self.state, instance="desk"))
        seen: set[InstructionKey] = set()
        version = 0
        while True:
            await asyncio.sleep(rng.uniform(0.2, 1.0))
            if self.older:
                continue
            for key, admission in list(self.state.instructions.items()):
                if key in seen or admission.outcome is not Outcome.HOLD:
                    continue
                seen.add(key)
                for _ in range(rng.choice((0, 1, 1, 1, 2))):
                    version += 1
                    verdict = rng.choice((Verdict.RELEASE, Verdict.RELEASE, Verdict.REFUSE))
                    body = self._ordered(key, verdict, version)
                    signed = body, "jws", "bureau"
                    order = read_order(body)
                    at_once(holds.take_feed(DIVISION, version, signed, [order], [body], NOW))
                    self.diary.note("ordered", key.voucher_no, verdict)

    def _ordered(self, key: InstructionKey, verdict: Verdict, version: int) -> bytes:
        admission = self.state.instructions[key]
        held = restored(admission.decision).findings
        names = [name_of(each) for each in held if each.action is Action.HOLD]
        if verdict is Verdict.REFUSE:
            names = []
        at = NOW.replace(microsecond=version)
        decision = decision_bytes(
            key, hashlib.sha256(admission.raw).digest(), verdict, names, "材料已补齐",
            (at, at.replace(year=at.year + 1)),
        )  # fmt: skip
        return order_by_two(decision, at)

    async def _quiet(self) -> None:
        """Until nothing is under way but what a person must look into."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + HEALED_WITHIN_S
        while waiting := self._waiting():
            if loop.time() > deadline:
                self.diary.accuse(f"still waiting: {waiting}")
                return
            await asyncio.sleep(LOOK_S)

    def _waiting(self) -> str:
        state = self.state
        if any(gateway.busy for gateway in self.gateways):
            return "a gateway that sleeps, or has not answered"
        if any(not payment.operator_task for payment in state.open_payments.values()):
            return "an open payment"
        if any(map(self.could_tell, state.open_payments)):
            return "an operator's task that the bank could end"
        if any(map(self._unasked, state.open_payments.values())):
            return "an operator's task that nobody has asked the bank about since"
        if any(not (each.lost or each.outcome) for each in self.core.handed.values()):
            return "a payment that the bank has not got to"
        if state.open_releases:
            return "an order of the bureau"
        if state.notices or any(state.pending.values()):
            return "a notice or a record"
        if any(log.acknowledged_size < len(log.records) for log in state.logs.values()):
            return "an acknowledgement"
        if any(len(self.bureau.copy) < len(log.records) for log in state.logs.values()):
            return "a bureau that forgot, until it is told something (a heartbeat)"
        if self._told_in_two_ways():
            return "two words that nobody has found out about"
        if self.core.taking_back or len(state.entries) < len(self.core.movements):
            return "movements that were not read"
        for key, settled in state.settlements.items():
            turns = state.set_aside.get(key)
            posted = turns[-1].posted if turns else False
            if settled.bank is BankOutcome.ACCEPTED or posted:
                continue
            if (posted is None) is not (self.core.net_fen(key) > 0):
                return "a contradiction that nobody has seen or ended"
        return ""

    def _unasked(self, payment: OpenPayment) -> bool:
        healed = NOW + dt.timedelta(seconds=self._healed_at)
        return payment.asked_at is None or payment.asked_at < healed

    def could_tell(self, key: InstructionKey) -> bool:
        """Whether the bank's answer, and its books beside it, say what became of it."""
        handed = self.core.handed.get(key)
        if handed is None or handed.outcome is None:
            return False
        return handed.outcome is BankOutcome.ACCEPTED or self.core.net_fen(key) <= 0

    async def _ask_again(self) -> None:
        rng = Random(f"again/{self.weather.seed}")
        for order in dict.fromkeys(heard.order for heard in self.heard):
            said = await self._sent(order, rng)
            if said is not None:
                self.again.append(Heard(order, said))

    def _passed(self, key: InstructionKey) -> Admission | None:
        state = self.restore.newest or self.state
        admission, end = state.instructions.get(key), state.hold_ends.get(key)
        if admission is None:
            return None
        released = end is not None and end.how is HoldEnding.RELEASED
        return admission if admission.outcome is Outcome.PASS or released else None

    def _refused(self, key: InstructionKey) -> str:
        state = self.restore.newest or self.state
        end = state.hold_ends.get(key)
        return self.registrar.refused(end.decision if end else state.instructions[key].decision)

    def _told_in_two_ways(self) -> list[InstructionKey]:
        ledger = MemoryLedger(self.state, instance="officers")
        slipped = [key for key, handed in self.core.handed.items() if handed.slipped]
        return [key for key in slipped if key in self.state.settlements and ledger.disputed(key)]

    async def _officers(self) -> None:
        """Two of the bank's officers end some of what its books contradict, as these have it, and
        at last all that it only said."""
        rng = Random(f"officers/{self.weather.seed}")
        ledger = MemoryLedger(self.state, instance="officers")
        books = Books(self.state, ledger, self.database.cursors)
        while True:
            await asyncio.sleep(rng.uniform(5.0, 15.0))
            if self.older:
                continue
            for key, turns in list(self.state.set_aside.items()):
                debit = at_once(books.debit(key))
                if not turns or turns[-1].posted is not None or not debit or rng.random() < 0.7:
                    continue
                standing, evidence = at_once(ledger.standing(key)), {"how": "operator"}
                at = NOW + dt.timedelta(seconds=asyncio.get_running_loop().time())
                end = found_out(standing, BankOutcome.ACCEPTED, debit, evidence, ORIGIN, at)
                ended = at_once(books.end_contradiction(end, at))
                self.diary.meet(f"officers said paid: {ended}", key.voucher_no)
            for key in self._told_in_two_ways():
                standing, evidence = at_once(ledger.standing(key)), {"how": "operator"}
                paid = standing.bank is BankOutcome.ACCEPTED
                debit = at_once(books.debit(key, though_back=paid))
                at = NOW + dt.timedelta(seconds=asyncio.get_running_loop().time())
                end = found_out(standing, standing.bank, debit, evidence, ORIGIN, at)
                ended = at_once(books.end_contradiction(end, at))
                self.diary.meet(f"officers ended two words: {ended}", key.voucher_no)


def _words(said: Answer | Fault) -> str:
    if isinstance(said, Fault):
        return str(said.code)
    return f"{said.decision.outcome} {said.bank}"
