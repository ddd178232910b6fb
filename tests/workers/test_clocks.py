"""A clock that is wrong decides nothing: not which day it is, not what has ended, not who leads."""

import datetime as dt
from collections import ChainMap

import pytest
import structlog

from gateway.domain.faults import LedgerUnavailable, Unready
from gateway.pipeline.parse import refuse_forgetful
from gateway.workers.clocks import APART, ASKED_WITHIN_S, UNASKED, Clocks
from gateway.workers.office import Office
from tests.memory.recordlog import MemoryRecordLog
from tests.memory.state import MemoryState
from tests.pipeline.fakes import DIVISION, NOW, FixedClock

HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


class Beside:
    """A gateway's clock, and its database's, which is right unless it is moved, too."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.wrong, self.away, self.takes_s = dt.timedelta(), False, 0.0
        self.set_meanwhile = dt.timedelta()
        self.clocks = Clocks(self, self.clock, (DIVISION,))

    async def time_there(self) -> dt.datetime:
        if self.away:
            raise LedgerUnavailable("no connection")
        self.pass_by(self.takes_s)
        self.clock.wall += self.set_meanwhile
        return NOW + dt.timedelta(seconds=self.clock.ticks) + self.wrong

    def pass_by(self, seconds: float) -> None:
        self.clock.ticks += seconds
        self.clock.wall += dt.timedelta(seconds=seconds)

    async def looked(self) -> str:
        with structlog.testing.capture_logs():
            await self.clocks.look()
        return self.clocks.why


async def agreed() -> Beside:
    beside = Beside()
    assert beside.clocks.why == UNASKED and dict(beside.clocks) == {DIVISION: UNASKED}
    assert await beside.looked() == "" and dict(beside.clocks) == {}
    return beside


@pytest.mark.parametrize(("moved", "words"), [(HOUR, "ahead of"), (-HOUR, "behind")])
async def test_a_clock_that_is_set_is_believed_no_more_at_once_and_until_it_is_right(
    moved: dt.timedelta, words: str
) -> None:
    beside = await agreed()
    beside.pass_by(30)
    assert beside.clocks.why == ""
    beside.clock.wall += moved
    assert "was set by" in beside.clocks[DIVISION], "before anybody was asked"
    with pytest.raises(Unready, match="was set by"):
        refuse_forgetful(DIVISION, ChainMap({}, beside.clocks))  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            await beside.clocks.look()
            beside.pass_by(1)
    assert [line["event"] for line in lines] == ["clock.apart"], "told once a minute"
    assert beside.clocks.why == f"this host's clock is 3600 s {words} the database's"
    beside.clock.wall -= moved
    assert beside.clocks.why, "nobody was asked yet"
    assert await beside.looked() == ""


@pytest.mark.parametrize("moved", [HOUR, -HOUR])
async def test_a_clock_that_is_set_while_the_database_answers_is_not_believed_for_that(
    moved: dt.timedelta,
) -> None:
    """Its answer lies between the two times that such a clock has shown."""
    beside = await agreed()
    beside.set_meanwhile = moved
    assert "was set by" in await beside.looked()
    beside.set_meanwhile = dt.timedelta()
    assert "the database's" in await beside.looked()


async def test_a_host_that_slept_goes_on_once_the_database_says_that_it_is_so_late() -> None:
    """The monotonic clock stands still in a sleep; the wall clock is right when it wakes."""
    beside = await agreed()
    beside.clock.wall += HOUR
    beside.wrong = HOUR
    assert beside.clocks.why
    assert await beside.looked() == ""


async def test_the_databases_own_clock_may_be_the_wrong_one() -> None:
    beside = await agreed()
    beside.wrong = HOUR
    assert "behind the database's" in await beside.looked()
    beside.wrong = -APART
    assert await beside.looked() == "", "so far apart they may be"
    beside.wrong = -APART - SECOND
    assert "ahead of" in await beside.looked()


async def test_who_says_nothing_or_takes_long_changes_nothing() -> None:
    beside = await agreed()
    beside.wrong, beside.away = HOUR, True
    assert await beside.looked() == ""
    beside.clock.wall += HOUR
    assert "was set by" in beside.clocks.why, "that is seen without anybody who answers"
    assert DIVISION in beside.clocks and "220100000" not in beside.clocks
    beside.clock.wall -= HOUR
    beside.away, beside.takes_s = False, ASKED_WITHIN_S + 1
    assert await beside.looked() == ""
    beside.takes_s = 0.0
    assert await beside.looked()


async def test_whose_clock_is_wrong_holds_no_office_and_another_takes_it() -> None:
    beside, state = await agreed(), MemoryState()
    here, there = Office(MemoryRecordLog(state)), Office(MemoryRecordLog(state))
    here.unfit = beside.clocks.unfit
    await here.take_or_keep()
    await there.take_or_keep()
    assert here.held and not there.held
    beside.clock.wall += HOUR
    assert not here.held, "at once: what only time ends is the office's"
    await here.take_or_keep()
    await there.take_or_keep()
    assert there.held
    beside.clock.wall -= HOUR
    await here.take_or_keep()
    assert not here.held
