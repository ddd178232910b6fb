"""A log that calls a hold released by an order that this bureau never gave."""

import re

import pytest

from bureau.desk.certificates import Shelf
from bureau.desk.people import Office
from bureau.desk.wellbeing import Watch
from tests.bureau.desks import Desk
from tests.bureau.test_holds_pages import HOLD, HOME, REASON, ended, held, told
from tests.bureau.words import BANK, DIVISION, Bureau, Chain

pytestmark = pytest.mark.postgres
ALARM = "而本台从未作出该决定"


async def warned(desk: Desk) -> bool:
    """On `/readyz`, and on the page of holds alike."""
    rooms = desk.rooms
    await rooms.not_ours.look(DIVISION)
    watch = Watch(
        desk=rooms.desk, shelf=Shelf(own={}, parties=None), divisions=(DIVISION,),
        witness=lambda at: "", troubles=dict, clock=rooms.clock,
        not_ours=rooms.not_ours.open,
    )  # fmt: skip
    reader = await desk.seat(Office.PROVINCE)
    shown = ALARM in (await reader.get(HOME))[1]
    words = (await watch.look()).warnings.get(f"releases.{DIVISION}/{BANK}", "")
    assert shown is bool(words) and ("orders not given here" in words) is shown
    return shown


async def ordered(desk: Desk) -> str:
    """By two persons, about the hold 1: the order's digest."""
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await reviewer.post(f"{HOLD}/propose", REASON)
    [digest] = re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1])
    assert (await approver.post(f"/desk/{DIVISION}/releases/{digest}/approve"))[0] == 303
    return str(digest)


async def test_what_two_persons_here_ordered_is_no_warning(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    digest = await ordered(desk)
    await told(bureau, chain, ended(1, "not_carried_out", order_sha256="cd" * 32))
    await told(bureau, chain, ended(1, "released", order_sha256=digest), ended(2, "expired"))
    assert not await warned(desk)


@pytest.mark.parametrize("what", ["released", "refused"])
@pytest.mark.parametrize("order", ["cd" * 32, "no digest", None])
async def test_an_end_by_an_order_that_nobody_gave_here_is_a_warning(
    desk: Desk, bureau: Bureau, chain: Chain, what: str, order: str | None
) -> None:
    await told(bureau, chain, held(1))
    assert not await warned(desk)
    await told(bureau, chain, ended(1, what, order_sha256=order))
    assert await warned(desk)


async def test_what_was_proposed_and_not_approved_is_no_order(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await reviewer.post(f"{HOLD}/propose", REASON)
    [digest] = re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1])
    await told(bureau, chain, ended(1, "released", order_sha256=digest))
    assert await warned(desk)
