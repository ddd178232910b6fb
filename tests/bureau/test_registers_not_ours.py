"""A gateway that decides by registers that this bureau did not issue: its log says so."""

import datetime as dt
from typing import Any

import pytest

from adapters.bureau.frame import framed
from bureau.desk.certificates import Shelf
from bureau.desk.wellbeing import Watch
from gateway.domain.records import unnumbered
from tests.bureau.desks import Desk
from tests.bureau.test_not_ours import seen
from tests.bureau.test_registers import HOME, loaded
from tests.bureau.words import BANK, DIVISION, GATEWAY, Bureau, Chain
from tests.registers.feeds import feed, snapshot
from tests.registers.test_runtime_role import Rooms

pytestmark = pytest.mark.postgres
ALARM = "的网关启用过并非本台签发的登记"
KEY = f"registers.{DIVISION}/{BANK}"


def applied(bureau: Bureau, number: int | None, **more: Any) -> bytes:
    """The record of a gateway that took our feed `number`, or what `more` says instead."""
    told = {
        "division": DIVISION, "feed": "delta", "feed_version": number, "version": 9,
        "kind": "register_applied", "signer": bureau.trust.own.uri, "vouchers": [],
    }  # fmt: skip
    return unnumbered(told | more)


async def warnings(desk: Desk) -> dict[str, str]:
    """Of `/readyz`."""
    rooms = desk.rooms
    await rooms.not_ours.look(DIVISION)
    watch = Watch(
        desk=rooms.desk, shelf=Shelf(own={}, parties=None), divisions=(DIVISION,),
        witness=lambda at: "", troubles=dict, clock=rooms.clock,
        not_ours=rooms.not_ours.open,
    )  # fmt: skip
    return dict((await watch.look()).warnings)


async def test_registers_that_an_operator_loaded_are_a_warning_until_a_person_has_seen_it(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reader, _ = await loaded(desk)  # version 5, whole

    async def told(*bodies: bytes) -> bool:
        await seen(desk)
        chain.seal(list(bodies))
        await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
        strange = KEY in await warnings(desk)
        assert (ALARM in (await reader.get(HOME))[1]) is strange
        return strange

    whole = applied(bureau, 5, feed="snapshot")
    file = applied(bureau, 6, feed="snapshot", signer=None)
    assert not await told(whole), "the bureau's own"
    assert not await told(applied(bureau, None, vouchers=["a voucher"])), "signed by us"
    assert await told(file)
    assert await told(file, whole), "nothing that a gateway tells ends it"
    assert not await told(whole)
    assert await told(applied(bureau, 7)), "in our name, and no such number was signed"
    assert await told(applied(bureau, 10**19)), "nor is a number that is none taken for vouchers"


async def test_registers_that_somebody_wrote_into_a_gateways_database_are_a_warning(
    desk: Desk, bureau: Bureau, chain: Chain, migrated: str
) -> None:
    """With the gateway's own role there, and as if a voucher of ours had brought them (0160)."""
    await loaded(desk)
    rooms = Rooms(migrated, bureau.trust.own.uri)
    await rooms.apply(feed(snapshot(version=5)))

    async def told() -> bool:
        chain.seal(await rooms.records())
        await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
        return KEY in await warnings(desk)

    assert not await told()
    await rooms.write_a_version(6, by_voucher=True, recorded=True)
    assert await told()
    await rooms.registers.close()


async def test_where_this_desk_issues_no_registers_nobody_is_warned(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    chain.seal([applied(bureau, 1, feed="snapshot", signer=None)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    assert KEY not in await warnings(desk)


async def test_what_a_bank_loaded_before_this_desk_issued_any_is_no_warning(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    """Whenever the log is looked through."""
    chain.seal([applied(bureau, 1, feed="snapshot", signer=None)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    desk.hands.now += dt.timedelta(minutes=1)
    await loaded(desk)
    assert KEY not in await warnings(desk)
