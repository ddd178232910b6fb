"""A return that the bank told of gives its limits back at once; its books must show the money."""

import datetime as dt

import attrs
import pytest

from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.domain.conduct import BankEntry, Direction, Statement
from gateway.domain.conduct_rules import Allowances
from gateway.domain.instruction import InstructionKey
from gateway.domain.money import Fen
from gateway.domain.refunds import Refund, RefundResult
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.tell import Origin
from tests.adapters.postgres.conftest import Storage, as_runtime, opened
from tests.adapters.postgres.storage_builders import DIVISION, NOW, admission, key, settlement
from tests.adapters.postgres.test_holds_contract import grant, limit_of, refund_of
from tests.pipeline.fakes import OneShelf, registers

pytestmark = pytest.mark.postgres
NEXT = NOW + dt.timedelta(days=1)


def booked(id: str, fen: int, direction: Direction, named: InstructionKey | None) -> BankEntry:
    return BankEntry(
        division=DIVISION, id=id, booked_at=NOW, account="071", direction=direction,
        amount_fen=Fen(fen), key=named, reference=id, counter_account="1", counter_name="甲",
    )  # fmt: skip


class Bank:
    """What it tells, what its books show, and what a look the next day finds."""

    def __init__(self, storage: Storage, store: PostgresConduct) -> None:
        self.storage, self.store = storage, store
        self._look = Reconciling(
            store=store, shelf=OneShelf(registers()), formats={}, allowances=Allowances(),
            origin=Origin(bank="103", uri="spiffe://t.test/gateway/103"),
        )  # fmt: skip

    async def pays(self, number: int) -> None:
        await self.storage.ledger.admit(admission(number, 100))
        await self.storage.ledger.settle(settlement(number))

    async def tells(self, number: str, of: int, fen: int, minutes: int = 0) -> Refund:
        told = refund_of(number, of, fen, reference=f"JH-{number}")
        told = attrs.evolve(told, at=NOW + dt.timedelta(minutes=minutes))
        assert (await self.storage.refunds.refund(told)).result is RefundResult.REFUNDED
        return told

    async def books(self, *entries: BankEntry) -> None:
        await self.store.take(Statement(id="", entries=entries), [], NOW)

    async def found(self, at: dt.datetime = NEXT) -> list[bytes]:
        """Alerts of JL-101 that are new."""
        before = await self.store.alerts(DIVISION, NOW.date(), at.date())
        await self._look.look(DIVISION, at)
        now = await self.store.alerts(DIVISION, NOW.date(), at.date())
        return [each for each in now if each not in before and b"JL-101" in each]


async def test_money_that_never_came_back_is_told_once_its_day_is_over(migrated: str) -> None:
    async with opened(migrated) as storage:
        store = PostgresConduct(as_runtime(migrated))
        bank = Bank(storage, store)
        await grant(storage, 300)
        for number in (1, 2, 3):
            await bank.pays(number)
        debits = [booked(f"D{n}", 100, Direction.DEBIT, key(n)) for n in (1, 2)]
        await bank.books(*debits)
        false = await bank.tells("R1", 1, 60)
        other = await bank.tells("R2", 2, 30, 1)
        await bank.tells("R3", 3, 100)
        await bank.books(booked("C2", 30, Direction.CREDIT, other.key))
        assert (await limit_of(storage)).posted_fen == 110, "it may be spent again at once"
        assert await bank.found(NOW) == [], "its day is not over"
        (alert,) = await bank.found()
        assert b"JL-101" in alert and str(false.key).encode() in alert
        assert b'"left_fen":60' in alert and b"unbooked" in alert
        assert await bank.found() == [], "told once; of the third the books show nothing: JL-104"
        await store.close()


async def test_no_return_leans_on_the_money_of_another(migrated: str) -> None:
    async with opened(migrated) as storage:
        store = PostgresConduct(as_runtime(migrated))
        bank = Bank(storage, store)
        await grant(storage, 300)
        for number in (1, 2):
            await bank.pays(number)
        await bank.books(*[booked(f"D{n}", 100, Direction.DEBIT, key(n)) for n in (1, 2)])
        await bank.tells("R1", 1, 40)
        await bank.books(booked("C1", 40, Direction.CREDIT, key(1)))
        second = await bank.tells("R2", 1, 50, 1)
        await bank.books(booked("C2", 50, Direction.CREDIT, None))
        await bank.books(booked("C3", 50, Direction.CREDIT, key(2)))
        (alert,) = await bank.found()
        assert str(second.key).encode() in alert and b'"left_fen":50' in alert
        await store.close()


async def test_what_came_back_late_is_told_and_no_more_after_it(migrated: str) -> None:
    async with opened(migrated) as storage:
        store = PostgresConduct(as_runtime(migrated))
        bank = Bank(storage, store)
        await grant(storage, 300)
        await bank.pays(1)
        await bank.books(booked("D1", 100, Direction.DEBIT, key(1)))
        parts = [await bank.tells(f"R{n}", 1, 20, n) for n in range(5)]
        await bank.books(booked("C1", 99, Direction.CREDIT, key(1)))
        (alert,) = await bank.found()
        assert str(parts[-1].key).encode() in alert and b'"left_fen":1,' in alert
        await store.close()
