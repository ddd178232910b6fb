"""A hold that is released, refused, expired and taken back at the same moment ends in one way."""

import asyncio

import asyncpg
import pytest

from gateway.domain.bank import BankOutcome
from gateway.domain.holds import Claimed, HoldEnding
from gateway.domain.ledger import Moved
from gateway.domain.releases import Verdict
from tests.adapters.postgres.conftest import Storage, opened
from tests.adapters.postgres.storage_builders import DIVISION, ask, key, share
from tests.adapters.postgres.test_holds_contract import (
    LATER,
    claim_of,
    ending_of,
    given,
    grant,
    held,
    limit_of,
)

HOLDS = 12


async def test_of_release_refusal_expiry_and_withdrawal_at_once_exactly_one_ends_a_hold(
    storage: Storage,
) -> None:
    await grant(storage, 10_000)
    races = []
    for number in range(HOLDS):
        await held(storage, number)
        order = await given(storage, number, 2 * number + 1)
        refusing = await given(storage, number, 2 * number + 2, verdict=Verdict.REFUSE)
        rooms = [storage.holds, storage.second_holds]
        deeds = [
            lambda room, n=number, o=order: room.claim(claim_of(n, o)),
            lambda room, n=number: room.end(ending_of(n, HoldEnding.WITHDRAWN)),
            lambda room, n=number, o=refusing: room.end(ending_of(n, HoldEnding.REFUSED, o)),
            lambda room, n=number: room.end(ending_of(n, HoldEnding.EXPIRED)),
        ]
        turned = deeds[number % 4 :] + deeds[: number % 4]
        races.append([deed(rooms[place % 2]) for place, deed in enumerate(turned)])
    told = [await asyncio.gather(*race) for race in races]
    released = 0
    for number, answers in enumerate(told):
        assert sum(answer is True or answer == Claimed() for answer in answers) == 1, answers
        standing = await storage.second.standing(key(number))
        assert standing and not standing.held
        claimed = Claimed() in answers
        assert (standing.ended_how == HoldEnding.RELEASED) is claimed
        assert standing.bank is (BankOutcome.UNKNOWN if claimed else None)
        released += claimed
    assert (await limit_of(storage)).reserved_fen == 100 * released
    assert await storage.holds.open_holds(DIVISION, LATER, 99) == []


WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%claim_release%'
"""


@pytest.mark.postgres
async def test_of_two_halves_released_at_once_the_second_meets_what_the_first_adds(
    migrated: str,
) -> None:
    """Both are in the middle of their claim, each believing that the window is empty."""
    owner = await asyncpg.connect(migrated)
    async with opened(migrated) as storage:
        await grant(storage, 10_000)
        claims = []
        for number in range(2):
            await held(storage, number)
            order = await given(storage, number, number + 1)
            claims.append(claim_of(number, order, asks=(ask(0),), shares=(share(600),)))
        async with owner.transaction():
            await owner.execute("SELECT FROM limit_line WHERE id = 'IND-1' FOR UPDATE")
            rooms = storage.holds, storage.second_holds
            under_way = [
                asyncio.create_task(room.claim(claim))
                for room, claim in zip(rooms, claims, strict=True)
            ]
            async with asyncio.timeout(60):
                while await owner.fetchval(WAITING) < 2:
                    await owner.execute("SELECT pg_stat_clear_snapshot()")
        answers = await asyncio.gather(*under_way)
        assert Claimed() in answers and Moved(values={ask(0).key: 600}) in answers
    await owner.close()
