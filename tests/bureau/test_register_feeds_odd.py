"""Feeds of registers: a bank that was away from the settings, and what no longer opens."""

import datetime as dt

import attrs
import pytest

from bureau.desk.people import Office
from bureau.desk.publish import Publishing
from bureau.desk.refusals import ActRefused
from bureau.desk.registers.opened import AGAIN
from bureau.ports import LogPlace
from gateway.domain.legal_day import legal_day
from tests.bureau.desks import Desk
from tests.bureau.test_registers import ACCOUNT, AGENCY, HOME, Moody, form_of, loaded, snapshot
from tests.bureau.words import BANK, DIVISION, Bureau

pytestmark = pytest.mark.postgres
OTHER = "105241000014"


def settings_of(desk: Desk, *places: LogPlace) -> None:
    """As a program that starts with these logs in its settings."""
    desk.rooms.registers._places, desk.rooms.registers._caught_up = places, False


async def renamed(desk: Desk, name: str, seq: int) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    form = form_of("agencies", AGENCY | {"name": name})
    assert (await reviewer.post(f"{HOME}/agencies/edit", form))[0] == 303
    assert (await approver.post(f"{HOME}/changes/{seq}/approve"))[0] == 303


def two_ways(desk: Desk) -> tuple[Publishing, Moody, Moody]:
    one, two = Moody(), Moody()
    one.moods, two.moods = [], []
    ways = {(DIVISION, BANK): one, (DIVISION, OTHER): two}
    return Publishing(desk.rooms.registers, ways, desk.hands, "registers"), one, two


async def everything(publishing: Publishing) -> None:
    while await publishing.publish_all(patient=False):
        pass


async def test_a_bank_that_leaves_the_settings_and_returns_gets_what_it_missed(
    desk: Desk, bureau: Bureau
) -> None:
    both = (bureau.place, attrs.evolve(bureau.place, bank=OTHER))
    settings_of(desk, *both)
    publishing, one, two = two_ways(desk)
    await loaded(desk)
    await everything(publishing)
    assert (one.taken, two.taken) == ([5], [5])
    settings_of(desk, bureau.place)
    await renamed(desk, "新名", 2)
    await everything(publishing)
    settings_of(desk, *both)
    await renamed(desk, "又新名", 3)  # before the program's first look
    await everything(publishing)
    assert (one.taken, two.taken) == ([5, 6, 7], [5, 6, 7])


async def test_a_feed_that_does_not_open_keeps_no_other_bank_waiting_and_is_told(
    desk: Desk, bureau: Bureau
) -> None:
    settings_of(desk, bureau.place, attrs.evolve(bureau.place, bank=OTHER))
    publishing, one, two = two_ways(desk)
    reviewer, approver = await loaded(desk)
    async with bureau.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute("UPDATE register_feed SET body = 'x' WHERE bank = $1", BANK)
    await everything(publishing)
    assert (one.taken, two.taken) == ([], [5])
    _, text = await reviewer.get(HOME)
    assert "无法发送" in text and "请导入并批准一份完整的登记文件" in text
    await renamed(desk, "新名", 2)
    await everything(publishing)
    assert (one.taken, two.taken) == ([], [5, 6]), "they go in order"
    form = {"file": ("r.json", snapshot(version=9)), "reason": "重新登记"}
    _, path = await reviewer.post(f"{HOME}/import", form)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    desk.hands.now += AGAIN
    await everything(publishing)
    assert (one.taken, two.taken) == ([9], [5, 6, 9])


async def test_a_row_that_does_not_open_takes_no_page_away(desk: Desk, bureau: Bureau) -> None:
    other = {**AGENCY, "code": "101002", "name": "另一单位"}
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    form = {"file": ("r.json", snapshot(agencies=[AGENCY, other])), "reason": "年初登记"}
    _, path = await reviewer.post(f"{HOME}/import", form)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    async with bureau.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute("UPDATE register_kept SET body = 'x' WHERE key = '101001'")
    desk.rooms.names._agencies.clear()
    assert (await reviewer.get(f"/desk/{DIVISION}"))[0] == 200
    assert desk.rooms.names.agency(DIVISION, "101002") == "另一单位"
    status, page = await reviewer.get(f"{HOME}/agencies")
    assert status == 200 and "101001：库中内容无法解封，请重新登记。" in page
    assert "另一单位" in page and page.count("无法解封") == 1
    assert (await reviewer.get(f"{HOME}/agencies?agency=另一"))[0] == 200
    assert (await reviewer.get(f"{HOME}/agencies/edit?key=101001"))[0] == 200
    form = form_of("agencies", AGENCY | {"name": "重新登记的单位"})
    _, path = await reviewer.post(f"{HOME}/agencies/edit", form)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    _, page = await reviewer.get(f"{HOME}/agencies")
    assert "重新登记的单位" in page and "无法解封" not in page


async def test_a_plan_that_does_not_open_takes_no_duty_away(desk: Desk, bureau: Bureau) -> None:
    plans = [
        {"indicator_id": "I1", "month": month, "payment_method": "direct", "amount": "1.00"}
        for month in (1, 2)
    ]
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    form = {"file": ("r.json", snapshot(plans=plans)), "reason": "年初登记"}
    status, path = await reviewer.post(f"{HOME}/import", form)
    assert status == 303, path
    assert (await approver.post(f"{path}/approve"))[0] == 303
    async with bureau.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute(
            "UPDATE register_kept SET body = 'x' WHERE register = 'plans' AND key LIKE '%2%'"
        )
    status, page = await reviewer.get(f"{HOME}/plans")
    assert status == 200 and "没有下达额度" in page and "无法解封" in page


async def test_a_day_of_the_calendar_that_does_not_open_stops_no_feed_of_a_later_start(
    desk: Desk, bureau: Bureau
) -> None:
    """Whether older notices were late is judged at a program's first look, by the calendar."""
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    today = legal_day(desk.hands.now)
    day = {"date": today.isoformat(), "is_workday": True}
    form = {"file": ("r.json", snapshot(calendar=[day])), "reason": "年初登记"}
    _, path = await reviewer.post(f"{HOME}/import", form)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    told = form_of("accounts", ACCOUNT, changed_on=(today - dt.timedelta(days=3)).isoformat())
    _, path = await reviewer.post(f"{HOME}/accounts/edit", told)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    async with bureau.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute("UPDATE register_change SET late = NULL")
        await connection.execute("UPDATE register_kept SET body = 'x' WHERE register = 'calendar'")
    settings_of(desk, bureau.place)
    publishing, one, _ = two_ways(desk)
    await everything(publishing)
    assert one.taken == [5, 6]
    assert (await reviewer.get(HOME))[0] == 200


async def test_whoever_proposed_a_change_decides_nothing_of_it_in_another_office(
    desk: Desk,
) -> None:
    """Offices change; the word of a second person does not become one's own by that."""
    reviewer, _ = await loaded(desk)
    form = form_of("agencies", AGENCY | {"name": "新名"})
    assert (await reviewer.post(f"{HOME}/agencies/edit", form))[0] == 303
    now_approver = attrs.evolve(reviewer.person, office=Office.APPROVER)
    registers = desk.rooms.registers
    with pytest.raises(ActRefused, match="不能批准自己的提议"):
        await registers.approve(DIVISION, 2, now_approver)
    with pytest.raises(ActRefused, match="不能批准自己的提议"):
        await registers.reject(DIVISION, 2, "不同意此项", now_approver)
    row = await registers.store.change(DIVISION, 2)
    assert row and row["decided_by"] is None
