"""A batch of which the books of the bank show some details only, each of them as ordered."""

import pytest

from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.domain.conduct import Direction, Statement
from gateway.domain.legal_day import legal_day
from gateway.pipeline.conduct_words import alert_record, not_as_ordered
from gateway.pipeline.tell import Origin
from tests.adapters.postgres.conftest import as_runtime, opened
from tests.adapters.postgres.storage_builders import DIVISION, NOW, key, settlement
from tests.adapters.postgres.test_holds_contract import claim_of, given, grant, held
from tests.adapters.postgres.test_refunds_unbacked import NEXT, Bank, booked

pytestmark = pytest.mark.postgres
ORIGIN = Origin(bank="103", uri="spiffe://t.test/gateway/103")


async def looked(bank: Bank) -> list[bytes]:
    """What a look on the next day tells of JL-104."""
    before = await bank.store.alerts(DIVISION, legal_day(NOW), legal_day(NEXT))
    await bank.found()
    now = await bank.store.alerts(DIVISION, legal_day(NOW), legal_day(NEXT))
    return [each for each in now if each not in before and b"JL-104" in each]


async def test_what_is_missing_of_a_batch_is_told_once_its_day_is_over(migrated: str) -> None:
    async with opened(migrated) as storage:
        store = PostgresConduct(as_runtime(migrated))
        bank = Bank(storage, store)
        await grant(storage, 1000)
        for number in (1, 2, 3):
            await bank.pays(number)
        await bank.books(booked("D1", 60, Direction.DEBIT, key(1)))
        await bank.books(booked("D2", 60, Direction.DEBIT, key(2)))
        await bank.books(booked("D3", 40, Direction.DEBIT, key(2)))
        await bank.books(booked("D4", 60, Direction.DEBIT, key(3)))
        await bank.tells("R3", 3, 40)
        await bank.found(NOW)
        (alert,) = await looked(bank)
        assert str(key(1)).encode() in alert and b'"booked_fen":60' in alert
        assert await looked(bank) == [], "told once; the second is whole, of the third 40 came back"
        await store.close()


async def test_a_movement_that_was_told_as_wrong_is_not_told_as_late_too(migrated: str) -> None:
    async with opened(migrated) as storage:
        store = PostgresConduct(as_runtime(migrated))
        bank = Bank(storage, store)
        await grant(storage, 1000)
        await bank.pays(1)
        short = booked("D1", 60, Direction.DEBIT, key(1))
        alert = not_as_ordered(short, [{"field": "amount", "ordered": "1.00", "paid": "0.60"}])
        told = [(alert, *alert_record(alert, ORIGIN, NOW))]
        await store.take(Statement(id="", entries=(short,)), told, NOW)
        assert await looked(bank) == []
        await store.close()


async def test_a_release_that_is_paid_in_part_is_told_and_a_hold_or_a_denial_is_not(
    migrated: str,
) -> None:
    async with opened(migrated) as storage:
        store = PostgresConduct(as_runtime(migrated))
        bank = Bank(storage, store)
        await grant(storage, 1000)
        await held(storage, 1)
        await held(storage, 2)
        await storage.holds.claim(claim_of(1, await given(storage, 1, 1)))
        await storage.ledger.settle(settlement(1))
        for number in (1, 2):
            await bank.books(booked(f"D{number}", 60, Direction.DEBIT, key(number)))
        (alert,) = await looked(bank)
        assert str(key(1)).encode() in alert
        await store.close()
