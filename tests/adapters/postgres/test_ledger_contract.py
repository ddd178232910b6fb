"""What every ledger promises, in memory and on PostgreSQL alike."""

import asyncio
import datetime as dt
from collections import Counter

import pytest
from msgspec.structs import replace

from gateway.domain.bank import DISPUTED, BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.ledger import Admitted, RecordDraft, Short, Standing
from gateway.domain.records import unnumbered
from tests.adapters.postgres.conftest import Storage
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

LATER = NOW + dt.timedelta(hours=1)


async def grant(storage: Storage, **granted: int) -> None:
    known = {id.replace("_", "-"): amount for id, amount in granted.items()}
    await storage.registers.load(b"registers", registers(1, known))


async def recorded(storage: Storage) -> Counter[str]:
    """How many records of each kind were written (and seals them)."""
    sealed = await storage.records.seal(DIVISION, 1000, NOW, PlainSealer().seal)
    return Counter(record.kind for record in sealed.records) if sealed else Counter()


async def spoken_for(storage: Storage, id: str = "IND-1") -> tuple[int, int]:
    limit = await limit_at(storage.ledger, DIVISION, line(id))
    assert limit is not None
    return limit.reserved_fen, limit.posted_fen


async def test_a_pass_reserves_and_stays_open_until_the_bank_has_spoken(storage: Storage) -> None:
    await grant(storage, IND_1=1000)
    assert await storage.ledger.admit(admission(1, 300)) == Admitted()
    assert await spoken_for(storage) == (300, 0)
    [payment] = await storage.ledger.open_payments(LATER, 10)
    assert (payment.key, payment.instance, payment.amount_fen) == (key(1), "gw-1", 300)
    assert await storage.ledger.settle(settlement(1))
    assert await spoken_for(storage) == (0, 300)
    assert await storage.ledger.open_payments(LATER, 10) == []


@pytest.mark.parametrize("bank", [BankOutcome.REJECTED, BankOutcome.NOT_TAKEN])
async def test_what_the_bank_did_not_take_is_given_back(
    storage: Storage, bank: BankOutcome
) -> None:
    await grant(storage, IND_1=300)
    await storage.ledger.admit(admission(1, 300))
    assert isinstance(await storage.ledger.admit(admission(2, 300)), Short)
    assert await storage.ledger.settle(settlement(1, bank))
    assert await spoken_for(storage) == (0, 0)
    assert await storage.ledger.admit(admission(2, 300)) == Admitted()


async def test_settling_twice_writes_nothing_the_second_time(storage: Storage) -> None:
    await grant(storage, IND_1=1000)
    await storage.ledger.admit(admission(1, 300))
    tries = [settlement(1), settlement(1, BankOutcome.REJECTED), settlement(1)]
    rooms = [storage.ledger, storage.second, storage.ledger]
    settled = await asyncio.gather(*(room.settle(s) for room, s in zip(rooms, tries, strict=True)))
    assert sorted(settled) == [False, False, True]
    reserved, posted = await spoken_for(storage)
    assert reserved == 0 and posted in (0, 300)
    standing = await storage.ledger.standing(key(1))
    assert standing is not None and (standing.bank is BankOutcome.ACCEPTED) == (posted == 300)
    assert not await storage.ledger.settle(settlement("never admitted"))
    together = (settlement(1), settlement(2))
    await storage.ledger.admit(admission(2, 300))
    assert await asyncio.gather(*map(storage.ledger.settle, together)) == [False, True]
    assert await recorded(storage) == {"verdict": 2, "bank_outcome": 2}


