"""Who tells of its own accord: the bank, what it did and what it took back; and the operators, what
they found out about a payment that nobody could settle. All of it true, but for slips of the pen
about what is settled; and told until it is heard.
"""

import asyncio
import datetime as dt
from collections.abc import Iterator
from random import Random
from typing import Protocol

from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.faults import Fault, Unready
from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen
from gateway.domain.refunds import Handed, RefundResult
from gateway.pipeline.outcome import Outcome, OutcomeResult, OutcomeTaken, Word
from gateway.pipeline.refund import MoneyBack
from gateway.pipeline.settle import settle
from tests.memory.ledger import MemoryLedger
from tests.pipeline.fakes import NOW
from tests.simulation.bank import Core
from tests.simulation.bank import Handed as AtTheBank
from tests.simulation.database import Database
from tests.simulation.diary import Diary
from tests.simulation.process import ORIGIN, Gateway
from tests.simulation.transaction import at_once
from tests.simulation.weather import Weather

PATIENCE_S = 4.0
TRIES_MAX = 100
UNTRUE = frozenset({OutcomeResult.CONTRADICTED, OutcomeResult.UNMATCHED})


class Stage(Protocol):
    weather: Weather
    diary: Diary
    database: Database
    core: Core
    gateways: list[Gateway]

    @property
    def older(self) -> bool: ...


class Tellers:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rng = Random(f"tellers/{stage.weather.seed}")
        self._number = 0
        self.over = False

    async def bank(self) -> None:
        """One letter after the other, each until somebody answers; some of them twice."""
        while not self.over:
            await asyncio.sleep(self._rng.uniform(0.1, 1.5))
            known = [each for each in self._honest() if each[1].outcome is not None]
            if not known or self._rng.random() >= self._stage.weather.tells:
                continue
            slips = self._stage.weather.slips
            if slips and self._rng.random() < slips:
                if slip := self._slip(known):
                    await self._tell(slip, true=False)
                continue
            key, at_the_bank = self._rng.choice(known)
            told = self._told(key, at_the_bank)
            for _ in range(self._rng.choice((1, 1, 2))):
                await self._tell(told)

    async def operators(self) -> None:
        """They ask the bank by another way, and settle what it is sure of."""
        ledger = MemoryLedger(self._stage.database.state, instance="operators")
        while True:
            await asyncio.sleep(self._rng.uniform(1.0, 6.0))
            if self._stage.older:
                continue
            for key, at_the_bank in list(self._honest()):
                task = self._stage.database.state.open_payments.get(key)
                if task is None or not task.operator_task or self._rng.random() < 0.3:
                    continue
                host, _ = self._stage.core.heard.get(key, (None, None))
                if host and not host.dead:  # who has the bank's word writes it down (0096)
                    continue
                sure = at_the_bank.outcome or (BankOutcome.NOT_TAKEN if at_the_bank.lost else None)
                if sure is not None:
                    at = NOW + dt.timedelta(seconds=asyncio.get_running_loop().time())
                    evidence = {"how": "operator", "reason": "", "reference": None}
                    assert at_once(settle(key, sure, ledger, ORIGIN, at, evidence))
                    self._stage.diary.note("found out", key.voucher_no, sure)

    def _honest(self) -> Iterator[tuple[InstructionKey, AtTheBank]]:
        """What was handed over, or passed and never was; without what the bank has lied about, or
        has told in two ways that nobody has found out about yet."""
        core, state = self._stage.core, self._stage.database.state
        for key in state.open_payments:
            if key not in core.handed:
                yield key, AtTheBank(lost=True)
        ledger = MemoryLedger(state, instance="tellers")
        for key, each in core.handed.items():
            if not each.lied and not (each.slipped and ledger.disputed(key)):
                yield key, each

    def _told(self, key: InstructionKey, at_the_bank: AtTheBank) -> Outcome:
        """What became of it; or, of what was paid, that some of it came back."""
        core = self._stage.core
        self._number += 1
        number, left = f"ZF-{self._number}", core.net_fen(key)
        if at_the_bank.outcome is BankOutcome.REJECTED:
            return Outcome(number=number, key=key, word=Word.REFUSED, reference="",
                           reason="收款账户已销户", amount_fen=None)  # fmt: skip
        if left <= 0 or self._rng.random() < 0.5:
            return Outcome(number=number, key=key, word=Word.ACCEPTED, reason="",
                           reference=f"R{key.voucher_no}", amount_fen=None)  # fmt: skip
        amount = self._rng.choice((left, left, left // 3, 1))
        core.give_back(key, amount)
        return Outcome(number=number, key=key, word=Word.RETURNED, reference=f"T{self._number}",
                       reason="账户不存在", amount_fen=Fen(amount))  # fmt: skip

    def _slip(self, known: list[tuple[InstructionKey, AtTheBank]]) -> Outcome | None:
        """The contrary of how a payment was settled."""
        settlements = self._stage.database.state.settlements
        settled = [each for each in known if each[0] in settlements]
        if not settled:
            return None
        key, at_the_bank = self._rng.choice(settled)
        at_the_bank.slipped = True
        self._number += 1
        refused = at_the_bank.outcome is BankOutcome.ACCEPTED
        return Outcome(
            number=f"ZF-{self._number}", key=key, word=Word.REFUSED if refused else Word.ACCEPTED,
            reference="" if refused else f"R{key.voucher_no}",
            reason="收款账户已销户" if refused else "", amount_fen=None,
        )  # fmt: skip

    async def _tell(self, told: Outcome, *, true: bool = True) -> None:
        diary, handed = self._stage.diary, Handed(raw=told.number.encode(), signature="", party="")
        for _ in range(TRIES_MAX):
            heard = await self._by(told, handed)
            if heard is None or isinstance(heard, Unready):
                await asyncio.sleep(self._rng.uniform(0.05, 1.0))
                continue
            if isinstance(heard, Fault) or (heard in UNTRUE) is true:
                diary.accuse(f"{told.key}: {told.word}, true {true}, was answered {heard!r}")
                return
            diary.meet(f"told {told.word}: {heard}", told.key.voucher_no)
            return
        diary.accuse(f"{told.key}: told {TRIES_MAX} times without an answer")

    async def _by(
        self, told: Outcome, handed: Handed
    ) -> OutcomeResult | RefundResult | Fault | None:
        """Any gateway; and of the two doors for money that came back, the one its number says."""
        gateway = self._rng.choice(self._stage.gateways)
        if told.word is Word.RETURNED and told.number[-1] in "13579":
            assert told.amount_fen is not None
            back = MoneyBack(
                key=replace(told.key, voucher_type="2203", voucher_no=told.number),
                payment=told.key, amount_fen=told.amount_fen, reason=told.reason,
                reference=told.reference,
            )  # fmt: skip
            return await gateway.returned(back, handed, PATIENCE_S)
        heard = await gateway.told(told, handed, PATIENCE_S)
        return heard.result if isinstance(heard, OutcomeTaken) else heard
