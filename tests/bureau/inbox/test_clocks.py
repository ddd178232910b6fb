"""A gateway whose clock goes ahead together with its database's is noticed by the bureau."""

import datetime as dt

import pytest

from adapters.bureau.frame import framed
from tests.bureau.words import BANK, DIVISION, GATEWAY, Bureau, Chain, verdict

pytestmark = pytest.mark.postgres

PLACE = f"{DIVISION}/{BANK}"


def at(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


async def test_records_of_a_time_to_come_are_told_until_one_is_of_now(
    bureau: Bureau, chain: Chain
) -> None:
    """A year's turn came an hour early at the bank, and nobody was told why."""
    now, hour = dt.datetime.now(dt.UTC), dt.timedelta(hours=1)
    clocks = bureau.inbox.clocks
    clocks._clock = lambda: now

    async def tell(number: int, **more: object) -> str:
        chain.seal([verdict(number, **more)])
        await bureau.inbox.receive(GATEWAY, framed(chain.delivery(number - 1)))
        return clocks.troubles.get(PLACE, "")

    assert await tell(1, recorded_at=at(now)) == ""
    assert "of 3600 s from now" in await tell(2, recorded_at=at(now + hour))
    assert await tell(3, recorded_at=at(now + dt.timedelta(minutes=2))) == ""
    assert "from now" in await tell(4, recorded_at=at(now + hour))
    assert await tell(5, recorded_at=at(now - hour)) == "", "a backlog is no wrong clock"
    assert await tell(6, recorded_at="soon") == ""