async def test_a_replay_gets_what_stands_even_where_nothing_is_left(storage: Storage) -> None:
    await grant(storage, IND_1=300)
    first = admission(1, 300)
    await storage.ledger.admit(first)
    for again in (first, admission(1, 300, content="other"), admission(1, 299)):
        answer = await storage.second.admit(again)
        assert isinstance(answer, Standing)
        assert (answer.digest, answer.raw, answer.decision) == (
            first.digest, first.raw, first.decision,
        )  # fmt: skip
        assert (answer.decided_at, answer.bank) == (NOW, BankOutcome.UNKNOWN)
    assert await spoken_for(storage) == (300, 0)
    await storage.ledger.settle(settlement(1))
    settled = await storage.ledger.admit(first)
    assert isinstance(settled, Standing)
    assert (settled.bank, settled.bank_reference) == (BankOutcome.ACCEPTED, "REF-1")
    assert settled.settled_at == NOW + dt.timedelta(seconds=1)


async def test_one_identity_sent_many_times_at_once_is_admitted_once(storage: Storage) -> None:
    await grant(storage, IND_1=10_000)
    rooms = [storage.ledger, storage.second]
    answers = await asyncio.gather(
        *(rooms[n % 2].admit(admission(n % 5, 10, content=str(n))) for n in range(60))
    )
    kinds = Counter(type(answer) for answer in answers)
    assert kinds == {Admitted: 5, Standing: 55}
    assert await spoken_for(storage) == (50, 0)
    assert await recorded(storage) == {"verdict": 5}


async def test_a_hundred_at_once_on_one_limit_spend_it_exactly(storage: Storage) -> None:
    await grant(storage, IND_1=10_000)
    rooms = [storage.ledger, storage.second]
    answers = await asyncio.gather(*(rooms[n % 2].admit(admission(n, 300)) for n in range(100)))
    kinds = Counter(type(answer) for answer in answers)
    assert kinds == {Admitted: 33, Short: 67}
    assert await spoken_for(storage) == (9_900, 0)
    assert await recorded(storage) == {"verdict": 33}


@pytest.mark.parametrize(("granted", "cap"), [(1000, None), (100_000, 1000)])
async def test_what_settlements_give_back_the_admissions_beside_them_may_take(
    storage: Storage, granted: int, cap: int | None
) -> None:
    """They come together; what is voided is free, what is posted and what is open is not: of what
    was granted, and of what is planned to date."""
    await grant(storage, IND_1=granted, IND_2=50)
    for number, fen in ((1, 500), (2, 300), (3, 200)):
        assert await storage.ledger.admit(admission(number, fen)) == Admitted()
    answers = await asyncio.gather(
        storage.ledger.settle(settlement(1, BankOutcome.REJECTED)),
        storage.ledger.settle(settlement(2)),
        storage.ledger.settle(settlement(9)),
        storage.ledger.admit(admission(4, 400, cap=cap)),
        storage.ledger.admit(admission(5, 101, cap=cap)),
        storage.ledger.admit(admission(6, 50, ("IND-1", "IND-2"), cap=cap)),
        storage.ledger.admit(admission(2, 300)),
        storage.ledger.admit(admission(7, 1, outcome=Outcome.BLOCK)),
    )
    settled, (fits, short, both, known, told) = answers[:3], answers[3:]
    assert settled == [True, True, False]
    assert [fits, both, told] == [Admitted()] * 3
    assert isinstance(short, Short) and short.available_fen == 100
    assert isinstance(known, Standing) and known.bank is BankOutcome.ACCEPTED
    assert await spoken_for(storage) == (650, 300)
    assert await spoken_for(storage, "IND-2") == (50, 0)
    assert await recorded(storage) == {"verdict": 6, "bank_outcome": 2}


async def test_short_leaves_nothing_behind_and_the_identity_free(storage: Storage) -> None:
    await grant(storage, IND_1=1000, IND_2=100)
    short = await storage.ledger.admit(admission(1, 500, ("IND-1", "IND-2")))
    assert isinstance(short, Short)
    assert (short.demand.limit, short.available_fen) == (line("IND-2"), 100)
    assert await spoken_for(storage, "IND-1") == (0, 0)
    assert await storage.ledger.standing(key(1)) is None
    assert await storage.records.pending_divisions() == []
    blocked = admission(1, 500, outcome=Outcome.BLOCK)
    assert await storage.ledger.admit(blocked) == Admitted()


