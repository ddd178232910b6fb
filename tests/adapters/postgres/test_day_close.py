"""The day's close: counted from the ledger, written once, and what the log lacks is named."""

import asyncio
import datetime as dt
from functools import partial

import asyncpg
import orjson
import pytest
from msgspec.structs import replace

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.oversight.day_close import PostgresDayBook
from gateway.domain.bank import BankOutcome
from gateway.domain.day import bounds
from gateway.domain.decision import Outcome
from gateway.domain.ledger import Admission, Admitted, RecordDraft
from gateway.domain.records import unnumbered
from gateway.pipeline.close import close_subject, day_close
from gateway.pipeline.tell import Origin
from gateway.workers.close import Closing
from gateway.workers.office import Office
from tests.adapters.postgres.conftest import Storage, opened
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    registers,
    settlement,
)
from tests.pipeline.fakes import FixedClock

pytestmark = pytest.mark.postgres
DAY = dt.date(2026, 3, 2)
ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")
LATER = NOW + dt.timedelta(days=1)


class Bank:
    """One gateway on a fresh database, with a day book beside it."""

    def __init__(self, storage: Storage, dsn: str) -> None:
        assert isinstance(storage.ledger, PostgresLedger)
        assert isinstance(storage.records, PostgresRecordLog)
        self.ledger, self.records = storage.ledger, storage.records
        self.storage = storage
        self.book = PostgresDayBook(dsn)
        self.sealer = PlainSealer()
        self.clock = FixedClock()
        self.clock.wall = LATER
        self.office = Office(self.records)
        self.office.held = True

    async def decide(self, made: Admission) -> None:
        assert isinstance(await self.ledger.admit(made), Admitted)

    async def seal(self, at: dt.datetime = NOW) -> list[dict]:
        sealed = await self.records.seal(DIVISION, 1000, at, self.sealer.seal)
        return [orjson.loads(record.body) for record in sealed.records] if sealed else []

    async def close(self, day: dt.date = DAY):
        write = partial(day_close, origin=ORIGIN, at=LATER)
        return await self.book.close_day(DIVISION, day, LATER, write)

    def closing(self) -> Closing:
        return Closing(self.office, self.book, self.clock, ORIGIN, (DIVISION,))


def verdict(number: int, agency: str, account: str, **more) -> Admission:
    made = admission(number, more.pop("amount", 100), (), **more)
    body = unnumbered(
        {
            "agency": {"code": agency, "name": "单位"},
            "agency_no": None,
            "amount_fen": made.amount_fen,
            "kind": "verdict",
            "payer": {"account": account},
        }
    )
    record = RecordDraft(kind="verdict", subject=str(made.key), body=body)
    return replace(made, agency_code=agency, record=record)


@pytest.fixture
async def bank(migrated: str):
    async with opened(migrated) as storage:
        await storage.registers.load(b"{}", registers(1, {}))
        one = Bank(storage, f"{migrated}{'&' if '?' in migrated else '?'}role=gateway_runtime")
        yield one
        await one.book.close()


async def _a_day(bank: Bank) -> None:
    await bank.decide(verdict(1, "101001", "A", amount=100))
    await bank.decide(verdict(2, "101001", "B", amount=20))
    await bank.decide(verdict(3, "101001", "A", amount=3, outcome=Outcome.BLOCK))
    await bank.decide(verdict(4, "102001", "C", amount=7, outcome=Outcome.HOLD))
    await bank.ledger.settle(settlement(1))
    await bank.ledger.settle(settlement(2, BankOutcome.REJECTED))


async def test_each_account_has_its_count_and_sum_and_the_record_says_them(bank: Bank) -> None:
    await _a_day(bank)
    await bank.seal()
    totals = await bank.close()
    assert totals and (totals.verdicts, totals.amount_fen, totals.unrecorded) == (4, 130, ())
    (record,) = await bank.seal(LATER)
    assert (record["kind"], record["day"], record["verdicts"]) == ("day_close", "2026-03-02", 4)
    assert record["number_gaps"] == {} and record["unrecorded"] == []
    shown = {
        (line["agency"], line["account"]): (
            line["verdicts"], line["amount_fen"], line["passed_fen"], line["accepted_fen"],
            line["blocked"], line["held"], line["rejected"], line["unknown"],
        )
        for line in record["lines"]
    }  # fmt: skip
    assert shown == {
        ("101001", "A"): (2, 103, 100, 100, 1, 0, 0, 0),
        ("101001", "B"): (1, 20, 20, 0, 0, 0, 1, 0),
        ("102001", "C"): (1, 7, 0, 0, 0, 1, 0, 0),
    }


async def test_a_day_is_closed_once_whoever_tries_and_however_often(bank: Bank) -> None:
    await _a_day(bank)
    await bank.seal()
    closings = [bank.closing().close_all() for _ in range(4)]
    done = await asyncio.gather(*closings, return_exceptions=True)
    assert [each for each in done if each] == [1], done
    assert await bank.close() is None
    assert [each["kind"] for each in await bank.seal(LATER)] == ["day_close"]
    assert await bank.closing().close_all() == 0


async def test_days_of_an_outage_are_made_up_one_by_one_also_the_empty_ones(bank: Bank) -> None:
    await _a_day(bank)
    await bank.seal()
    bank.clock.wall = NOW + dt.timedelta(days=4)
    assert await bank.closing().close_all() == 4
    records = await bank.seal(bank.clock.wall)
    assert [(each["day"], each["verdicts"]) for each in records] == [
        ("2026-03-02", 4), ("2026-03-03", 0), ("2026-03-04", 0), ("2026-03-05", 0),
    ]  # fmt: skip


