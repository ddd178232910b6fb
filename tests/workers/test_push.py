"""Agencies with an address of their own are told in order, until they have taken it."""

import asyncio
import datetime as dt
import json
from collections.abc import Sequence

import attrs
import pytest

from gateway.domain.faults import Undelivered
from gateway.domain.holds import Notification
from gateway.workers.office import Office
from gateway.workers.push import PAUSES_S, Pushing
from tests.pipeline.fakes import DIVISION, NOW, FixedClock

AGENCY = (DIVISION, "101001")
URL = "https://erp.agency.example/told"


@attrs.define
class Letters:
    """The notifications of one agency."""

    waiting: list[Notification]
    acknowledged: list[tuple[int, str]] = attrs.field(factory=list)

    async def notifications(self, division: str, agency: str | None, limit: int) -> (
        list[Notification]
    ):  # fmt: skip
        return self.waiting[:limit] if (division, agency) == AGENCY else []

    async def acknowledge(
        self, division: str, agency: str | None, ids: Sequence[int], at: dt.datetime, by: str
    ) -> list[int]:
        self.waiting = [each for each in self.waiting if each.id not in ids]
        self.acknowledged += [(id, by) for id in ids]
        return list(ids)


@attrs.define
class Postbox:
    full_after: int = 99
    forbidden: bool = False
    taken: list[bytes] = attrs.field(factory=list)

    async def send(self, url: str, body: bytes) -> None:
        assert url == URL
        if len(self.taken) >= self.full_after:
            refusal = Undelivered("status 503")
            refusal.forbidden = self.forbidden
            raise refusal
        self.taken.append(body)


class _NoOffice:
    async def lead(self) -> bool:
        return True


def letter(id: int) -> Notification:
    return Notification(id=id, subject=f"k/{id}", created_at=NOW, body=b'{"how":"released"}')


def pushing(letters: Letters, postbox: Postbox) -> Pushing:
    office = Office(_NoOffice())  # type: ignore[arg-type]
    return Pushing(office, letters, postbox, FixedClock(), {AGENCY: URL})  # type: ignore[arg-type]


async def test_what_waits_is_told_in_order_and_acknowledged_by_its_receiver() -> None:
    letters, postbox = Letters([letter(1), letter(2)]), Postbox()
    assert await pushing(letters, postbox).push_some(AGENCY) == 2
    assert [json.loads(body)["id"] for body in postbox.taken] == [1, 2]
    assert json.loads(postbox.taken[0])["notification"] == {"how": "released"}
    assert letters.acknowledged == [(1, "push:erp.agency.example"), (2, "push:erp.agency.example")]


async def test_what_is_not_taken_waits_and_nothing_overtakes_it() -> None:
    letters, postbox = Letters([letter(1), letter(2), letter(3)]), Postbox(full_after=1)
    with pytest.raises(Undelivered):
        await pushing(letters, postbox).push_some(AGENCY)
    assert [each.id for each in letters.waiting] == [2, 3]
    postbox.full_after = 99
    await pushing(letters, postbox).push_some(AGENCY)
    assert [json.loads(body)["id"] for body in postbox.taken] == [1, 2, 3]


async def test_a_receiver_that_fails_is_asked_ever_more_seldom_and_from_anew_once_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letters, postbox = Letters([letter(1)]), Postbox(full_after=0)
    push, pauses = pushing(letters, postbox), list[float]()

    async def sleep(pause: float) -> None:
        """What happens before each look."""
        pauses.append(pause)
        turn = len(pauses)
        push._office.held = turn != 5
        postbox.forbidden = turn == 6
        postbox.full_after = 99 if turn == 8 else 0
        if turn == 3:
            assert push.troubles == {"/".join(AGENCY): "status 503"}
        if turn == 9:
            assert push.troubles == {} and letters.acknowledged
            raise asyncio.CancelledError

    monkeypatch.setattr("gateway.workers.push.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await push._serve(AGENCY)
    one, two, five, fifteen, *_, last = PAUSES_S
    # Office lost before the fifth, forbidden at the sixth: nobody there will ever take it as it is.
    assert pauses == [one, two, five, fifteen, PAUSES_S[4], one, last, last, one]
