"""What logs tell of and this bureau did not give stays until a person says what came of it."""

import re
from typing import Any

import pytest

from adapters.postgres.bureau.pool import connection_of
from bureau.desk.not_ours import BATCH_MAX
from bureau.desk.people import Office
from tests.bureau.desks import Desk, Seated
from tests.bureau.test_holds_pages import ended
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, told

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/not-ours"
REASON = "已向该行查明：联调演练"
NOT_OURS = {"order_sha256": "cd" * 32}


async def seen(desk: Desk) -> None:
    """Whatever is open, by an approver."""
    who = await desk.seat(Office.APPROVER, "seen.by")
    for form in await forms(who):
        assert (await who.post(f"{HOME}/seen", form | {"reason": REASON}))[0] == 303


async def forms(who: Seated) -> list[dict[str, Any]]:
    _, text = await who.get(HOME)
    return [
        dict(re.findall(r'type="hidden" name="(bank|what|seq)" value="([^"]*)"', form))
        for form in re.findall(r"<form.*?/seen.*?</form>", text, re.DOTALL)
    ]


async def test_an_officer_marks_it_as_seen_and_it_stays_in_the_list_of_all(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reviewer, auditor = await desk.seat(Office.REVIEWER), await desk.seat(Office.PROVINCE)
    await told(bureau, chain, ended(1, "released", **NOT_OURS), ended(2, "refused", **NOT_OURS))
    await desk.rooms.not_ours.look(DIVISION)
    assert await forms(auditor) == [], "who reads only has no button"
    assert "待查明。" in (await auditor.get(f"/desk/{DIVISION}"))[1]
    [form] = await forms(reviewer)
    assert form == {"bank": BANK, "what": "releases", "seq": "1"}
    for wrong in ({"reason": "好"}, {"what": "holds"}, {"bank": "301"}, {"seq": "7"}):
        status, page = await reviewer.post(f"{HOME}/seen", form | {"reason": REASON} | wrong)
        assert status == 409, wrong
        assert wrong.get("reason", REASON) in page, "what was typed comes back"
    assert (await reviewer.post(f"{HOME}/seen", form | {"reason": REASON}))[0] == 303
    again, words = await reviewer.post(f"{HOME}/seen", form | {"reason": REASON})
    assert again == 409 and "已有人标记" in words
    assert await forms(reviewer) == []
    assert "待查明。" not in (await auditor.get(f"/desk/{DIVISION}"))[1]
    _, page = await auditor.get(HOME)
    assert page.count(REASON) == 2 and reviewer.person.login in page, "one for each record"
    _, trail = await (await desk.seat(Office.SECURITY)).get(f"/desk/{DIVISION}/trail")
    assert "标记非本台签发事项已查看" in trail and REASON in trail
    await told(bureau, chain, ended(3, "released", **NOT_OURS))
    await desk.rooms.not_ours.look(DIVISION)
    [form] = await forms(reviewer)
    assert form["seq"] == "2", "what came since is open again"


async def test_no_number_of_later_records_pushes_it_out(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    later = [ended(n, "expired") for n in range(2, 2 * BATCH_MAX + 2)]
    await told(bureau, chain, ended(1, "released", **NOT_OURS), *later)
    await desk.rooms.not_ours.look(DIVISION)
    [form] = await forms(reviewer)
    assert form["seq"] == "0"
    await told(bureau, chain, *later)
    await desk.rooms.not_ours.look(DIVISION)
    assert await forms(reviewer) == [form]


async def test_the_list_of_all_goes_on_page_by_page(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    await told(bureau, chain, *(ended(n, "released", **NOT_OURS) for n in range(1, 53)))
    await desk.rooms.not_ours.look(DIVISION)
    _, first = await reviewer.get(HOME)
    [older] = re.findall(r'href="([^"]*)" rel="next"', first)
    _, second = await reviewer.get(HOME + older.replace("&amp;", "&"))
    counted = [len(re.findall("待查明</span>", page)) for page in (first, second)]
    assert counted == [50, 2]
    assert (await reviewer.get(f"{HOME}?before=2026-03-02T00:00:00%2B00:00&no=x"))[0] == 400


@pytest.mark.parametrize("table", ["not_ours", "not_ours_seen"])
@pytest.mark.parametrize("how", ["DELETE FROM {}", "UPDATE {} SET bank = 'x'"])
async def test_the_program_s_own_role_takes_nothing_back(
    desk: Desk, bureau: Bureau, table: str, how: str
) -> None:
    async with connection_of(bureau.pool) as connection:
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute(how.format(table))
