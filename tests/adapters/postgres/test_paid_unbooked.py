"""What was settled as paid and has no debit in the bank's books is counted until it has one."""

import datetime as dt
from collections.abc import AsyncIterator

import attrs
import pytest
from msgspec.structs import replace

from adapters.postgres.oversight import backlog
from adapters.postgres.oversight.backlog import PostgresBacklog
from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import Alert, BankEntry, Direction, Statement, Unbooked
from gateway.domain.legal_day import legal_day
from gateway.domain.money import Fen
from gateway.pipeline.conduct_words import alert_record, never_paid
from gateway.pipeline.tell import Origin
from tests.adapters.postgres.conftest import Storage, as_runtime, opened
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    PlainSealer,
    admission,
    key,
    settlement,
)

pytestmark = pytest.mark.postgres

TODAY = dt.datetime.now(dt.UTC)
ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")


@attrs.frozen(kw_only=True)
class Day:
    storage: Storage
    watch: PostgresBacklog

    async def passed(self, *numbers: int) -> None:
        for number in numbers:
            await self.storage.ledger.admit(admission(number, lines=()))
        await self.storage.records.seal(DIVISION, 100, TODAY, PlainSealer().seal)

    async def ended(self, number: int, answered: str | None, at: dt.datetime = TODAY) -> None:
        """The look after the day of what no movement shows."""
        owed = Unbooked(
            key=key(number), agency_code="101001", amount_fen=Fen(100), decided_at=at,
            bank=answered,
        )  # fmt: skip
        await self._raised(never_paid(DIVISION, owed), at)

    async def booked(self, number: int) -> None:
        movement = BankEntry(
            division=DIVISION, id=f"M{number}", account="1", direction=Direction.DEBIT,
            booked_at=TODAY, amount_fen=Fen(100), key=key(number), reference="R1",
            counter_account="2", counter_name="n",
        )  # fmt: skip
        await self.storage.conduct.take(Statement(id="", entries=(movement,)), (), TODAY)

    async def listed(self) -> list[tuple[str, str]]:
        found = await self.watch.paid_unbooked(10)
        assert (await self.watch.backlog()).paid_unbooked == len(found)
        return [(each.key.voucher_no, each.evidence) for each in found]

    async def _raised(self, alert: Alert, at: dt.datetime) -> None:
        told = [(alert, *alert_record(alert, ORIGIN, at))]
        assert await self.storage.conduct.take(Statement(id=""), told, at) == 1


@pytest.fixture
async def day(migrated: str) -> AsyncIterator[Day]:
    async with opened(migrated) as storage:
        watch = PostgresBacklog(as_runtime(migrated))
        yield Day(storage=storage, watch=watch)
        await watch.close()


async def test_what_the_bank_called_paid_is_listed_until_its_books_show_it(day: Day) -> None:
    await day.passed(1, 2, 3)
    await day.storage.ledger.settle(settlement(1))
    await day.storage.ledger.settle(settlement(2))
    assert await day.listed() == [], "their day is not over"
    await day.ended(1, "accepted")
    assert await day.listed() == [("1", "answer")]
    (found,) = await day.watch.paid_unbooked(10, [DIVISION])
    assert (found.amount_fen, found.agency_code, found.raised_on) == (
        100, "101001", legal_day(TODAY),
    )  # fmt: skip
    assert await day.watch.paid_unbooked(10, ["229900000"]) == []
    await day.booked(1)
    assert await day.listed() == []


async def test_so_is_what_was_unknown_at_the_days_end_and_called_paid_later(day: Day) -> None:
    """The alert said "unknown", and no other is raised."""
    await day.passed(1, 2)
    for number in (1, 2):
        await day.ended(number, None, TODAY - dt.timedelta(days=5))
    assert await day.listed() == [], "an operator's task, or asked about; not called paid"
    await day.storage.ledger.settle(replace(settlement(1), evidence="enquiry"))
    await day.storage.ledger.settle(settlement(2, BankOutcome.NOT_TAKEN))
    assert await day.listed() == [("1", "enquiry")]


async def test_where_the_books_stay_away_what_is_looked_at_is_shared_out(
    day: Day, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five thousand of each of thirty divisions took longer than a question may, and took the
    figures of open payments, holds and recalls with it."""
    monkeypatch.setattr(backlog, "LOOKED_AT_MAX", 5)
    await day.passed(1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        await day.storage.ledger.settle(settlement(number))
        await day.ended(number, "accepted", TODAY - dt.timedelta(days=4 - number))
    assert [number for number, _ in await day.listed()] == ["1", "2", "3", "4"]
    other = "229900000"
    await day.storage.ledger.admit(admission(9, lines=(), division=other))
    await day.storage.records.seal(other, 100, TODAY, PlainSealer().seal)
    assert [number for number, _ in await day.listed()] == ["3", "4"], "the newest of each"
    found = await day.watch.paid_unbooked(10, [DIVISION])
    assert [each.key.voucher_no for each in found] == ["1", "2", "3", "4"], "all of one"
