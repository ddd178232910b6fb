"""A second case on one payment is opened by who was shown the first, and by nobody else."""

import asyncio

import pytest

from bureau.desk.people import Office
from tests.bureau.cases.test_case_walk import CARD, intercepted, moved
from tests.bureau.desks import Desk
from tests.bureau.words import BANK, Bureau, Chain, House

pytestmark = pytest.mark.postgres
OPENED = "SELECT count(*) FROM case_file"


async def test_a_second_case_on_a_payment_asks_and_shows_the_first(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    assert "立案核实" in (await reviewer.get(CARD))[1]
    assert (await reviewer.get(f"{CARD}/case"))[0] == 303, "nothing to ask about yet"
    _, case = await reviewer.post(f"{CARD}/case", {"against": "agency"})
    assert "已办理：立案" in (await reviewer.get(case))[1]
    card = (await reviewer.get(CARD))[1]
    assert "查看案件" in card and "立案核实" not in card
    assert card.count('class="button primary"') == 1
    assert "另立案件" not in (await approver.get(CARD))[1]
    status, where = await reviewer.post(f"{CARD}/case", {"against": "bank"})
    assert (status, where) == (303, f"{CARD}/case?bank={BANK}&against=bank")
    page = (await reviewer.get(where))[1]
    assert "已办理" not in page, "nothing was done yet"
    assert "仍要另立？" in page and f'href="{case}"' in page and "疑点登记，待核实" in page
    assert '<option value="bank" selected>' in page
    assert await bureau.pool.fetchval(OPENED) == 1
    for shown in ("", "0", "2", "一"):
        status, where = await reviewer.post(f"{CARD}/case", {"against": "bank", "shown": shown})
        assert status == 303 and where.startswith(f"{CARD}/case?"), shown
    status, other = await reviewer.post(f"{CARD}/case", {"against": "bank", "shown": 1})
    assert status == 303 and other != case and await bureau.pool.fetchval(OPENED) == 2
    await moved(reviewer, case, "propose", verdict="cleared", text="已说明")
    await moved(approver, case, "decide")
    await moved(reviewer, case, "archive")
    card = (await reviewer.get(CARD))[1]
    assert f'class="button primary" href="{other}"' in card, "the open one before the archived"
    status, _ = await reviewer.post(f"{CARD}/case", {"against": "agency", "shown": 1})
    assert status == 303 and await bureau.pool.fetchval(OPENED) == 2, "an archived one counts too"


async def test_a_button_pressed_many_times_at_once_opens_one_case(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer = await desk.seat(Office.REVIEWER)
    form = {"against": "agency"}
    answers = await asyncio.gather(*(reviewer.post(f"{CARD}/case", form) for _ in range(6)))
    assert {status for status, _ in answers} <= {303, 409}
    assert await bureau.pool.fetchval(OPENED) == 1
    [number] = await bureau.pool.fetchrow("SELECT last FROM desk_number WHERE series = 'case'")
    assert number == 1, "and no number was lost"
