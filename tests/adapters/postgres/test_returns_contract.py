"""What tells one return from another: one contract, in memory and on PostgreSQL."""

import asyncio
import datetime as dt

import attrs
import pytest

from adapters.postgres.ledger.correspondence import PostgresCorrespondence
from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.domain.bank import BankOutcome
from gateway.domain.correspondence import RecallWord
from gateway.domain.enquiries import RecallStatus
from gateway.domain.money import Fen
from gateway.domain.refunds import RefundResult
from tests.adapters.postgres.conftest import Storage, as_runtime, opened
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    admission,
    draft,
    key,
    registers,
    settlement,
)
from tests.adapters.postgres.test_holds_contract import grant, limit_of, refund_of

OTHER = "220100000"


async def test_the_same_money_told_through_many_doors_at_once_is_counted_once(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await storage.ledger.admit(admission(1, 100))
    await storage.ledger.settle(settlement(1))
    doors = ("2203", "2252", "PACS004", "RETURN") * 2
    told = [refund_of(f"{door}-1", 1, 30, door=door, reference="JH-9") for door in doors]
    answers = await asyncio.gather(*(storage.refunds.refund(each) for each in told))
    assert sorted(answer.result for answer in answers) == (
        [RefundResult.REFUNDED] + [RefundResult.REPEATED] * 7
    )
    assert (await limit_of(storage)).posted_fen == 70
    for wrong in (
        refund_of("R2", 1, 31, door="8252", reference="JH-9"),  # another amount
        refund_of("R3", 1, 31, door="8252-R", reference="JH-9"),
    ):
        assert (await storage.refunds.refund(wrong)).result is RefundResult.CONFLICT
    other = refund_of("R4", 1, 30, door="2203", reference="JH-10")
    assert (await storage.refunds.refund(other)).result is RefundResult.REFUNDED
    same_door = refund_of("R5", 1, 30, door="2203", reference="JH-10")
    assert (await storage.refunds.refund(same_door)).result is RefundResult.CONFLICT
    assert (await limit_of(storage)).posted_fen == 40


async def test_the_payments_own_reference_tells_no_return_from_another(storage: Storage) -> None:
    await grant(storage, 1000)
    await storage.ledger.admit(admission(1, 100))
    await storage.ledger.settle(settlement(1))
    standing = await storage.ledger.standing(key(1))
    assert standing and standing.bank_reference
    for number in ("R1", "R2"):
        part = refund_of(number, 1, 30, door="RETURN", reference=standing.bank_reference)
        assert (await storage.refunds.refund(part)).result is RefundResult.REFUNDED
    assert (await limit_of(storage)).posted_fen == 40


async def test_one_number_for_two_refunds_in_the_same_bytes_is_a_conflict(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    for number in (1, 2):
        await storage.ledger.admit(admission(number, 100))
        await storage.ledger.settle(settlement(number))
    first = refund_of("R1", 1, 30)
    assert (await storage.refunds.refund(first)).result is RefundResult.REFUNDED
    for other in (
        attrs.evolve(first, payment=key(2)),
        attrs.evolve(first, amount_fen=Fen(40)),
    ):
        assert (await storage.refunds.refund(other)).result is RefundResult.CONFLICT
    assert (await limit_of(storage)).posted_fen == 170


async def test_of_a_payment_that_was_told_in_two_ways_nothing_comes_back(storage: Storage) -> None:
    await grant(storage, 1000)
    await storage.ledger.admit(admission(1, 100))
    await storage.ledger.settle(settlement(1))
    before = refund_of("R0", 1, 1)
    assert (await storage.refunds.refund(before)).result is RefundResult.REFUNDED
    await storage.ledger.record(DIVISION, draft(str(key(1)), "correction"))
    assert (await storage.refunds.refund(refund_of("R1", 1, 30))).result is RefundResult.DISPUTED
    assert (await storage.refunds.refund(before)).result is RefundResult.REPEATED
    assert (await limit_of(storage)).posted_fen == 99


async def paid_back_in(division: str, storage: Storage) -> None:
    """A payment of the same number there."""
    await storage.registers.load(b"", registers(1, {"IND-1": 1000}, division=division))
    await storage.ledger.admit(admission(1, 100, division=division))
    await storage.ledger.settle(settlement(1, division=division))
    back = await storage.refunds.refund(refund_of("R9", 1, 60, division=division))
    assert back.result is RefundResult.REFUNDED


@pytest.mark.postgres
@pytest.mark.parametrize("status", list(RecallStatus))
async def test_what_the_bank_agreed_to_take_back_is_owed_until_all_of_it_came(
    migrated: str, status: RecallStatus
) -> None:
    async with opened(migrated) as storage:
        await grant(storage, 1000)
        for number in (1, 2):
            await storage.ledger.admit(admission(number, 100))
        letters = PostgresCorrespondence(as_runtime(migrated))
        for number in (1, 2):
            await letters.say(
                RecallWord(
                    recall="ab" * 16, key=key(number), agency_code="101001", asker="x", code="",
                    status=status, words="", by="core", at=NOW, notification=None,
                    record=draft(str(key(number)), "recall"),
                )
            )  # fmt: skip
        conduct = PostgresConduct(as_runtime(migrated))

        async def owed() -> list[tuple[str, int]]:
            found = await conduct.arrears(
                DIVISION, NOW + dt.timedelta(days=1), since=NOW - dt.timedelta(days=1),
                records_before=NOW, notices_before=NOW,
            )  # fmt: skip
            return [(each.key.voucher_no, each.left_fen) for each in found.unreturned]

        assert await owed() == [], "unknown: it may not be paid at all"
        await storage.ledger.settle(settlement(1))
        await storage.ledger.settle(settlement(2, BankOutcome.REJECTED))
        agreed = status is RecallStatus.ACCEPTED
        assert await owed() == ([("1", 100)] if agreed else []), "paid after all"
        await paid_back_in(OTHER, storage)
        assert await owed() == ([("1", 100)] if agreed else []), "another division's came back"
        await storage.refunds.refund(refund_of("R1", 1, 60))
        assert await owed() == ([("1", 40)] if agreed else [])
        await storage.refunds.refund(refund_of("R2", 1, 40))
        assert await owed() == []
        for room in (letters, conduct):
            await room.close()