@pytest.mark.parametrize(("granted", "cap"), [(1000, None), (100_000, 1000)])
async def test_short_takes_nothing_from_those_who_came_with_it(
    storage: Storage, granted: int, cap: int | None
) -> None:
    """What it had of its first limit is the next one's, of the grant and of the plan."""
    await grant(storage, IND_1=granted, IND_2=50)
    short, next_one = await asyncio.gather(
        storage.ledger.admit(admission(1, 900, ("IND-1", "IND-2"), cap=cap)),
        storage.ledger.admit(admission(2, 200, cap=cap)),
    )
    assert isinstance(short, Short) and short.demand.limit == line("IND-2")
    assert next_one == Admitted() and await spoken_for(storage) == (200, 0)


async def test_a_limit_nobody_granted_has_nothing(storage: Storage) -> None:
    short = await storage.ledger.admit(admission(1, 1, ("IND-9",)))
    assert isinstance(short, Short) and short.available_fen == 0
    assert await limit_at(storage.ledger, DIVISION, line("IND-9")) is None


async def test_one_instruction_may_want_the_same_limit_twice(storage: Storage) -> None:
    await grant(storage, IND_1=500)
    short = await storage.ledger.admit(admission(1, 300, ("IND-1", "IND-1")))
    assert isinstance(short, Short) and short.available_fen == 500
    assert await storage.ledger.admit(admission(2, 250, ("IND-1", "IND-1"))) == Admitted()
    assert await spoken_for(storage) == (500, 0)
    await storage.ledger.settle(settlement(2))
    assert await spoken_for(storage) == (0, 500)


async def test_who_comes_first_is_served_first_and_a_smaller_one_may_still_fit(
    storage: Storage,
) -> None:
    await grant(storage, IND_1=1000, IND_2=1000)
    wants = [(1, 600), (2, 600), (3, 400), (4, 1)]
    answers = await asyncio.gather(*(storage.ledger.admit(admission(*want)) for want in wants))
    assert [type(answer) for answer in answers] == [Admitted, Short, Admitted, Short]
    assert isinstance(answers[1], Short) and answers[1].available_fen == 400


async def test_held_and_blocked_are_kept_reserve_nothing_and_are_told(storage: Storage) -> None:
    for number, outcome in ((1, Outcome.HOLD), (2, Outcome.BLOCK)):
        assert await storage.ledger.admit(admission(number, outcome=outcome)) == Admitted()
        standing = await storage.ledger.standing(key(number))
        assert standing is not None and (standing.outcome, standing.bank) == (outcome, None)
    assert await storage.ledger.open_payments(LATER, 10) == []
    assert not await storage.ledger.settle(settlement(1))
    first, second = await storage.records.notices(DIVISION, 10)
    assert (first.subject, second.subject) == (str(key(1)), str(key(2)))
    await storage.records.notices_untold(first.division, [first.id], LATER)
    await storage.records.notices_told(second.division, {second.id: "signed"}, LATER)
    assert await storage.records.notices("229900000", 10) == []
    await storage.records.notices_told("229900000", {first.id: "another division's"}, LATER)
    [left] = await storage.records.notices(DIVISION, 10)
    assert (left.id, left.attempts) == (first.id, 1)
    await storage.records.notices_told(DIVISION, {first.id: "signed", second.id: "again"}, LATER)
    assert await storage.records.notices(DIVISION, 10) == []


