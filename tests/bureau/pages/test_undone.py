"""A form that was refused comes back on its own page, with why and with what was typed."""

import datetime as dt
import html
import re
from pathlib import Path

import pytest

from bureau.desk.people import Office
from bureau.web.sections import accounts
from gateway.domain.legal_day import legal_day
from tests.bureau.browsers import pressed
from tests.bureau.cases.test_complaints import taken
from tests.bureau.cases.test_form_again import confirmed
from tests.bureau.desks import Desk, Seated
from tests.bureau.entry.test_desk_entry import PASSWORD, totp
from tests.bureau.entry.test_seating import WISH
from tests.bureau.pages.test_desk_browser import seated
from tests.bureau.pages.test_focus_browser import lands
from tests.bureau.policies.test_policy_trials import HOME as POLICIES
from tests.bureau.policies.test_policy_trials import LOWER
from tests.bureau.test_holds_pages import HOLD, REASON, held, told
from tests.bureau.test_registers import AGENCY, form_of, loaded, snapshot
from tests.bureau.test_registers import HOME as REGISTERS
from tests.bureau.words import Bureau, Chain

pytestmark = pytest.mark.postgres
KEPT = "没有提交，已填写的内容都在"


async def refused(who: Seated, path: str, form: dict[str, object], why: str) -> str:
    """The page that answers."""
    status, page = await who.post(path, form)
    assert status == 409 and why in page and KEPT in page, page
    assert page.count(" autofocus") == 1 and "返回原页面" not in page
    assert f'action="{path}"' in page, "the form itself is there again"
    if 'id="live"' in page:
        # The form's own address takes no GET: what is kept fresh is asked for at the page's.
        (fresh,) = re.findall(r'id="live"[^>]* data-rows="([^"]+)"', page)
        status, again = await who.get(html.unescape(fresh))
        assert status == 200 and 'id="live"' in again, fresh
    return page


async def test_a_complaint_s_step_that_was_refused_keeps_its_words(desk: Desk) -> None:
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    path = await taken(keeper)
    today = legal_day(desk.hands.now)
    accept = {"words": "情况属实，拟受理", "due": (today - dt.timedelta(days=1)).isoformat()}
    for due in (accept["due"], "2199-01-01", "0001-01-01", "昨天"):
        page = await refused(reviewer, f"{path}/steps/accept", accept | {"due": due}, "期限：")
        assert ">情况属实，拟受理</textarea>" in page and f'value="{due}"' in page
    assert page.count('class="act" open') == 1
    assert (await reviewer.post(f"{path}/steps/accept", {"due": today.isoformat()}))[0] == 303
    page = await refused(reviewer, f"{path}/steps/note", {"words": "看"}, "请填写办理说明")
    note = page.partition(f'action="{path}/steps/note"')[2].partition("</form>")[0]
    assert ">看</textarea>" in note and page.count(">看</textarea>") == 1, "in no other form"
    page = await refused(keeper, f"{path}/openings", {"reason": "查"}, "请写明查阅理由")
    assert ">查</textarea>" in page


