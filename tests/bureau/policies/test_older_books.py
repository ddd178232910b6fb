"""A gateway that decides by an older book than it had: its log, or its receipt, says so."""

import datetime as dt
from typing import Any

import pytest

from adapters.bureau.frame import framed
from bureau.desk.certificates import Shelf
from bureau.desk.people import Office
from bureau.desk.policies.drafts import TAKEN_WITHIN
from bureau.desk.trail import Act
from bureau.desk.wellbeing import Watch
from gateway.domain.records import unnumbered
from tests.bureau.desks import Desk
from tests.bureau.test_not_ours import seen
from tests.bureau.words import BANK, DIVISION, GATEWAY, Bureau, Chain

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/policies"
ALARM = "正按第7版规则簿核验"


def activated(revision: int) -> bytes:
    told = {"division": DIVISION, "kind": "policy_activated", "what": "activated"}
    return unnumbered(told | {"revision": revision})


async def warnings(desk: Desk) -> dict[str, str]:
    """Of `/readyz`."""
    rooms = desk.rooms
    await rooms.not_ours.look(DIVISION)
    watch = Watch(
        desk=rooms.desk, shelf=Shelf(own={}, parties=None), divisions=(DIVISION,),
        witness=lambda at: "", troubles=dict, clock=rooms.clock,
        older_books=rooms.policies.older_books, not_ours=rooms.not_ours.open,
    )  # fmt: skip
    return dict((await watch.look()).warnings)


async def test_a_log_that_tells_of_an_older_book_after_a_newer_one_is_a_warning(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reader, key = await desk.seat(Office.PROVINCE), f"book.{DIVISION}/{BANK}"
    for revisions, older in (((7, 8), False), ((7,), True), ((9,), False)):
        chain.seal([activated(revision) for revision in revisions])
        await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
        assert (key in await warnings(desk)) is older
        assert (ALARM in (await reader.get(HOME))[1]) is older


async def test_a_book_that_was_received_and_is_never_told_of_is_a_warning_once_it_is_due(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    chain.seal([activated(7)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    store: Any = desk.rooms.policies.store
    due = desk.hands.now + dt.timedelta(hours=1)
    values = 8, "8", "li", "wang", due, desk.hands.now, "jws", b"book 8"
    act = Act(division=DIVISION, login="r", what="policy.handed_over")
    assert await store.hand_over(DIVISION, [BANK], values, act)
    desk.hands.now, key = due + TAKEN_WITHIN, f"book.{DIVISION}/{BANK}"
    assert key not in await warnings(desk), "the gateway has not received it"
    row = {"division": DIVISION, "bank": BANK, "version": 8, "signature": "jws"}
    await store.attempted(row, due - dt.timedelta(minutes=30), None)
    assert "book 7, which is older than 8" in (await warnings(desk))[key]
    desk.hands.now = due + TAKEN_WITHIN - dt.timedelta(seconds=1)
    assert key not in await warnings(desk)


async def test_a_book_that_was_not_handed_over_here_is_a_warning(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    """Whom a gateway takes for its officers is a line of its settings."""
    reader, key = await desk.seat(Office.PROVINCE), f"book.{DIVISION}/{BANK}"
    store: Any = desk.rooms.policies.store
    now = desk.hands.now

    async def told(revision: int, digest: str) -> bool:
        what = {"division": DIVISION, "kind": "policy_activated", "what": "activated"}
        chain.seal([unnumbered(what | {"revision": revision, "digest": digest})])
        await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
        strange = "not given out here" in (await warnings(desk)).get(key, "")
        assert ("并非本台移交" in (await reader.get(HOME))[1]) is strange
        return strange

    assert not await told(7, "7"), "nothing was handed over here yet: books come otherwise"
    values = 8, "8", "li", "wang", now, now, "jws", b"book 8"
    act = Act(division=DIVISION, login="r", what="policy.handed_over")
    assert await store.hand_over(DIVISION, [BANK], values, act)
    assert not await told(7, "7"), "of before"
    assert not await told(8, "8")
    assert await told(8, "another"), "under its number"
    assert await told(8, "8"), "nobody has looked into it yet"
    await seen(desk)
    assert not await told(8, "8")
    assert await told(9, "9")
