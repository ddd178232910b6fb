"""Questions about single instructions, as they wait for the follower."""

import datetime as dt
import hashlib

import pytest

from adapters.postgres.oversight.past import PostgresPast
from certs.people import PeopleVault
from gateway.domain.past import Question, Wanted
from tests.adapters.postgres.conftest import as_runtime

pytestmark = pytest.mark.postgres

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


async def test_the_divisions_are_answered_in_turn(migrated: str) -> None:
    """In the order of their codes, one that asks without end would silence those after it."""
    past = PostgresPast(as_runtime(migrated), PeopleVault(b"k" * 32))
    try:
        for division, many in (("220000000", 12), ("220100000", 2)):
            for number in range(1, many + 1):
                question = Question(
                    division=division, number=number, digest=hashlib.sha256(b"").digest(),
                    what=Wanted.REPLAY, by="li", subject=f"{division}/2026/8202/{number}",
                )  # fmt: skip
                assert await past.add_question(question, None, NOW)
        assert await past.questions_open("220000000") == 12
        waiting = [(each.division, each.number) for each in await past.open_questions()]
        assert waiting[:4] == [(division, number) for number in (1, 2)
                               for division in ("220000000", "220100000")]  # fmt: skip
        assert len(waiting) == 8
    finally:
        await past.close()
