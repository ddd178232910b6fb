"""What the bank did is counted for the division and the days that are asked for, and no others."""

import datetime as dt
from collections.abc import AsyncIterator

import attrs
import pytest
from msgspec.structs import replace

from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.domain.conduct import BankEntry, ClearingTotal, Direction, Statement
from gateway.domain.decision import Outcome
from gateway.domain.holds import Claimed
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.money import Fen
from tests.adapters.postgres.conftest import as_runtime, opened
from tests.adapters.postgres.storage_builders import DIVISION, NOW, admission, key
from tests.adapters.postgres.test_holds_contract import LATER, claim_of, given, grant

pytestmark = pytest.mark.postgres

DAY = dt.date(2026, 3, 2)
OTHER = "220100000"
TICK = dt.timedelta(microseconds=1)


@pytest.fixture
async def conduct(migrated: str) -> AsyncIterator[PostgresConduct]:
    room = PostgresConduct(as_runtime(migrated))
    yield room
    await room.close()


async def test_a_clearing_voucher_of_another_division_contradicts_none_here(
    conduct: PostgresConduct,
) -> None:
    told = ClearingTotal(
        division=OTHER, day=DAY, account="0710", voucher_no="1", amount_fen=Fen(500)
    )
    await conduct.take(Statement(id="S-1", clearing=(told,)), [], NOW)
    otherwise = attrs.evolve(told, amount_fen=Fen(700))
    here = attrs.evolve(otherwise, division=DIVISION)
    known = await conduct.known([], [here, otherwise])
    assert known.cleared == {otherwise: 500}


async def test_with_a_movement_come_the_others_of_its_instruction_and_of_no_other(
    conduct: PostgresConduct,
) -> None:
    def moved(named: str, number: int | None, division: str = DIVISION) -> BankEntry:
        return BankEntry(
            division=division, id=named, booked_at=NOW, account="0710", direction=Direction.DEBIT,
            amount_fen=Fen(1), key=replace(key(number), division=division) if number else None,
            reference="", counter_account="", counter_name="",
        )  # fmt: skip

    kept = moved("E1", 1), moved("E2", 1), moved("E3", 2), moved("E4", None), moved("E1", 1, OTHER)
    await conduct.take(Statement(id="S-1", entries=kept), [], NOW)
    known = await conduct.known([moved("E9", 1)])
    assert known.booked == {(DIVISION, "E1"): kept[0], (DIVISION, "E2"): kept[1]}
    known = await conduct.known([moved("E4", None)])
    assert known.booked == {(DIVISION, "E4"): kept[3]}


async def test_a_score_counts_from_the_first_moment_of_its_first_day_to_the_last_of_its_last(
    conduct: PostgresConduct,
) -> None:
    begins = dt.datetime.combine(DAY, dt.time(), SHANGHAI)
    ends = begins + dt.timedelta(days=2)
    moments = (begins - TICK, begins, ends - TICK, ends)
    entries = tuple(
        BankEntry(
            division=division, id=f"E{number}", booked_at=at, account="0710",
            direction=Direction.DEBIT, amount_fen=Fen(10**number), key=None, reference="",
            counter_account="", counter_name="",
        )
        for division in (DIVISION, OTHER) for number, at in enumerate(moments)
    )  # fmt: skip
    await conduct.take(Statement(id="S-1", entries=entries), [], NOW)
    card = await conduct.score(DIVISION, DAY, DAY + dt.timedelta(days=1))
    assert (card.booked, card.booked_fen) == (2, 110)


async def test_a_score_counts_what_was_released_in_its_days_as_passed(migrated: str) -> None:
    async with opened(migrated) as storage:
        await grant(storage, 1000)
        for number, outcome in ((1, Outcome.HOLD), (2, Outcome.HOLD), (3, Outcome.PASS)):
            await storage.ledger.admit(admission(number, outcome=outcome))
        assert await storage.holds.claim(claim_of(1, await given(storage, 1, 1))) == Claimed()
        score = storage.conduct.score  # type: ignore[attr-defined]
        days = (LATER.astimezone(SHANGHAI).date(),) * 2
        card = await score(DIVISION, *days)
        assert (card.passed, card.passed_fen) == (2, 2 * admission(1).amount_fen)
        assert (await score(DIVISION, *[day + dt.timedelta(days=1) for day in days])).passed == 0