async def test_enquiries_keep_the_first_unbroken_not_found(storage: Storage) -> None:
    await grant(storage, IND_1=1000)
    await storage.ledger.admit(admission(1, 300))
    minutes = [NOW + dt.timedelta(minutes=n) for n in range(5)]

    async def noted(at: dt.datetime, not_found: bool, task: bool = False) -> dt.datetime | None:
        until = at if task else None
        await storage.ledger.note_enquiry(key(1), at, not_found=not_found, ask_after=until)
        payments = await storage.ledger.open_payments(LATER, 10)
        return payments[0].first_not_found_at if payments else None

    assert await noted(minutes[0], True) == minutes[0]
    assert await noted(minutes[1], True) == minutes[0]
    assert await noted(minutes[2], False) is None
    assert await noted(minutes[3], True) == minutes[3]
    [payment] = await storage.ledger.open_payments(LATER, 10)
    assert payment.enquiries == 4
    await noted(minutes[4], True, task=True)
    assert await storage.ledger.open_payments(LATER, 10) == []


async def test_open_payments_come_oldest_first_and_only_if_old_enough(storage: Storage) -> None:
    await grant(storage, IND_1=1000)
    for number in (2, 1, 3):
        await storage.ledger.admit(admission(number, 1))
    payments = await storage.ledger.open_payments(LATER, 2)
    assert [payment.key for payment in payments] == [key(1), key(2)]
    assert await storage.ledger.open_payments(NOW, 10) == []


async def test_payments_that_stay_open_do_not_hide_younger_ones_from_enquiry(
    storage: Storage,
) -> None:
    await grant(storage, IND_1=1000)
    for number in range(3):
        await storage.ledger.admit(admission(number, 1))
    asked = []
    for _ in range(3):
        for payment in await storage.ledger.open_payments(LATER, 2):
            asked.append(payment.key)
            await storage.ledger.note_enquiry(payment.key, LATER, not_found=True)
    assert asked == [key(n) for n in (0, 1, 2, 0, 1, 2)]


async def test_a_lowered_grant_is_reported_and_only_what_was_reserved_may_still_be_paid(
    storage: Storage,
) -> None:
    await storage.registers.load(b"1", registers(1, {"IND-1": 1000}, posted=100))
    await storage.ledger.admit(admission(1, 500))
    await storage.ledger.admit(admission(2, 300))
    loaded = await storage.registers.load(b"2", registers(2, {"IND-1": 600}, posted=777))
    assert [limit.available_fen for limit in loaded.overdrawn] == [600 - 100 - 800]
    assert isinstance(await storage.ledger.admit(admission(3, 1)), Short)
    assert await storage.ledger.settle(settlement(1))
    assert isinstance(await storage.ledger.admit(admission(3, 1)), Short)
    assert await storage.ledger.settle(settlement(2, BankOutcome.REJECTED))
    limit = await limit_at(storage.ledger, DIVISION, line())
    assert limit is not None and (limit.opening_fen, limit.available_fen) == (100, 0)
    await storage.registers.load(b"3", registers(3, {"IND-1": 601}))
    assert await storage.ledger.admit(admission(3, 1)) == Admitted()


async def test_older_registers_change_nothing_and_a_missing_indicator_loses_its_grant(
    storage: Storage,
) -> None:
    await storage.registers.load(b"2", registers(2, {"IND-1": 1000, "IND-2": 1000}))
    for version in (1, 2):
        again = await storage.registers.load(b"x", registers(version, {"IND-1": 5}))
        assert (again.applied, again.version) == (False, 2)
    loaded = await storage.registers.load(b"3", registers(3, {"IND-2": 1000}))
    assert loaded.withdrawn == ("IND-1",)
    assert isinstance(await storage.ledger.admit(admission(1, 1)), Short)
    assert await storage.ledger.admit(admission(2, 1, ("IND-2",))) == Admitted()


async def test_divisions_do_not_touch_each_other(storage: Storage) -> None:
    await grant(storage, IND_1=300)
    other = "229900000"
    await storage.registers.load(b"1", registers(1, {"IND-1": 300}, division=other))
    assert await storage.ledger.admit(admission(1, 300)) == Admitted()
    assert await storage.ledger.admit(admission(1, 300, division=other)) == Admitted()
    assert await storage.ledger.settle(settlement(1, division=other))
    assert await spoken_for(storage) == (300, 0)


