"""The bureau's feeds as a gateway keeps them: one contract, in memory and on PostgreSQL."""

import datetime as dt
from collections.abc import Sequence

import pytest

from gateway.domain.faults import Conflicting
from gateway.domain.log import LogHead, PendingRecord, Sealed
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import DIVISION, NOW, draft
from tests.adapters.postgres.test_holds_contract import order_about


async def test_what_was_taken_is_handed_back_as_it_came(storage: Storage) -> None:
    order, body = order_about(1)
    assert await storage.holds.held_feeds(DIVISION, 1, 9) == (0, [])
    for version in (1, 2, 3):
        feed = b"feed %d" % version, f"jws {version}", "bureau"
        assert await storage.holds.take_feed(DIVISION, version, feed, [order], [body], NOW)
    told = [(version, b"feed %d" % version, f"jws {version}") for version in (2, 3)]
    assert await storage.holds.held_feeds(DIVISION, 2, 9) == (3, told)
    assert await storage.holds.held_feeds(DIVISION, 2, 1) == (3, told[:1])
    assert await storage.holds.held_feeds(DIVISION, 4, 9) == (3, [])
    assert await storage.holds.held_feeds("110000000", 1, 9) == (0, [])


async def test_a_void_takes_a_number_with_its_record_and_gives_no_order(storage: Storage) -> None:
    feed, record = (b"void", "jws", "bureau"), draft("x", "release")
    assert await storage.holds.take_feed(DIVISION, 1, feed, [], [], NOW, record)
    assert not await storage.holds.take_feed(DIVISION, 1, feed, [], [], NOW, record)
    assert await storage.holds.open_orders(9) == []
    with pytest.raises(Conflicting):
        other = b"other", "jws", "bureau"
        await storage.holds.take_feed(DIVISION, 1, other, [], [], NOW, record)
    assert await storage.records.lead()
    seen: list[PendingRecord] = []

    def looked(
        _head: LogHead | None, _of: str, pending: Sequence[PendingRecord], _at: dt.datetime
    ) -> Sealed:
        seen.extend(pending)
        raise LookupError

    with pytest.raises(LookupError):
        await storage.records.seal(DIVISION, 9, NOW, looked)
    assert len(seen) == 1 and (seen[0].kind, seen[0].subject) == ("release", "x")