async def test_what_a_second_person_typed_stays_where_it_was_refused(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    reviewer, approver = await loaded(desk)
    await reviewer.post(f"{REGISTERS}/agencies/edit", form_of("agencies", AGENCY | {"name": "新"}))
    page = await refused(approver, f"{REGISTERS}/changes/2/reject", {"said": "不行"}, "退回理由")
    assert 'value="不行"' in page
    old = {"file": ("r.json", snapshot(version=1)), "reason": "重新登记一次"}
    page = await refused(reviewer, f"{REGISTERS}/import", old, "版本号不高于")
    assert 'value="重新登记一次"' in page and "文件须重新选择" in page
    form = {"document": LOWER, "step": "draft", "reason": "降低限额"}
    _, draft = await reviewer.post(f"{POLICIES}/JL-042/edit", form)
    page = await refused(approver, f"{draft}/send-back", {"reason": "不"}, "退回理由")
    assert 'name="reason" required minlength="4" maxlength="500" value="不"' in page
    page = await refused(approver, f"{draft}/backtest", {"since": "2199-01-01"}, "")
    assert 'value="2199-01-01"' in page
    book = {"file": ("book.json", b"none")}
    assert "<details" in await refused(approver, f"{POLICIES}/book", book, "")
    await told(bureau, chain, held(0), held(1))
    assert (await reviewer.post(f"{HOLD}/propose", REASON))[0] == 303
    path = re.findall(r'action="(/desk/[^"]+/reject)"', (await approver.get(HOLD))[1])[0]
    page = await refused(approver, path, {"reason": "不同"}, "请填写退回理由")
    assert 'value="不同"' in page and "JL-052" in page


async def test_a_button_that_comes_too_late_says_so_on_its_page_and_of_no_words(
    desk: Desk,
) -> None:
    reviewer, approver = await loaded(desk)
    await reviewer.post(f"{REGISTERS}/agencies/edit", form_of("agencies", AGENCY | {"name": "新"}))
    change = f"{REGISTERS}/changes/2"
    assert (await approver.post(f"{change}/approve"))[0] == 303
    status, page = await approver.post(f"{change}/approve")
    assert status == 409 and "处理。" in page and "没有办理。" in page and KEPT not in page
    assert "已批准，第6版" in page and f'action="{change}/approve"' not in page


async def test_words_whose_form_is_gone_are_told_and_not_called_kept(desk: Desk) -> None:
    """The page said "what you typed is kept", and had no field in which it could be."""
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    path = await taken(keeper)
    due = legal_day(desk.hands.now).isoformat()
    assert (await reviewer.post(f"{path}/steps/accept", {"due": due}))[0] == 303
    status, page = await reviewer.post(f"{path}/steps/decline", {"words": "不属于本级<b>受理范围"})
    assert status == 409 and "<blockquote>不属于本级&lt;b&gt;受理范围</blockquote>" in page
    assert KEPT not in page and page.count(" autofocus") == 1
    case = await confirmed(desk)
    late = {"verdict": "confirmed", "text": "材料不符", "seen": "0"}
    status, page = await reviewer.post(f"{case}/propose", late)
    assert status == 409 and "<blockquote>材料不符</blockquote>" in page and KEPT not in page
    assert f'action="{case}/propose_handling"' in page, "on the case's own page"


async def test_a_form_of_a_later_page_of_accounts_comes_back_to_that_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "PAGE_ROWS", 1)
    administrator = await desk.seat(Office.ADMINISTRATOR, "aa")
    await desk.seat(Office.ADMINISTRATOR, "bb")
    await desk.seat(Office.REVIEWER, "cc")
    first, second = (await administrator.get("/accounts"))[1], "/accounts?after=aa"
    assert f'href="{second}"' in first and ">bb</td>" not in first
    page = (await administrator.get(second))[1]
    (action,) = re.findall(r'action="(/accounts/bb/reset[^"]*)"', page)
    status, page = await administrator.post(action, {"reason": "丢"})
    assert status == 409 and ">bb</td>" in page and 'value="丢"' in page
    status, page = await administrator.post("/accounts?after=aa", WISH | {"login": "X"})
    assert status == 409 and ">bb</td>" in page and 'value="李四"' in page
    (action,) = re.findall(r'action="(/accounts/bb/close[^"]*)"', page)
    assert (await administrator.post(action))[1] == second


async def test_an_administrator_s_form_comes_back_with_its_division_and_as_refused(
    desk: Desk,
) -> None:
    administrator = await desk.seat(Office.ADMINISTRATOR, "zhou")
    await desk.seat(Office.ADMINISTRATOR, "feng")
    wish = WISH | {"division": "220100000", "office": "reviewer", "login": "X"}
    page = await refused(administrator, "/accounts", wish, "登录名：3 至 32")
    assert "<option selected>220100000</option>" in page and 'value="李四"' in page
    assert '<option value="reviewer" selected>' in page
    page = await refused(administrator, "/accounts/feng/reset", {"reason": "丢"}, "请填写理由")
    assert 'value="丢"' in page


async def test_a_wrong_code_asks_for_no_other_authenticator(desk: Desk) -> None:
    """Who has scanned the key and mistyped its code would type codes of a key that is gone."""
    who = await desk.seat(Office.REVIEWER, fresh=True)
    _, page = await who.get("/me")
    key, offer = _offered(page)
    form = {"offer": offer, "password": PASSWORD, "again": PASSWORD, "code": "000000"}
    status, page = await who.post("/me/equip", form)
    assert status == 400 and _offered(page) == (key, offer)
    assert (await who.post("/me/equip", form | {"code": totp(key, desk.hands.now)}))[0] == 303
    status, page = await (await desk.seat(Office.APPROVER, fresh=True)).post("/me/equip", form)
    assert status == 400 and _offered(page)[0] != key, "another person's is never shown"


def _offered(page: str) -> tuple[str, str]:
    key = re.findall(r"<code>([A-Z2-7]{32})</code>", page)[0]
    return key, re.findall(r'name="offer" value="([0-9a-f]+)"', page)[0]


@pytest.mark.slow
async def test_in_a_browser_the_words_stay_and_the_keyboard_lands_on_why(
    desk: Desk, tmp_path: Path
) -> None:
    path = await taken(await desk.seat(Office.KEEPER))
    _, page = await seated(desk, Office.REVIEWER, tmp_path)
    await page.goto(desk.url + path)
    form = page.locator(f"form[action='{path}/steps/accept']")
    await form.locator("textarea").fill("情况属实")
    await form.locator("[name='due']").fill("2020-01-01")
    await pressed(page, form.get_by_role("button"))
    await lands(page, "alert", "应在今天至一年之内")
    assert await form.locator("textarea").input_value() == "情况属实"
    await form.locator("[name='due']").fill(legal_day(desk.hands.now).isoformat())
    await pressed(page, form.get_by_role("button"))
    await lands(page, "status", "已办理：受理")
    assert "情况属实" in await page.locator(".timeline").inner_text()
