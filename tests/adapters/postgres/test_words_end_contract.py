"""What the bank said against a settlement is recorded once, and two officers end it.

One truth in memory and on PostgreSQL (decision 0104).
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from adapters.postgres.migrate import MIGRATIONS, migrate
from adapters.postgres.oversight.backlog import PostgresBacklog
from gateway.domain.bank import HOW_TOLD, BankAnswer, BankOutcome
from gateway.domain.conduct import EndResult, Statement
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import Settled, WordTaken
from gateway.domain.refunds import RefundResult
from gateway.pipeline.conduct_words import alert, alert_record, found_out
from gateway.pipeline.settle import settle_by_word
from gateway.pipeline.tell import correction
from tests.adapters.postgres.conftest import Storage, as_runtime, opened
from tests.adapters.postgres.storage_builders import DIVISION, admission, key, settlement
from tests.adapters.postgres.test_holds_contract import grant, refund_of
from tests.adapters.postgres.test_set_aside_contract import (
    BOTH,
    NOT_PAID,
    ORIGIN,
    PAID,
    SOON,
    back,
    corrected,
    ended,
    moved,
    not_paid,
    notified,
    shown,
    spoken,
)
from tests.adapters.postgres.test_upgrade import copied

REFUSED = BankOutcome.REJECTED
LATER = SOON + dt.timedelta(minutes=1)


async def paid(storage: Storage) -> None:
    await storage.ledger.admit(admission(1, 100, BOTH))
    await storage.ledger.settle(settlement(1, PAID))


async def said(
    storage: Storage, outcome: BankOutcome, how: str = HOW_TOLD, at: dt.datetime = SOON,
    ledger: Any = None, letter: str = "ZF-1",
) -> Settled:  # fmt: skip
    word = BankAnswer(outcome=outcome, reference="W-1", reason=None)
    ledger = cast("Any", ledger or storage.second)
    number = letter if how == HOW_TOLD else None
    return await settle_by_word(key(1), word, how, ledger, ORIGIN, at, number)


async def found(storage: Storage, outcome: BankOutcome) -> EndResult:
    """Two officers, as `unknowns approve` does it."""
    standing = await storage.ledger.standing(key(1))
    assert standing
    debit = await storage.conduct.debit(key(1), though_back=outcome is PAID)
    facts = {"how": "operator", "by": "李、王", "reason": "清单第3页", "reference": "R-1"}
    end = found_out(standing, outcome, debit, facts, ORIGIN, SOON)
    return await storage.conduct.end_contradiction(end, SOON)


async def disputed(storage: Storage) -> bool:
    standing = await storage.ledger.standing(key(1))
    assert standing
    return standing.disputed


class Between:
    """A ledger before or after whose recording something happens."""

    def __init__(
        self, ledger: Any, before: Callable[[], Awaitable[object]] | None = None, *,
        deaf: bool = False,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._before = before
        self._deaf = deaf

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def record_contradiction(self, *told: Any) -> WordTaken:
        if before := self._before:
            self._before = None
            await before()
        taken: WordTaken = await self._ledger.record_contradiction(*told)
        if self._deaf:
            raise LedgerUnavailable("committed, and nobody heard it")
        return taken


async def test_a_word_against_not_paid_ends_with_that_word_and_nothing_moves(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1)
    assert (await said(storage, PAID)).contradiction
    before = await spoken(storage)
    assert await disputed(storage)
    assert await ended(storage, 1, REFUSED) is EndResult.GONE, "it counts as another"
    assert await ended(storage, 1, PAID) is EndResult.GONE, "the books would show it first"
    assert await ended(storage, 1, NOT_PAID, how="books") is EndResult.GONE, "the books never said"
    ends = await asyncio.gather(*(found(storage, NOT_PAID) for _ in range(3)))
    assert sorted(ends) == [EndResult.ENDED, EndResult.GONE, EndResult.GONE]
    standing = await storage.ledger.standing(key(1))
    assert standing and (standing.disputed, standing.bank) == (False, NOT_PAID)
    assert (standing.settled_at, standing.overruled) == (settlement(1).settled_at, None)
    assert await spoken(storage) == before == [(0, 0)] * 2
    assert await notified(storage) == ["contradiction_ended"]
    told = [("contradiction", "told", "accepted"), ("ended", "operator", "not_taken")]
    assert await corrected(storage) == told


async def test_a_word_against_paid_ends_as_paid_once_the_books_show_it_and_is_refunded_since(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await paid(storage)
    await said(storage, REFUSED)
    assert await found(storage, PAID) is EndResult.AGAINST, "the books show nothing of it"
    assert await disputed(storage) and await notified(storage) == []
    await shown(storage, moved(1, "L1"))
    early = await storage.refunds.refund(refund_of("R0", 1, 30))
    assert early.result is RefundResult.DISPUTED
    await shown(storage, back(1, "L2", 30))
    assert await ended(storage, 1, REFUSED) is EndResult.GONE, "nobody makes it unpaid"
    assert await found(storage, PAID) is EndResult.ENDED
    standing = await storage.ledger.standing(key(1))
    assert standing and standing.word and not standing.disputed
    assert standing.word.reference == settlement(1, PAID).bank_reference, "as it was settled"
    assert standing.settled_at == settlement(1).settled_at
    assert await spoken(storage) == [(0, 100)] * 2
    answer = await storage.refunds.refund(refund_of("R1", 1, 30))
    assert answer.result is RefundResult.REFUNDED


async def test_what_was_paid_and_came_back_whole_ends_as_paid_and_comes_back_by_a_refund(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await paid(storage)
    await said(storage, REFUSED)
    await shown(storage, moved(1, "L1"), back(1, "L2"))
    assert await found(storage, PAID) is EndResult.ENDED
    answer = await storage.refunds.refund(refund_of("R1", 1, 100))
    assert answer.result is RefundResult.REFUNDED
    assert await spoken(storage) == [(0, 0)] * 2


async def test_no_word_ends_against_a_debit_that_nobody_has_looked_at_yet(
    storage: Storage,
) -> None:
    """Then it is set aside first, and ends as the books have it."""
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await said(storage, PAID)
    unseen = Statement(id="", entries=(moved(1, "L1"),))
    await storage.conduct.take(unseen, [], SOON)
    assert await ended(storage, 1, NOT_PAID) is EndResult.AGAINST
    assert await disputed(storage) and await notified(storage) == []
    await shown(storage, moved(1, "L1"))
    assert await ended(storage, 1, PAID) is EndResult.ENDED
    assert not await disputed(storage), "officers end every word"


@pytest.mark.parametrize("how", ["answer", "enquiry", HOW_TOLD])
async def test_a_word_whose_commit_nobody_heard_is_on_record_once(
    storage: Storage, how: str
) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1)
    deaf = Between(storage.second, deaf=True)
    unheard = await said(storage, PAID, how, ledger=deaf)
    assert unheard.contradiction and not unheard.contradiction.recorded
    again = await asyncio.gather(*(said(storage, PAID, how, LATER) for _ in range(4)))
    assert all(each.contradiction and each.contradiction.recorded for each in again)
    assert await corrected(storage) == [("contradiction", how, "accepted")]
    assert (await said(storage, PAID, how, LATER)).contradiction, "also once it is numbered"
    assert await corrected(storage) == []


async def test_another_word_of_the_bank_is_a_record_of_its_own(storage: Storage) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await said(storage, PAID)
    await said(storage, PAID, "enquiry")
    await said(storage, REFUSED)
    assert [each[1:] for each in await corrected(storage)] == [
        ("told", "accepted"), ("enquiry", "accepted"), ("told", "rejected"),
    ]  # fmt: skip
    assert await found(storage, NOT_PAID) is EndResult.ENDED, "one end for all of them"
    assert not await disputed(storage)


async def test_whoever_slept_with_a_word_that_officers_ended_says_nothing_new(
    storage: Storage,
) -> None:
    """What the bank tells of its own accord after the end it tells against two who had looked."""
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await said(storage, PAID, "answer")
    assert await found(storage, NOT_PAID) is EndResult.ENDED
    woken = await said(storage, PAID, "enquiry", LATER)
    assert (woken.bank.outcome, woken.contradiction) == (NOT_PAID, None)
    assert woken.at == settlement(1).settled_at and not await disputed(storage)
    assert (await said(storage, PAID, HOW_TOLD, LATER)).contradiction
    assert await disputed(storage)
    assert (await said(storage, PAID, HOW_TOLD, LATER, letter="ZF-2")).contradiction
    assert await found(storage, NOT_PAID) is EndResult.ENDED
    woken = await said(storage, PAID, HOW_TOLD, LATER)
    assert (woken.bank.outcome, woken.contradiction) == (NOT_PAID, None), "the letter was read"
    assert await notified(storage) == ["contradiction_ended"] * 2
    assert (await said(storage, PAID, HOW_TOLD, LATER, letter="ZF-3")).contradiction
    assert [each[:2] for each in await corrected(storage)] == [
        ("contradiction", "answer"), ("ended", "operator"), ("contradiction", "told"),
        ("contradiction", "told"), ("ended", "operator"), ("contradiction", "told"),
    ]  # fmt: skip


async def test_a_word_that_officers_have_found_true_meanwhile_contradicts_nothing(
    storage: Storage,
) -> None:
    """Between what it read of the payment and its record."""
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await shown(storage, moved(1, "L1"))

    async def find_paid() -> None:
        assert await ended(storage, 1, PAID) is EndResult.ENDED

    settled = await said(storage, PAID, ledger=Between(storage.second, find_paid))
    assert (settled.bank.outcome, settled.contradiction) == (PAID, None)
    assert not await disputed(storage)


@pytest.mark.postgres
async def test_operators_are_told_of_every_contradiction_once_until_it_ends(
    migrated: str,
) -> None:
    backlog = PostgresBacklog(as_runtime(migrated))
    async with opened(migrated) as storage:
        await listed(storage, backlog)
    await backlog.close()


async def listed(storage: Storage, backlog: PostgresBacklog) -> None:
    async def seen() -> tuple[int, list[tuple[str | None, str | None]]]:
        counted = (await backlog.backlog()).contradictions
        return counted, [(each.held, each.said) for each in await backlog.unknowns(9)]

    await grant(storage, 1000)
    await not_paid(storage, 1)
    assert await seen() == (0, [])
    await said(storage, PAID)
    await said(storage, PAID, "enquiry")
    assert await seen() == (1, [("not_taken", "accepted")])
    await shown(storage, moved(1, "L1"))
    assert await seen() == (1, [("not_taken", "accepted")]), "one payment, however often"
    await shown(storage, back(1, "L2"))
    earlier = SOON - dt.timedelta(seconds=1)
    assert await ended(storage, 1, NOT_PAID, how="books", at=earlier) is EndResult.ENDED
    assert await seen() == (1, [("not_taken", "accepted")]), "the bank's word stands still"
    assert await found(storage, NOT_PAID) is EndResult.ENDED
    assert await seen() == (0, [])
    await said(storage, PAID, letter="ZF-2")
    assert await seen() == (1, [("not_taken", "accepted")])
    await shown(storage, moved(1, "L3"))
    assert await ended(storage, 1, PAID, at=LATER) is EndResult.ENDED
    assert await seen() == (0, [])
    over = [(each.ended_at, each.ended_as) for each in await backlog.ended(earlier, 9)]
    assert over == [(LATER, "accepted"), (SOON, "not_taken"), (earlier, "not_taken")], (
        "three acts: the last one ended what the books showed and what the bank said"
    )
    assert len(await backlog.ended(LATER, 9)) == 1
    assert await backlog.ended(LATER + dt.timedelta(seconds=1), 9) == []


@pytest.mark.postgres
async def test_what_earlier_releases_recorded_ends_like_any_and_is_listed_where_it_was_alerted_of(
    database: str, tmp_path: Path
) -> None:
    """Told twice by the bank and ended by the books' officers: only what stands is listed."""
    await migrate(database, copied(MIGRATIONS, tmp_path / "then", "0072"))
    owner = await asyncpg.connect(database)
    # What today's program writes of a version of the registers, which is not what this is about.
    await owner.execute("ALTER TABLE register_snapshot ADD COLUMN vouched bytea")
    evidence = {"how": HOW_TOLD, "reason": None, "reference": "W-1"}
    async with opened(database) as storage:
        await grant(storage, 1000)
        for number in (1, 2, 3):
            await not_paid(storage, number)
            standing = await storage.ledger.standing(key(number))
            assert standing
            draft = correction(standing, ORIGIN, SOON, evidence, PAID)
            await storage.ledger.record(DIVISION, draft)
        await shown(storage, moved(3, "L3"))
        assert await ended(storage, 3, PAID) is EndResult.ENDED
        for number in (1, 3):
            alerted = alert(
                DIVISION, "JL-101", f"outcome/{key(number)}/contradicted", "两说", "two words", {}
            )
            told = [(alerted, *alert_record(alerted, ORIGIN, SOON))]
            await storage.conduct.take(Statement(id=""), told, SOON)
        await corrected(storage)  # numbered
    await owner.execute("ALTER TABLE register_snapshot DROP COLUMN vouched")
    await owner.close()
    assert await migrate(database)
    backlog = PostgresBacklog(as_runtime(database))
    async with opened(database) as storage:
        (listed,) = await backlog.unknowns(9)
        assert (listed.key, listed.held, listed.said) == (key(1), "not_taken", "accepted")
        for number in (1, 2):
            assert await ended(storage, number, NOT_PAID) is EndResult.ENDED
            standing = await storage.ledger.standing(key(number))
            assert standing and not standing.disputed
    assert await backlog.unknowns(9) == []
    await backlog.close()
