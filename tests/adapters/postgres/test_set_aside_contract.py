"""What the bank's books show paid against a settlement is set aside on its limits until that ends.

One truth in memory and on PostgreSQL (decision 0087).
"""

import asyncio
import datetime as dt

import asyncpg
import orjson
import pytest
from msgspec.structs import replace

from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import (
    BankEntry,
    Correction,
    Direction,
    EndResult,
    Statement,
)
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import Admitted, Short
from gateway.domain.money import Fen
from gateway.domain.records import canonical
from gateway.domain.refunds import RefundResult
from gateway.pipeline.conduct_words import contradiction_end, told_by_books
from gateway.pipeline.tell import Origin
from tests.adapters.postgres.conftest import Storage, as_runtime, opened
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    draft,
    key,
    registers,
    settlement,
)
from tests.adapters.postgres.test_holds_contract import (
    claim_of,
    given,
    grant,
    held,
    limit_of,
    refund_of,
)

SOON = NOW + dt.timedelta(minutes=1)
ORIGIN = Origin(bank="103", uri="spiffe://t.test/gateway/103")
NOT_PAID, PAID = BankOutcome.NOT_TAKEN, BankOutcome.ACCEPTED
BOTH = ("IND-1", "IND-2")
KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def moved(
    number: int, id: str, amount: int = 100, direction: Direction = Direction.DEBIT,
    division: str = DIVISION,
) -> BankEntry:  # fmt: skip
    return BankEntry(
        division=division, id=id, booked_at=SOON, account="071", direction=direction,
        amount_fen=Fen(amount), key=key(number, division), reference=f"JH-{id}",
        counter_account="1", counter_name="甲",
    )  # fmt: skip


def back(number: int, id: str, amount: int = 100) -> BankEntry:
    return moved(number, id, amount, Direction.CREDIT)


async def not_paid(storage: Storage, number: int, amount: int = 100, lines=BOTH) -> None:
    await storage.ledger.admit(admission(number, amount, lines))
    await storage.ledger.settle(settlement(number, NOT_PAID))


async def correction(storage: Storage, entry: BankEntry) -> Correction:
    assert entry.key
    standing = await storage.ledger.standing(entry.key)
    assert standing
    return told_by_books(entry, standing, ORIGIN, SOON)


async def shown(storage: Storage, *entries: BankEntry) -> None:
    """In the bank's books; those that debit contradict."""
    debits = [each for each in entries if each.direction is Direction.DEBIT]
    corrections = [await correction(storage, each) for each in debits]
    statement = Statement(id="", entries=entries)
    await storage.conduct.take(statement, [], SOON, corrections=corrections)


async def ended(
    storage: Storage, number: int, said: BankOutcome, how: str = "operator",
    division: str = DIVISION, at: dt.datetime = SOON,
) -> EndResult:  # fmt: skip
    facts = {"how": how, "reason": "核心日终清单第3页", "booked_as": "JH-L1"}
    words = NOT_PAID, said
    end = contradiction_end(key(number, division), "101001", facts, words, ORIGIN, at)
    return await storage.conduct.end_contradiction(end, at)


async def spoken(storage: Storage) -> list[tuple[int, int]]:
    limits = [await limit_of(storage, id) for id in BOTH]
    return [(each.reserved_fen, each.posted_fen) for each in limits]


async def notified(storage: Storage) -> list[str]:
    waiting = await storage.holds.notifications(DIVISION, "101001", 99)
    return [orjson.loads(each.body)["kind"] for each in waiting]


async def corrected(storage: Storage) -> list[tuple[str, str, str]]:
    """What every correction record says, in order: what about, whence, what holds."""
    sealed = await storage.records.seal(DIVISION, 1000, NOW, PlainSealer().seal)
    bodies = [each.body for each in sealed.records if each.kind == "correction"] if sealed else []
    return [(f["what"], f["how"], f["said"]) for f in map(orjson.loads, bodies)]


async def test_what_the_books_show_paid_cannot_be_spent_again(storage: Storage) -> None:
    await grant(storage, 150)
    await not_paid(storage, 1)
    assert await spoken(storage) == [(0, 0), (0, 0)]
    await shown(storage, moved(1, "L1"))
    assert await spoken(storage) == [(100, 0), (100, 0)]
    short = await storage.ledger.admit(admission(2, 51, ("IND-2",)))
    assert isinstance(short, Short) and short.available_fen == 50
    assert await storage.ledger.admit(admission(3, 50)) == Admitted()
    standing = await storage.ledger.standing(key(1))
    assert standing and standing.disputed


