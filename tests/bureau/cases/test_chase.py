"""The worker that reminds: one case, or one division, on which it breaks stops no other."""

import asyncio
import datetime as dt

import pytest

from bureau.desk.casework.words import Move
from bureau.desk.docket import chase, office
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_edges import REVIEWER, Key, opening
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION, Bureau

pytestmark = pytest.mark.postgres


async def asked(desk: Desk, *days: int) -> Key:
    """A case in which papers were asked for, due in so many days each."""
    key = await desk.rooms.office.open(DIVISION, opening(), [], REVIEWER)
    for each in days:
        due = (legal_day(desk.hands.now) + dt.timedelta(days=each)).isoformat()
        body = {"means": "document_request", "due": due, "text": "合同"}
        await desk.rooms.office.move(key, Move.VERIFY, body, REVIEWER)
    return key


async def reminded(desk: Desk, key: Key) -> list[str]:
    moves = (await desk.rooms.office.state(key))[2]
    return [each["body"]["text"][10:] for each in moves if each["move"] == Move.REMIND]


async def test_a_case_that_this_release_cannot_read_stops_no_other(
    desk: Desk, bureau: Bureau
) -> None:
    """A move of a newer release, after this one was put back: it would end the program, and again
    at each start."""
    unread, other = await asked(desk, 1), await asked(desk, 2)
    await bureau.pool.execute(
        "INSERT INTO case_move (division, year, number, seq, move, login, name, office, at, day,"
        " body) VALUES ($1, $2, $3, 2, 'unheard_of', 'r', '甲', 'reviewer', now(), now(), '{}')",
        *unread,
    )
    assert await desk.rooms.office.chase(DIVISION) == 1
    assert await reminded(desk, other) == ["即将到期"]


async def test_what_is_never_answered_keeps_no_later_case_from_being_reminded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of them there are: what is overdue stays the soonest due."""
    monkeypatch.setattr(office, "DUE_ROWS", 2)
    silent = [await asked(desk, 0) for _ in range(3)]
    while await desk.rooms.office.chase(DIVISION):
        pass
    later = await asked(desk, 2)
    assert await desk.rooms.office.chase(DIVISION) == 1
    assert await reminded(desk, later) == ["即将到期"]
    assert [await reminded(desk, key) for key in silent] == [["即将到期"]] * 3


async def test_an_answer_that_never_comes_hides_no_other_day_of_its_case(desk: Desk) -> None:
    key = await asked(desk, 1, 6)
    assert await desk.rooms.office.chase(DIVISION) == 1
    desk.hands.now += dt.timedelta(days=4)
    assert [await desk.rooms.office.chase(DIVISION) for _ in range(3)] == [1, 1, 0]
    assert await reminded(desk, key) == ["即将到期", "已逾期", "即将到期"]


async def test_a_division_whose_registers_cannot_be_opened_stops_no_other(desk: Desk) -> None:
    """Sealed under a passphrase that is not the program's any more, say."""
    chased: list[str] = []
    both = asyncio.Event()

    class Office:
        async def chase(self, division: str) -> int:
            chased.append(division)
            if len(chased) == 2:
                both.set()
            raise ValueError("sealed with another passphrase")

    task = asyncio.create_task(chase.chase_all(Office(), ["220000000", "220100000"]))  # type: ignore[arg-type]
    waiting = asyncio.create_task(both.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    waiting.cancel()
    assert chased == ["220000000", "220100000"]
