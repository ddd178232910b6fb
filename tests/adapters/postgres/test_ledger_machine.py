"""Random lives of a ledger against a model, in memory and on PostgreSQL, at two gateways."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.ledger import Admission, Admitted, Moved, Short, Standing
from gateway.domain.windows import Measure, WindowAsk, WindowShare
from tests.adapters.postgres.conftest import Storage, opened
from tests.adapters.postgres.storage_builders import (
    admission,
    ask,
    line,
    registers,
    settlement,
    share,
)
from tests.limits import limit_at

DIVISIONS = (f"{n:09d}" for n in itertools.count(330_000_000))
LINES = ("A", "B", "C")
numbers = st.integers(1, 12)
amounts = st.integers(0, 60)
lines = st.lists(st.sampled_from(LINES), max_size=3)
caps = st.none() | st.integers(0, 150)
shares = st.lists(
    st.builds(
        share, st.integers(0, 9), st.integers(0, 3), item=st.sampled_from("pq"),
        key=st.sampled_from("XY"),
    ),
    max_size=3,
)  # fmt: skip
asks = st.lists(
    st.builds(
        ask, st.just(0), st.sampled_from(Measure), st.integers(1, 5), key=st.sampled_from("XY")
    ),
    max_size=2, unique_by=lambda each: each.key,
)  # fmt: skip
wrong = st.sampled_from([0, 0, 0, 1, -1])
banks = st.sampled_from([BankOutcome.ACCEPTED, BankOutcome.REJECTED, BankOutcome.NOT_TAKEN])

Want: TypeAlias = tuple[
    int, int, list[str], int | None, list[WindowAsk], list[WindowShare], int
]  # fmt: skip


def machine(storage: Storage, runner: asyncio.Runner) -> type[RuleBasedStateMachine]:
    class LedgerMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.division = next(DIVISIONS)
            self.version = 0
            self.granted = dict.fromkeys(LINES, 0)
            self.reserved: dict[int, list[tuple[str, int]]] = {}
            self.posted: list[tuple[str, int]] = []
            self.decided: set[int] = set()
            self.shared: dict[int, tuple[WindowShare, ...]] = {}

        def spoken_for(self, id: str) -> tuple[int, int]:
            held = itertools.chain(*self.reserved.values())
            return (
                sum(amount for line, amount in held if line == id),
                sum(amount for line, amount in self.posted if line == id),
            )

        @initialize(amount=st.integers(0, 150))
        def begin(self, amount: int) -> None:
            self.grant(dict.fromkeys(LINES, amount))

        @rule(granted=st.dictionaries(st.sampled_from(LINES), st.integers(0, 150)))
        def grant(self, granted: dict[str, int]) -> None:
            self.granted.update(granted)
            self.version += 1
            snapshot = registers(self.version, self.granted, division=self.division)
            assert runner.run(storage.registers.load(b"snapshot", snapshot)).applied

        @rule(
            wants=st.lists(
                st.tuples(numbers, amounts, lines, caps, asks, shares, wrong),
                min_size=1, max_size=6, unique_by=lambda want: want[0],
            )
        )  # fmt: skip
        def admit_together(self, wants: list[Want]) -> None:
            """Each number once: those that arrive together are served in order of arrival."""
            admissions, expected = [], []
            for number, amount, ids, cap, asked, shared, error in wants:
                true = [replace(each, believed=self.value(each) + error) for each in asked]
                wanted = admission(
                    number, amount, ids, division=self.division, cap=cap, asks=true, shares=shared
                )
                admissions.append(wanted)
                expected.append(self.expected(number, wanted, moved=bool(asked and error)))
            answers = runner.run(self._admit_all(admissions))
            assert [type(answer) for answer in answers] == expected

        async def _admit_all(
            self, admissions: list[Admission]
        ) -> list[Admitted | Short | Standing | Moved]:
            return await asyncio.gather(*map(storage.ledger.admit, admissions))

        def value(self, wanted: WindowAsk) -> int:
            """By definition: every share that stands, of that key, not older than asked for."""
            found = [
                each
                for each in itertools.chain(*self.shared.values())
                if each.key == wanted.key and each.day >= wanted.since
            ]
            return {
                Measure.SUM: sum(each.value for each in found),
                Measure.COUNT: len(found),
                Measure.MAX: max((each.value for each in found), default=0),
                Measure.DISTINCT: len({each.item for each in found}),
            }[wanted.measure]

        def expected(self, number: int, wanted: Admission, *, moved: bool) -> type:
            if number in self.decided:
                return Standing
            if moved:
                return Moved
            if not self.fits(wanted):
                return Short
            self.decided.add(number)
            self.reserved[number] = [(d.limit.id, d.amount_fen) for d in wanted.demands]
            self.shared[number] = wanted.shares
            return Admitted

        def fits(self, wanted: Admission) -> bool:
            sums: Counter[str] = Counter()
            for demand in wanted.demands:
                sums[demand.limit.id] += demand.amount_fen
                ceiling = self.granted[demand.limit.id]
                if demand.cap_fen is not None:
                    ceiling = min(ceiling, demand.cap_fen)
                if sums[demand.limit.id] > ceiling - sum(self.spoken_for(demand.limit.id)):
                    return False
            return True

        @rule(number=numbers, bank=banks)
        def settle_at_both(self, number: int, bank: BankOutcome) -> None:
            told = settlement(number, bank, self.division)
            answers = runner.run(self._settle_at_both(told))
            demands = self.reserved.pop(number, None)
            assert sorted(answers) == ([False, True] if demands is not None else [False, False])
            if demands and bank is BankOutcome.ACCEPTED:
                self.posted += demands
            if demands is not None and bank is not BankOutcome.ACCEPTED:
                del self.shared[number]

        async def _settle_at_both(self, told: object) -> list[bool]:
            return await asyncio.gather(
                *(room.settle(told) for room in (storage.ledger, storage.second))  # type: ignore[arg-type]
            )

        @invariant()
        def each_line_adds_up(self) -> None:
            for id in LINES if self.version else ():
                limit = runner.run(limit_at(storage.ledger, self.division, line(id)))
                assert limit is not None and limit.granted_fen == self.granted[id]
                assert (limit.reserved_fen, limit.posted_fen) == self.spoken_for(id)

        @rule(asked=st.builds(ask, st.just(-1), st.sampled_from(Measure), st.integers(1, 5),
                              key=st.sampled_from("XY")))  # fmt: skip
        def a_window_tells_what_stands_in_it(self, asked: WindowAsk) -> None:
            curious = admission(0, outcome=Outcome.BLOCK, division=self.division, asks=[asked])
            told = runner.run(storage.second.admit(curious))
            assert told == Moved(values={asked.key: self.value(asked)})

    return LedgerMachine


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.slow
def test_any_life_of_a_ledger_adds_up(storage_dsn: str | None, runner: asyncio.Runner) -> None:
    rooms = opened(storage_dsn)
    storage = runner.run(rooms.__aenter__())
    try:
        run_state_machine_as_test(
            machine(storage, runner),
            settings=settings(
                max_examples=60 if storage_dsn is None else 15,
                stateful_step_count=25,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        runner.run(rooms.__aexit__(None, None, None))
