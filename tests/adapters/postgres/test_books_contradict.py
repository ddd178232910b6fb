"""Settled as not paid, and paid in the bank's books: one correction, whichever came first.

On PostgreSQL, as the worker and the bank's statements do it.
"""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import attrs
import orjson
import pytest
from msgspec.structs import replace

from adapters.formats.voucher.answer import cut_gbk
from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.domain.bank import DISPUTED, BankOutcome
from gateway.domain.conduct import BankEntry, Direction, Statement
from gateway.domain.conduct_rules import Allowances
from gateway.domain.instruction import Instruction
from gateway.domain.ledger import Standing
from gateway.domain.money import Fen
from gateway.pipeline.conduct_words import alert_record, paid_all_the_same
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.tell import Origin
from tests.adapters.postgres.conftest import Storage, as_runtime, opened
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    draft,
    key,
    line,
    registers,
    settlement,
)
from tests.limits import limit_at
from tests.pipeline import fakes

pytestmark = pytest.mark.postgres
DECISION = b'{"book":"b","findings":[],"outcome":"passed","registers":1}'
SOON = NOW + dt.timedelta(minutes=1)


class AnyFormat:
    """Reads what the storage tests admit, which is no instruction in any format."""

    def parse(self, raw: bytes) -> Instruction:
        return fakes.instruction()


@attrs.frozen(kw_only=True)
class Bench:
    storage: Storage
    store: PostgresConduct
    reconciling: Reconciling
    noticed: list[str]

    async def opened(self, number: int) -> None:
        await self.storage.ledger.admit(replace(admission(number, 300), decision=DECISION))

    async def settled(self, number: int, bank: BankOutcome = BankOutcome.NOT_TAKEN) -> None:
        await self.opened(number)
        await self.storage.ledger.settle(settlement(number, bank))

    async def standing(self, number: int = 1) -> Standing:
        found = await self.storage.ledger.standing(key(number))
        assert found is not None
        return found

    async def told(self) -> list[dict[str, Any]]:
        waiting = await self.storage.holds.notifications(DIVISION, "101001", 9)
        return [orjson.loads(each.body) for each in waiting]

    async def corrections(self) -> list[dict[str, Any]]:
        sealed = await self.storage.records.seal(DIVISION, 1000, NOW, PlainSealer().seal)
        records = sealed.records if sealed else ()
        return [orjson.loads(each.body) for each in records if each.kind == "correction"]

    async def reserved(self) -> int:
        limit = await limit_at(self.storage.ledger, DIVISION, line())
        assert limit and limit.posted_fen == 0
        return limit.reserved_fen

    async def take(self, *entries: BankEntry) -> int:
        return await self.reconciling.take(Statement(id="", entries=entries), SOON)


@pytest.fixture
async def bench(migrated: str) -> AsyncIterator[Bench]:
    store = PostgresConduct(as_runtime(migrated))
    noticed: list[str] = []
    reconciling = Reconciling(
        store=store, shelf=fakes.OneShelf(fakes.registers()), formats={"json": AnyFormat()},
        origin=Origin(bank="103", uri="spiffe://t.test/gateway/103"), allowances=Allowances(),
        noticed=lambda _entry, standing: noticed.append(str(standing.key)),
        ended=lambda back: noticed.append(f"ended {back.key}"),
    )  # fmt: skip
    async with opened(migrated) as storage:
        await storage.registers.load(b"registers", registers(1, {"IND-1": 1000}))
        yield Bench(storage=storage, store=store, reconciling=reconciling, noticed=noticed)
    await store.close()


def entry(number: int = 1, id: str = "L-1", direction: Direction = Direction.DEBIT) -> BankEntry:
    return BankEntry(
        division=DIVISION, id=id, booked_at=SOON, account="071", direction=direction,
        amount_fen=Fen(300), key=key(number), reference="JH-1", counter_account="1",
        counter_name="甲",
    )  # fmt: skip


def denied_alerts(bodies: list[bytes]) -> list[str]:
    subjects = [orjson.loads(body)["subject"] for body in bodies]
    return [subject for subject in subjects if subject.endswith("/denied")]


@pytest.mark.parametrize("bank", [BankOutcome.NOT_TAKEN, BankOutcome.REJECTED])
async def test_what_the_books_show_is_told_to_agency_bureau_and_operator_once(
    bench: Bench, bank: BankOutcome
) -> None:
    await bench.settled(1, bank)
    await bench.settled(2, bank)
    await bench.take(entry())
    await bench.take(entry(), entry(id="L-2"))
    standing = await bench.standing()
    assert (standing.bank, standing.disputed) == (bank, True)
    word = standing.word
    assert word and word.outcome is BankOutcome.UNKNOWN and word != DISPUTED
    assert "银行账上2026-03-02已划款3.00元" in str(word.reason)
    assert cut_gbk(str(word.reason), 42) == "请勿换号重报：银行账上2026-03-02已划款3.00", (
        "in a voucher"
    )
    assert not (await bench.standing(2)).disputed, "another payment is none of it"
    (told,) = await bench.told()
    assert (told["kind"], told["held"], told["said"]) == ("contradiction", bank, "accepted")
    assert told["reason"] == word.reason and told["entry"] == "L-1"
    (record,) = await bench.corrections()
    assert {"how": "books", "held": bank, "said": "accepted", "booked_fen": 300}.items() <= (
        record.items()
    )
    again = await bench.standing()
    assert again.word == word, "also once its correction is numbered"
    assert bench.noticed[0] == str(key(1))