async def test_two_gateways_that_look_at_once_and_again_set_it_aside_once(
    storage: Storage, storage_dsn: str | None
) -> None:
    await grant(storage, 1000)
    for number in (1, 2, 3):
        await not_paid(storage, number)
    entries = [moved(number, f"L{number}") for number in (3, 1, 2)]
    told = [await correction(storage, each) for each in (*entries, *entries)]
    statement = Statement(id="", entries=tuple(entries))
    rooms = [storage.conduct] * 2
    if storage_dsn:
        rooms += [PostgresConduct(as_runtime(storage_dsn))] * 2
    await asyncio.gather(
        *(room.take(statement, [], SOON, corrections=told) for room in rooms),
        *(room.take(statement, [], SOON, corrections=told[::-1]) for room in rooms),
    )
    await rooms[-1].close()
    assert await spoken(storage) == [(300, 0)] * 2
    assert await notified(storage) == ["contradiction"] * 3
    assert len(await corrected(storage)) == 3


async def test_a_line_may_be_overdrawn_by_what_was_paid_and_nothing_more_passes_on_it(
    storage: Storage, storage_dsn: str | None
) -> None:
    await grant(storage, 150)
    await not_paid(storage, 1)
    assert await storage.ledger.admit(admission(2, 100, BOTH)) == Admitted()
    await shown(storage, moved(1, "L1"))
    limit = await limit_of(storage)
    assert (limit.reserved_fen, limit.available_fen, limit.overdrawn) == (200, -50, True)
    short = await storage.ledger.admit(admission(3, 1))
    assert isinstance(short, Short) and short.available_fen == -50
    await storage.ledger.settle(settlement(2, PAID))
    assert await spoken(storage) == [(100, 100)] * 2, "what was reserved may still be posted"
    if storage_dsn:
        told = await storage.refunds.untold(DIVISION, 9)  # type: ignore[union-attr]
        assert [each.limit.key.id for each in told] == ["IND-1", "IND-2"]
    await shown(storage, back(1, "L2"))
    assert await ended(storage, 1, NOT_PAID, how="books") is EndResult.ENDED
    assert await spoken(storage) == [(0, 100)] * 2
    if storage_dsn:
        assert await storage.refunds.untold(DIVISION, 9) == []  # type: ignore[union-attr]


async def test_a_grant_lowered_below_what_is_set_aside_holds_it_all_the_same(
    storage: Storage,
) -> None:
    await grant(storage, 150)
    await not_paid(storage, 1)
    await shown(storage, moved(1, "L1"))
    await storage.registers.load(b"", registers(2, {"IND-1": 40}))
    assert await ended(storage, 1, PAID) is EndResult.ENDED
    assert await spoken(storage) == [(0, 100)] * 2


