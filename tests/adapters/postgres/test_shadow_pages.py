"""What a candidate's trial has read counts once, whoever read it."""

import datetime as dt

import pytest

from adapters.postgres.oversight.past import PostgresPast, Span
from certs.people import PeopleVault
from gateway.domain.past import Candidate
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import DIVISION, NOW

pytestmark = pytest.mark.postgres


async def test_of_two_processes_that_read_one_page_of_a_trial_one_counts_it(migrated: str) -> None:
    rooms = [PostgresPast(as_runtime(migrated), PeopleVault(b"k" * 32)) for _ in range(2)]
    candidate = Candidate(revision="r2", documents=b"{}", by="li")
    assert await rooms[0].start_shadow(DIVISION, candidate, Span(after_seq=-1, last_seq=99), NOW)
    first, second = [(await room.shadows(DIVISION))[0] for room in rooms]
    assert await rooms[0].advance(first, 9, 10, [])
    assert not await rooms[1].advance(second, 9, 10, []), "it has read what was read"
    (now,) = await rooms[1].shadows(DIVISION)
    assert (now.read_seq, now.compared) == (9, 10)
    assert await rooms[1].stop_shadow(DIVISION, NOW + dt.timedelta(hours=1)) == now.run
    assert not await rooms[0].advance(now, 19, 10, []), "stopped meanwhile"
    for room in rooms:
        await room.close()