async def test_a_debit_that_came_before_the_settlement_is_found_by_the_next_look(
    bench: Bench,
) -> None:
    await bench.opened(1)
    await bench.take(entry())
    assert await bench.told() == [] and bench.noticed == [], "its end is unknown still"
    await bench.storage.ledger.settle(settlement(1, BankOutcome.NOT_TAKEN))
    assert await bench.reserved() == 0
    await bench.reconciling.look(DIVISION, SOON)
    assert (await bench.standing()).disputed and await bench.reserved() == 300
    alerts = await bench.store.alerts(DIVISION, NOW.date(), NOW.date())
    assert denied_alerts(alerts) == ["entry/L-1/denied"]
    assert b'"given_back_fen"' in b"".join(alerts) and "冻结".encode() in b"".join(alerts)
    await bench.reconciling.look(DIVISION, SOON)
    assert len(await bench.corrections()) == len(await bench.told()) == 1
    assert await bench.reserved() == 300


async def test_what_the_bank_takes_back_days_later_is_ended_by_the_next_look_and_told(
    bench: Bench,
) -> None:
    await bench.settled(1)
    await bench.take(entry())
    assert await bench.reserved() == 300
    later = SOON + dt.timedelta(days=9)
    await bench.reconciling.look(DIVISION, later)
    await bench.take(entry(id="L-2", direction=Direction.CREDIT))
    assert (await bench.standing()).disputed, "until somebody looks"
    for _ in range(2):
        await bench.reconciling.look(DIVISION, later)
        standing = await bench.standing()
        assert (standing.disputed, standing.bank) == (False, BankOutcome.NOT_TAKEN)
        assert await bench.reserved() == 0
    _, told = await bench.told()
    assert (told["kind"], told["bank"], told["how"]) == (
        "contradiction_ended",
        "not_taken",
        "books",
    )
    assert "可换凭证号重报" in told["reason"]
    _, ended = await bench.corrections()
    assert {"what": "ended", "how": "books", "said": "not_taken", "entry": "L-2"}.items() <= (
        ended.items()
    )
    assert bench.noticed[-1] == f"ended {key(1)}"


async def test_what_an_earlier_release_alerted_of_is_set_aside_by_the_next_look_however_old(
    bench: Bench,
) -> None:
    await bench.settled(1)
    debit = entry()
    found = paid_all_the_same(debit, await bench.standing(), fakes.instruction())
    told = (found, *alert_record(found, bench.reconciling.origin, SOON))
    await bench.store.take(Statement(id="", entries=(debit,)), [told], SOON)
    assert await bench.reserved() == 0
    await bench.reconciling.look(DIVISION, SOON + dt.timedelta(days=30))
    assert await bench.reserved() == 300 and (await bench.standing()).disputed


async def test_what_the_bank_has_taken_back_contradicts_nothing(bench: Bench) -> None:
    await bench.opened(1)
    await bench.take(entry(), entry(id="L-2", direction=Direction.CREDIT))
    assert await bench.store.debit(key(1)) is None
    await bench.storage.ledger.settle(settlement(1, BankOutcome.NOT_TAKEN))
    await bench.reconciling.look(DIVISION, SOON)
    assert not (await bench.standing()).disputed and await bench.told() == []


async def test_what_the_bank_takes_back_at_once_contradicts_no_earlier_settlement(
    bench: Bench,
) -> None:
    """The core refused, booked and took back within the minute: the agency may order it anew."""
    await bench.settled(1, BankOutcome.REJECTED)
    await bench.take(entry(), entry(id="L-2", direction=Direction.CREDIT))
    assert not (await bench.standing()).disputed and await bench.told() == []


async def test_what_was_settled_as_paid_gets_no_correction_and_the_first_word_on_another_stays(
    bench: Bench,
) -> None:
    await bench.settled(1, BankOutcome.ACCEPTED)
    await bench.settled(2)
    await bench.storage.ledger.record(DIVISION, draft(str(key(2)), "correction"))
    await bench.take(entry(), entry(2, id="L-2"))
    assert not (await bench.standing()).disputed
    assert (await bench.standing(2)).word == DISPUTED, "the first word on it stays"
    (told,) = await bench.told()
    assert (told["voucher_no"], told["entry"]) == ("2", "L-2"), "what the books show is told beside"
    assert await bench.store.debit(key(2)) == entry(2, id="L-2")