async def test_a_day_closed_by_hand_leaves_none_before_it_out(bank: Bank) -> None:
    await _a_day(bank)
    await bank.seal()
    await bank.close(DAY + dt.timedelta(days=2))
    bank.clock.wall = NOW + dt.timedelta(days=4)
    assert await bank.closing().close_all() == 3
    days = {each["day"] for each in await bank.seal(bank.clock.wall)}
    assert days == {"2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"}


async def test_a_day_that_another_division_has_closed_is_none_closed_here(bank: Bank) -> None:
    other = "220100000"
    await _a_day(bank)
    await bank.seal()
    totals = await bank.book.close_day(
        other, DAY, LATER, partial(day_close, origin=ORIGIN, at=LATER)
    )
    assert totals is not None
    bank.clock.wall = dt.datetime(2026, 3, 2, 16, 10, tzinfo=dt.UTC)
    assert await bank.closing().close_all() == 1
    (record,) = await bank.seal(bank.clock.wall)
    assert (record["day"], record["verdicts"], record["unrecorded"]) == ("2026-03-02", 4, [])


async def test_before_five_past_midnight_in_beijing_no_day_is_closed(bank: Bank) -> None:
    await _a_day(bank)
    await bank.seal()
    bank.clock.wall = dt.datetime(2026, 3, 2, 16, 4, 59, tzinfo=dt.UTC)
    assert await bank.closing().close_all() == 0
    bank.clock.wall = dt.datetime(2026, 3, 2, 16, 5, tzinfo=dt.UTC)
    assert await bank.closing().close_all() == 1


async def test_records_that_wait_for_their_number_are_waited_for_and_then_named(bank: Bank) -> None:
    await bank.decide(verdict(1, "101001", "A"))
    await bank.seal()
    await bank.decide(verdict(2, "101001", "A"))
    bank.clock.wall = dt.datetime(2026, 3, 2, 16, 10, tzinfo=dt.UTC)
    assert await bank.closing().close_all() == 0
    bank.clock.wall += dt.timedelta(hours=1)
    assert await bank.closing().close_all() == 1
    record = (await bank.seal(bank.clock.wall))[-1]
    assert record["unrecorded"] == [f"{DIVISION}/2026/8202/2"]
    assert {line["account"] for line in record["lines"]} == {"A", None}


async def test_a_verdict_that_left_the_log_is_named_by_the_close(bank: Bank, migrated: str) -> None:
    """Planted: somebody with the owner's rights takes a record out of the log."""
    await _a_day(bank)
    await bank.seal()
    owner = await asyncpg.connect(migrated)
    await owner.execute("DELETE FROM log_record WHERE seq = 1")
    await owner.close()
    totals = await bank.close()
    assert totals and totals.unrecorded == (f"{DIVISION}/2026/8202/2",)
    record = (await bank.seal(LATER))[-1]
    assert record["number_gaps"] == {"101001": 1}


async def test_each_agencys_verdicts_are_numbered_without_a_gap_across_rollbacks(
    bank: Bank,
) -> None:
    """T9: numbers come from the transaction that seals, not from a SEQUENCE."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    numbers: dict[str, list[int]] = {"101001": [], "102001": []}
    seqs = []
    for number in range(12):
        agency = "101001" if number % 3 else "102001"
        await bank.decide(verdict(number, agency, "A"))
        if number % 2:
            with pytest.raises(ZeroDivisionError):
                await bank.records.seal(DIVISION, 10, NOW, broken)  # type: ignore[arg-type]
        else:
            for record in await bank.seal():
                numbers[record["agency"]["code"]].append(record["agency_no"])
                seqs.append(record["seq"])
    for record in await bank.seal():
        numbers[record["agency"]["code"]].append(record["agency_no"])
        seqs.append(record["seq"])
    assert numbers == {"101001": list(range(1, 9)), "102001": list(range(1, 5))}
    assert seqs == list(range(12))


async def test_many_accounts_make_several_parts_that_add_up(bank: Bank, monkeypatch) -> None:
    monkeypatch.setattr("gateway.pipeline.close.LINES_MAX", 2)
    for number in range(5):
        await bank.decide(verdict(number, "101001", f"A{number}", amount=number + 1))
    await bank.seal()
    await bank.close()
    records = await bank.seal(LATER)
    assert [(each["part"], each["parts"], len(each["lines"])) for each in records] == [
        (1, 3, 2), (2, 3, 2), (3, 3, 1),
    ]  # fmt: skip
    assert sum(line["amount_fen"] for each in records for line in each["lines"]) == 15
    subject = close_subject(DIVISION, DAY)
    assert len(await bank.book.closes(DIVISION, subject)) == 3


async def test_what_was_sealed_late_or_by_another_clock_before_the_day_is_no_gap(
    bank: Bank,
) -> None:
    """A night in which sealing stood still leaves many checkpoints after it, and gateways' clocks
    may be minutes apart: the numbers of a day's verdicts then lie beyond its own checkpoints."""
    dawn, dusk = bounds(DAY)
    early = replace(verdict(1, "101001", "A"), decided_at=dawn + dt.timedelta(seconds=30))
    await bank.decide(early)
    await bank.seal(dawn - dt.timedelta(seconds=60))
    await bank.decide(verdict(2, "101001", "A"))
    await bank.seal()
    for number in (3, 4, 5):
        await bank.decide(verdict(number, "101001", "A"))
    for _ in range(3):
        await bank.records.seal(DIVISION, 1, dusk + dt.timedelta(minutes=20), bank.sealer.seal)
    totals = await bank.close()
    assert totals and (totals.verdicts, totals.unrecorded) == (5, ())
    (line,) = totals.lines
    assert (line.account, line.first_no, line.last_no, line.numbered) == ("A", 1, 5, 5)
    assert (line.first_seq, line.last_seq) == (0, 4)
