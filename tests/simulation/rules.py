"""The policies of this world: an instruction says itself how it is to be judged."""

import datetime as dt
from collections.abc import Mapping

from gateway.domain.codes import AccountStatus, Settlement
from gateway.domain.decision import Action, Finding, Outcome
from gateway.domain.facts import Facts
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import Instruction
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare
from tests.pipeline.fakes import CASH, finding

BLOCKED, HELD = "拦截此笔付款", "挂起此笔付款"
DAYS = dt.timedelta(days=4)


class Rules:
    """`gateway.ports.Book`: a purpose that is blocked or held, money that is short (JL-011), and
    too much cash in five days (JL-044), which is known only when it is committed."""

    revision = "rules-1"

    def __init__(self, cash_max_fen: int) -> None:
        self._cash_max_fen = cash_max_fen

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        found = []
        if facts.purpose == BLOCKED:
            found.append(finding("JL-093", Action.BLOCK))
        if facts.payer_status is not AccountStatus.ACTIVE:
            found.append(finding("JL-020", Action.BLOCK))
        if facts.purpose == HELD:
            found.append(finding("JL-052", Action.HOLD))
        if facts.indicator_available is not None:
            found.append(finding("JL-011", Action.BLOCK))
        if _is_cash(facts) and facts.windows.get(CASH, 0) + facts.amount > self._cash_max_fen:
            found.append(finding("JL-044", Action.HOLD))
        return tuple(found)

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        if not _is_cash(facts):
            return ()
        believed = facts.windows.get(CASH, 0)
        return (
            WindowAsk(
                key=_window(facts), measure=Measure.SUM, since=facts.on - DAYS, believed=believed
            ),
        )

    def shares(self, facts: Facts, outcome: Outcome) -> tuple[WindowShare, ...]:
        if not _is_cash(facts) or outcome is not Outcome.PASS:
            return ()
        return (WindowShare(key=_window(facts), day=facts.on, value=facts.amount),)


class Wording:
    """`gateway.ports.Format`: the bytes are a number under which the instruction is known."""

    def __init__(self, instructions: Mapping[bytes, Instruction]) -> None:
        self._instructions = instructions

    def parse(self, raw: bytes) -> Instruction:
        if raw not in self._instructions:
            raise Unreadable(FaultCode.INSTRUCTION_INVALID, "nobody wrote this")
        return self._instructions[raw]


def _is_cash(facts: Facts) -> bool:
    return facts.settlement is Settlement.CASH


def _window(facts: Facts) -> WindowKey:
    return WindowKey(window=CASH, key=facts.agency_code)
