"""Random lives of a ledger against a model, in memory and on PostgreSQL, at two gateways."""

import asyncio
import itertools
from collections.abc import Iterator

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

from gateway.domain.bank import BankOutcome
from gateway.domain.ledger import Admitted, Short, Standing
from tests.adapters.postgres.conftest import Storage, opened
from tests.adapters.postgres.storage_builders import admission, line, registers, settlement

DIVISIONS = (f"{n:09d}" for n in itertools.count(330_000_000))
LINES = ("A", "B", "C")
numbers = st.integers(1, 12)
amounts = st.integers(0, 60)
lines = st.lists(st.sampled_from(LINES), max_size=3)
banks = st.sampled_from([BankOutcome.ACCEPTED, BankOutcome.REJECTED, BankOutcome.NOT_TAKEN])


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

        @rule(wants=st.lists(st.tuples(numbers, amounts, lines), min_size=1, max_size=6))
        def admit_together(self, wants: list[tuple[int, int, list[str]]]) -> None:
            """Each number once: those that arrive together are served in order of arrival."""
            unique = {number: (amount, ids) for number, amount, ids in wants}
            answers = runner.run(self._admit_all(unique))
            for (number, (amount, ids)), answer in zip(unique.items(), answers, strict=True):
                assert type(answer) is self.expected(number, amount, ids)

        async def _admit_all(
            self, wants: dict[int, tuple[int, list[str]]]
        ) -> list[Admitted | Short | Standing]:
            return await asyncio.gather(
                *(
                    storage.ledger.admit(admission(n, amount, ids, division=self.division))
                    for n, (amount, ids) in wants.items()
                )
            )

        def expected(self, number: int, amount: int, ids: list[str]) -> type:
            if number in self.decided:
                return Standing
            for id in ids:
                wanted = amount * ids.count(id)
                if wanted > 0 and wanted > self.granted[id] - sum(self.spoken_for(id)):
                    return Short
                if wanted == 0 and self.granted[id] < sum(self.spoken_for(id)):
                    return Short
            self.decided.add(number)
            self.reserved[number] = [(id, amount) for id in ids]
            return Admitted

        @rule(number=numbers, bank=banks)
        def settle_at_both(self, number: int, bank: BankOutcome) -> None:
            told = settlement(number, bank, self.division)
            answers = runner.run(self._settle_at_both(told))
            demands = self.reserved.pop(number, None)
            assert sorted(answers) == ([False, True] if demands is not None else [False, False])
            if demands and bank is BankOutcome.ACCEPTED:
                self.posted += demands

        async def _settle_at_both(self, told: object) -> list[bool]:
            return await asyncio.gather(
                *(room.settle(told) for room in (storage.ledger, storage.second))  # type: ignore[arg-type]
            )

        @invariant()
        def each_line_adds_up(self) -> None:
            for id in LINES if self.version else ():
                limit = runner.run(storage.ledger.limit(self.division, line(id)))
                assert limit is not None and limit.granted_fen == self.granted[id]
                assert (limit.reserved_fen, limit.posted_fen) == self.spoken_for(id)

    return LedgerMachine


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


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