async def test_what_the_bank_takes_back_is_given_back_and_told_as_not_paid_again(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await shown(storage, moved(1, "L1"))
    assert await ended(storage, 1, NOT_PAID, how="books") is EndResult.AGAINST, "it is gone still"
    await shown(storage, back(1, "L2", 60))
    assert await ended(storage, 1, NOT_PAID, how="books") is EndResult.AGAINST, "a part is no whole"
    await shown(storage, back(1, "L3", 40))
    assert await ended(storage, 1, PAID) is EndResult.AGAINST, "nobody's word stands against them"
    assert await spoken(storage) == [(100, 0)] * 2
    results = [await ended(storage, 1, NOT_PAID, how="books") for _ in range(2)]
    assert results == [EndResult.ENDED, EndResult.GONE]
    assert await spoken(storage) == [(0, 0)] * 2
    standing = await storage.ledger.standing(key(1))
    assert standing and (standing.disputed, standing.bank) == (False, NOT_PAID)
    assert standing.settled_at == settlement(1).settled_at
    assert await notified(storage) == ["contradiction", "contradiction_ended"]

    await shown(storage, moved(1, "L4"))
    assert await spoken(storage) == [(100, 0)] * 2, "booked anew, and set aside anew"
    standing = await storage.ledger.standing(key(1))
    assert standing and standing.disputed
    first, second = ("contradiction", "books", "accepted"), ("ended", "books", "not_taken")
    assert await corrected(storage) == [first, second, first]


async def test_what_officers_found_paid_is_posted_and_refunded_like_any_payment(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await shown(storage, moved(1, "L1"))
    early = await storage.refunds.refund(refund_of("R0", 1, 30))
    assert early.result is RefundResult.UNPAID, "while it stands nothing moves"
    ends = await asyncio.gather(*(ended(storage, 1, PAID) for _ in range(3)))
    assert sorted(ends) == [EndResult.ENDED, EndResult.GONE, EndResult.GONE]
    assert await spoken(storage) == [(0, 100)] * 2
    standing = await storage.ledger.standing(key(1))
    assert standing and standing.word and not standing.disputed
    assert (standing.bank, standing.word.reference, standing.word.reason, standing.settled_at) == (
        PAID, "JH-L1", None, SOON,
    )  # fmt: skip
    assert await notified(storage) == ["contradiction", "contradiction_ended"]

    await shown(storage, moved(1, "L1"), moved(1, "L9"))
    assert await spoken(storage) == [(0, 100)] * 2, "officers have the last word"
    for number, amount in (("R1", 30), ("R2", 70)):
        answer = await storage.refunds.refund(refund_of(number, 1, amount))
        assert answer.result is RefundResult.REFUNDED
    assert await spoken(storage) == [(0, 0)] * 2
    await storage.ledger.record(DIVISION, draft(str(key(1)), "correction"))
    later = await storage.refunds.refund(refund_of("R3", 1, 1))
    assert later.result is RefundResult.DISPUTED, "the bank has said something else again"


async def test_what_a_release_reserved_is_set_aside_and_not_what_the_held_one_wanted(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await held(storage, 1, 100, lines=("IND-2",))
    claim = claim_of(1, await given(storage, 1, 1), 70, BOTH)
    await storage.holds.claim(claim)
    await storage.ledger.settle(settlement(1, BankOutcome.REJECTED))
    await shown(storage, moved(1, "L1", 70))
    assert await spoken(storage) == [(70, 0)] * 2


async def test_demands_on_one_line_are_set_aside_together_and_none_is_no_harm(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1, 40, ("IND-1", "IND-1"))
    await not_paid(storage, 2, 40, ())
    await shown(storage, moved(1, "L1", 40), moved(2, "L2", 40))
    assert await spoken(storage) == [(80, 0), (0, 0)]
    assert [await ended(storage, number, PAID) for number in (1, 2)] == [EndResult.ENDED] * 2
    assert await spoken(storage) == [(0, 80), (0, 0)]


async def test_nothing_is_set_aside_for_what_is_open_paid_or_taken_back(storage: Storage) -> None:
    await grant(storage, 1000)
    for number in (1, 2, 3):
        await storage.ledger.admit(admission(number, 100, BOTH))
    await storage.ledger.settle(settlement(2, PAID))
    await storage.ledger.settle(settlement(3, NOT_PAID))
    await shown(storage, *(moved(number, f"L{number}") for number in (1, 2)))
    await shown(storage, moved(3, "L3"), back(3, "L4"))
    assert await spoken(storage) == [(100, 100)] * 2
    assert await corrected(storage) == [] and await notified(storage) == []
    assert await ended(storage, 1, PAID) is EndResult.GONE


async def test_a_contradiction_told_by_a_program_from_before_is_set_aside_and_not_told_again(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1)
    told = await correction(storage, moved(1, "L1"))
    await storage.ledger.record(DIVISION, told.record)
    await shown(storage, moved(1, "L1"))
    assert await spoken(storage) == [(100, 0)] * 2
    assert len(await corrected(storage)) == 1 and await notified(storage) == []


async def test_the_books_end_what_they_said_and_officers_every_word(storage: Storage) -> None:
    """Before the books showed it, the bank had told us so."""
    await grant(storage, 1000)
    await not_paid(storage, 1)
    books = await correction(storage, moved(1, "L1"))
    word = orjson.loads(books.record.body) | {"how": "told"}
    await storage.ledger.record(DIVISION, replace(books.record, body=canonical(word)))
    for turn in range(2):
        await shown(storage, moved(1, f"D{turn}"))
        assert await spoken(storage) == [(100, 0)] * 2
        await shown(storage, back(1, f"C{turn}"))
        how = ("books", "operator")[turn]
        assert await ended(storage, 1, NOT_PAID, how=how) is EndResult.ENDED
        standing = await storage.ledger.standing(key(1))
        assert standing and standing.disputed is (how == "books")


@pytest.mark.postgres
async def test_a_gateway_killed_before_its_commit_has_set_aside_nothing_and_looks_again(
    migrated: str,
) -> None:
    """Cut when the correction is written and the limit lines are waited for."""
    owner, killer = await asyncpg.connect(migrated), await asyncpg.connect(migrated)
    async with opened(migrated) as storage:
        await grant(storage, 1000)
        await not_paid(storage, 1)
        begun = owner.transaction()
        await begun.start()
        await owner.execute("SELECT FROM limit_line WHERE id = 'IND-2' FOR UPDATE")
        looking = asyncio.create_task(shown(storage, moved(1, "L1")))
        async with asyncio.timeout(60):
            # Another backend is watched; there is no event to wait for.
            while not await killer.fetchval(KILL):  # noqa: ASYNC110
                await asyncio.sleep(0)
        with pytest.raises(LedgerUnavailable):
            await looking
        await begun.rollback()
        assert await spoken(storage) == [(0, 0)] * 2 and await notified(storage) == []
        await shown(storage, moved(1, "L1"))
        assert await spoken(storage) == [(100, 0)] * 2
        assert await notified(storage) == ["contradiction"]
    await owner.close()
    await killer.close()
