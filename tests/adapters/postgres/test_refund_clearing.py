"""2302 (申请退款) clears below zero: it is kept, and held against what came back to the account."""

import datetime as dt

import pytest

from adapters.postgres.ledger.correspondence import PostgresCorrespondence
from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.domain.conduct import BankEntry, ClearingTotal, DayOfAccount, Direction, Statement
from gateway.domain.conduct_rules import Allowances
from gateway.domain.money import Fen
from gateway.pipeline.conduct import alerts_on_arrears
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.tell import Origin
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import DIVISION, NOW
from tests.pipeline.fakes import OneShelf, registers

pytestmark = pytest.mark.postgres
DAY, LATER = NOW.date(), NOW + dt.timedelta(days=1)


def entry(id: str, fen: int, direction: Direction) -> BankEntry:
    return BankEntry(
        division=DIVISION, id=id, booked_at=NOW, account="071", direction=direction,
        amount_fen=Fen(fen), key=None, reference=id, counter_account="1", counter_name="甲",
    )  # fmt: skip


def cleared(number: str, fen: int) -> ClearingTotal:
    return ClearingTotal(
        division=DIVISION, day=DAY, account="071", voucher_no=number, amount_fen=Fen(fen)
    )


@pytest.mark.parametrize(("back", "wrong"), [(-40, False), (-41, True), (None, False)])
async def test_what_was_cleared_back_is_held_against_what_came_back(
    migrated: str, back: int | None, wrong: bool
) -> None:
    store = PostgresConduct(as_runtime(migrated))
    letters = PostgresCorrespondence(as_runtime(migrated))
    clearing = [cleared("2301-1", 100)] + ([cleared("2302-1", back)] if back else [])
    entries = entry("1", 100, Direction.DEBIT), entry("2", 40, Direction.CREDIT)
    await store.take(Statement(id="", entries=entries, clearing=tuple(clearing)), [], NOW)
    arrears = await store.arrears(
        DIVISION, LATER, since=NOW, records_before=NOW, notices_before=NOW
    )
    whole = DayOfAccount(day=DAY, account="071", booked_fen=100, cleared_fen=100)
    assert whole in arrears.days and len(arrears.days) == 1 + bool(back)
    found = list(alerts_on_arrears(DIVISION, arrears, LATER, {}, Allowances()))
    assert [alert.policy for alert in found] == ["JL-103"] * wrong
    if wrong:
        assert found[0].subject.endswith("/back") and "-0.41" in found[0].reason_zh
    totals = await letters.cleared(DIVISION, ["2301-1", "2302-1"])
    assert totals == {"2301-1": 100} | ({"2302-1": back} if back else {})
    await store.close()
    await letters.close()


async def test_a_clearing_voucher_that_is_told_again_with_another_amount_is_found(
    migrated: str,
) -> None:
    store = PostgresConduct(as_runtime(migrated))
    first, other = cleared("2301-1", 100), cleared("2301-2", 7)
    await store.take(Statement(id="", clearing=(first, other)), [], NOW)
    reconciling = Reconciling(
        store=store, shelf=OneShelf(registers()), formats={}, allowances=Allowances(),
        origin=Origin(bank="103", uri="spiffe://t.test/gateway/103"),
    )  # fmt: skip
    again = Statement(id="", clearing=(other, cleared("2301-1", 99), cleared("2301-3", 1)))
    assert await reconciling.take(again, NOW) == 1
    assert await reconciling.take(again, NOW) == 0, "told once"
    (told,) = await store.alerts(DIVISION, DAY, DAY)
    assert b"JL-102" in told and b'"first_fen":100,"now_fen":99' in told
    await store.close()