async def test_any_fiscal_year_has_its_place(storage: Storage) -> None:
    for year in (1999, 2026, 2077):
        blocked = admission(1, outcome=Outcome.BLOCK, year=year)
        assert await storage.ledger.admit(blocked) == Admitted()
        assert await storage.ledger.standing(key(1, year=year)) is not None


async def test_a_record_without_an_admission_waits_for_its_number_too(storage: Storage) -> None:
    await storage.ledger.record(DIVISION, draft("somewhat", "conflict"))
    assert await storage.records.pending_divisions() == [DIVISION]


@pytest.mark.parametrize("sealed", [False, True])
async def test_what_was_corrected_is_disputed_and_its_word_is_nobodys(
    storage: Storage, sealed: bool
) -> None:
    await grant(storage, IND_1=1000)
    for number in (1, 2):
        await storage.ledger.admit(admission(number, 300))
        await storage.ledger.settle(settlement(number, BankOutcome.NOT_TAKEN))
    await storage.ledger.record(DIVISION, draft(str(key(1)), "correction"))
    if sealed:
        await recorded(storage)
    again = await storage.ledger.admit(admission(1, 300))
    other = await storage.ledger.standing(key(2))
    assert isinstance(again, Standing) and other
    assert (again.disputed, again.bank, again.word) == (True, BankOutcome.NOT_TAKEN, DISPUTED)
    assert not other.disputed and other.word and other.word.outcome is BankOutcome.NOT_TAKEN


def conflicting(content: int) -> tuple[RecordDraft, bytes]:
    digest = bytes([content]) * 32
    body = unnumbered({"digest": digest.hex(), "first_digest": "00" * 32, "kind": "conflict"})
    return RecordDraft(kind="conflict", subject=str(key(1)), body=body), digest


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_conflict_is_recorded_once_for_each_content_and_no_more_than_so_many(
    storage: Storage, sealed: bool
) -> None:
    """The content of the first instruction stands in every record, and makes none a repetition."""
    told, sealer = [], PlainSealer()
    for content in (1, 2, 1, 2, 0, 3, 4):
        told.append(await storage.ledger.record_conflict(key(1), *conflicting(content), 4))
        if sealed:
            await storage.records.seal(DIVISION, 9, NOW, sealer.seal)
    assert told == [True, True, False, False, True, True, False]


async def test_of_many_equal_conflicts_at_once_one_is_recorded(storage: Storage) -> None:
    rooms = (storage.ledger, storage.second) * 3
    told = await asyncio.gather(
        *(room.record_conflict(key(1), *conflicting(1), 16) for room in rooms)
    )
    assert sorted(told) == [False] * 5 + [True]
    assert await recorded(storage) == {"conflict": 1}


async def test_what_a_wrong_clock_opened_hours_ahead_does_not_wait_for_that_hour(
    storage: Storage,
) -> None:
    """After a jump of twenty hours and back, payments stayed unknown for twenty hours."""
    for number, ahead in ((1, dt.timedelta(minutes=1)), (2, dt.timedelta(hours=20))):
        await storage.ledger.admit(replace(admission(number, lines=()), decided_at=NOW + ahead))
    assert [p.key for p in await storage.ledger.open_payments(NOW, 10)] == [key(2)]


async def test_an_agency_is_shown_its_own_and_of_anothers_what_it_would_be_of_nothing(
    storage: Storage,
) -> None:
    await grant(storage, IND_1=1000)
    await storage.ledger.admit(admission(1, 300))
    own = await storage.ledger.standing(key(1))
    assert own is not None
    assert await storage.ledger.standing_for(own.agency_code, key(1)) == own
    assert await storage.ledger.standing_for(None, key(1)) == own
    assert await storage.ledger.standing_for("101999", key(1)) is None
    assert await storage.ledger.standing_for(own.agency_code, key(2)) is None
