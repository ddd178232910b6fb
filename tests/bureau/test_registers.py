"""Registers: proposed by one, approved by another, signed for the gateways, people sealed."""

import datetime as dt
import html
import re
from typing import Any

import attrs
import orjson
import pytest

from adapters.formats.registers.feed import OPTIONAL
from bureau.desk.people import Office
from bureau.desk.publish import Publishing
from bureau.desk.registers.duties import (
    code_duties,
    days_between,
    detail_duties,
    late_notice,
    plan_duties,
)
from bureau.desk.registers.words import SHEETS, row_of
from gateway.domain.codes import Register
from gateway.domain.faults import FeedRefused, GatewayUnavailable
from gateway.domain.legal_day import legal_day
from gateway.domain.workdays import is_workday, workdays_since
from policies.book.load import load_codes
from tests.bureau.desks import Desk, Seated
from tests.bureau.words import BANK, DIVISION, Bureau, House

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/registers"
ID_NUMBER, CARD = "220104198506152036", "6228230123456789018"
PERSON = {
    "id_number": ID_NUMBER, "name": "李某某", "employer": "101001", "position": None,
    "title": None, "accounts": [CARD], "official_cards": [],
}  # fmt: skip
AGENCY = {
    "code": "101001", "name": "某厅本级", "parent": None, "kind": "administrative",
    "status": "active",
}  # fmt: skip


def snapshot(**more: Any) -> bytes:
    fields = {
        **{each.value: [] for each in set(Register) - OPTIONAL},
        "lists": {"blacklist_accounts": [], "designated_vendors": []},
        "division": DIVISION, "as_of": "2026-03-02T08:00:00+08:00", "version": 5,
        "agencies": [AGENCY], "persons": [PERSON], **more,
    }  # fmt: skip
    return orjson.dumps(fields)


class Way:
    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any], str]] = []

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        self.taken.append((kind, orjson.loads(body), signature))
        version: int = self.taken[-1][1]["version"]
        return version


async def loaded(desk: Desk) -> tuple[Seated, Seated]:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    form = {"file": ("registers.json", snapshot()), "reason": "年初登记"}
    status, path = await reviewer.post(f"{HOME}/import", form)
    assert (status, path) == (303, f"{HOME}/changes/1")
    assert (await approver.post(f"{path}/approve"))[0] == 303
    return reviewer, approver


def form_of(sheet: str, row: dict[str, Any], **more: str) -> dict[str, str]:
    fields = {f"f-{name}": "" if v is None else str(v) for name, v in row.items()}
    return fields | {"reason": "按处理决定办理"} | more


@pytest.mark.walk
async def test_a_change_of_two_persons_reaches_the_gateway_signed_under_the_next_version(
    desk: Desk, bureau: Bureau, house: House
) -> None:
    reviewer, approver = await loaded(desk)
    suspended = form_of("agencies", AGENCY | {"status": "suspended"})
    assert "正常" in (await reviewer.get(f"{HOME}/agencies"))[1]
    assert await reviewer.post(f"{HOME}/agencies/edit", suspended) == (303, f"{HOME}/changes/2")
    assert (await reviewer.post(f"{HOME}/changes/2/approve"))[0] == 403
    _, text = await approver.get(f"{HOME}/changes/2")
    assert '<strong class="warn">暂停拨付</strong>' in text
    assert "正常" in (await reviewer.get(f"{HOME}/agencies"))[1], "nothing stands unapproved"
    assert (await approver.post(f"{HOME}/changes/2/approve"))[0] == 303
    assert (await approver.post(f"{HOME}/changes/2/approve"))[0] == 409, "once"
    assert "暂停拨付" in (await reviewer.get(f"{HOME}/agencies"))[1]
    assert "网关尚未签收" in (await reviewer.get(HOME))[1]
    way, registers = Way(), desk.rooms.registers
    publishing = Publishing(registers, {(DIVISION, BANK): way}, desk.hands, "registers")
    while await publishing.publish_all(patient=False):
        pass
    assert [(kind, body["version"]) for kind, body, _ in way.taken] == [
        ("registers", 5), ("registers", 6),
    ]  # fmt: skip
    assert way.taken[0][1] == orjson.loads(snapshot())
    [told] = way.taken[1][1]["agencies"]
    said = {name: value for name, value in AGENCY.items() if value is not None}
    assert told == said | {"op": "put", "status": "suspended"}, "what is empty is left out"
    assert '<span class="good">第6版</span>' in (await reviewer.get(HOME))[1]


async def test_what_is_sent_back_or_flawed_changes_nothing(desk: Desk) -> None:
    reviewer, approver = await loaded(desk)
    flawed = form_of("agencies", AGENCY | {"name": "", "kind": "其他"})
    status, text = await reviewer.post(f"{HOME}/agencies/edit", flawed)
    assert status == 409 and "名称：必填" in text and "性质：不在名单中" in text
    absent = form_of("agencies", AGENCY | {"code": "999"}, op="remove")
    assert (await reviewer.post(f"{HOME}/agencies/edit", absent))[0] == 409
    await reviewer.post(f"{HOME}/agencies/edit", form_of("agencies", AGENCY | {"name": "新名"}))
    assert (await approver.post(f"{HOME}/changes/2/reject", {"said": "没有依据"}))[0] == 303
    assert "新名" not in (await reviewer.get(f"{HOME}/agencies"))[1]
    old = {"file": ("r.json", snapshot()), "reason": "再来一次"}
    assert (await reviewer.post(f"{HOME}/import", old))[0] == 409, "not a newer version"
    other = {"file": ("r.json", snapshot(division="110000000", version=9)), "reason": "别处的"}
    assert (await reviewer.post(f"{HOME}/import", other))[0] == 409


async def test_no_change_goes_out_before_a_whole_file(desk: Desk) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    await reviewer.post(f"{HOME}/agencies/edit", form_of("agencies", AGENCY))
    status, text = await approver.post(f"{HOME}/changes/1/approve")
    assert status == 409 and "完整的登记文件" in text


async def test_peoples_numbers_are_masked_on_pages_and_in_no_table(
    desk: Desk, bureau: Bureau
) -> None:
    reviewer, _ = await loaded(desk)
    changed = form_of("persons", PERSON | {"accounts": CARD, "official_cards": "", "title": "高"})
    _, path = await reviewer.post(f"{HOME}/persons/edit", changed)
    pages = [path, f"{HOME}/persons", HOME]
    pages.append((await reviewer.get(f"{HOME}/persons"))[1].split("edit?key=")[1].split('"')[0])
    pages[-1] = f"{HOME}/persons/edit?key={pages[-1]}"
    for page in pages:
        status, text = await reviewer.get(page)
        assert status == 200 and ID_NUMBER not in text and CARD not in text, page
    assert "220******36" in (await reviewer.get(f"{HOME}/persons"))[1]
    for table in ("register_kept", "register_change", "register_feed", "desk_act"):
        rows = await bureau.pool.fetch(f"SELECT t::text FROM {table} AS t")
        dump = "\n".join(row[0] for row in rows)
        for secret in (ID_NUMBER, CARD):
            assert secret not in dump and secret.encode().hex() not in dump, table


def test_a_forms_errors_are_told_all_at_once() -> None:
    row, errors = row_of(SHEETS["plans"], {"indicator_id": "", "month": "13", "amount": "1.234"})
    assert len(errors) == 3 and "indicator_id" not in row
    good = {"indicator_id": "I", "month": "3", "amount": "60,000.5"}
    assert row_of(SHEETS["plans"], good) == (
        {"indicator_id": "I", "month": 3, "amount": "60000.50", "payment_method": None}, {},
    )  # fmt: skip
    assert SHEETS["plans"].key_of({"indicator_id": "I", "month": 3}) == "I/03"
    quota = {"indicator_id": "I", "month": 3, "payment_method": "direct"}
    assert SHEETS["plans"].key_of(quota) == "I/03/direct"


@pytest.mark.parametrize(("noticed", "late"), [("2026-03-09", False), ("2026-03-10", True)])
def test_an_accounts_change_is_told_within_five_working_days(noticed: str, late: bool) -> None:
    monday = dt.date(2026, 3, 2)
    told = dt.date.fromisoformat(noticed)
    assert late_notice(monday, told, {}) is late
    assert not late_notice(None, monday, {})
    free = {dt.date(2026, 3, 4): False}
    assert not late_notice(monday, told, free), "the bureau's own calendar counts"
    assert late_notice(monday, dt.date(2026, 3, 11), free)


def test_the_days_that_matter_to_it_end_where_counting_ends() -> None:
    monday = dt.date(2026, 3, 2)
    assert days_between(monday, monday) == [] == days_between(monday, dt.date(2026, 3, 1))
    assert days_between(monday, dt.date(2026, 3, 4)) == [dt.date(2026, 3, 3), dt.date(2026, 3, 4)]
    assert len(days_between(monday, dt.date(2027, 3, 2))) == 60


def test_the_calendar_and_the_three_public_budgets_are_kept_at_the_desk_too() -> None:
    """Art. 13(1), 19: what a gateway counts by is changed by a row, not by a whole file."""
    assert row_of(SHEETS["calendar"], {"date": "2027-02-08", "is_workday": "no"}) == (
        {"date": "2027-02-08", "is_workday": False}, {},
    )  # fmt: skip
    assert SHEETS["calendar"].key_of({"date": "2027-02-08", "is_workday": False}) == "2027-02-08"
    typed = {
        "agency": "101001", "fiscal_year": "2026", "category": "reception", "amount": "50,000",
        "posted": "0",
    }  # fmt: skip
    row, errors = row_of(SHEETS["three_public_budgets"], typed)
    assert not errors and row["amount"] == "50000.00" and row["fiscal_year"] == 2026
    assert SHEETS["three_public_budgets"].key_of(row) == "101001/2026/reception"


def test_uneven_or_missing_monthly_grants_and_undetailed_indicators_are_the_bureaus_own() -> None:
    plans = [
        {"indicator_id": "A", "month": m, "amount": a}
        for m, a in ((1, "10.00"), (2, "10.00"), (3, "100.00"))
    ] + [{"indicator_id": "B", "month": m, "amount": "5.00"} for m in (1, 3)]
    assert [(d.subject, d.zh) for d in plan_duties(plans, dt.date(2026, 3, 9), {})] == [
        ("A", "3月额度超过月均两倍"), ("B", "2月没有下达额度"),
    ]  # fmt: skip
    indicators = [
        {"id": "I1", "agency": "101", "expenditure": "basic", "project_code": ""},
        {"id": "I2", "agency": "101001", "expenditure": "project", "project_code": ""},
        {"id": "I3", "agency": "101001", "expenditure": "project", "project_code": "P"},
    ]
    assert [duty.subject for duty in detail_duties(indicators, ["101"])] == ["I1", "I2"]


def test_an_indicator_is_issued_by_the_codes_of_its_own_year() -> None:
    """Art. 10(1)1: 30210 was 交通费 up to 2017 and is nothing since; a class such as 302 stands."""
    sound = {
        "id": "I1", "fiscal_year": 2026, "functional_code": "2010301",
        "dept_economic_code": "30213", "gov_economic_code": "50209",
    }  # fmt: skip
    rows = [
        sound,
        sound | {"id": "I2", "dept_economic_code": "302", "gov_economic_code": ""},
        sound | {"id": "I3", "dept_economic_code": "30210"},
        sound | {"id": "I4", "fiscal_year": 2016, "dept_economic_code": "30210",
                 "functional_code": "", "gov_economic_code": ""},
        sound | {"id": "I5", "functional_code": "2990101", "gov_economic_code": "50288"},
    ]  # fmt: skip
    found = code_duties(rows, load_codes())
    assert {duty.article for duty in found} == {"10(1)1"}
    assert [(duty.subject, duty.zh) for duty in found] == [
        ("I3", "部门经济科目30210不是2026年度的有效科目"),
        ("I5", "功能科目2990101不是2026年度的有效科目"),
        ("I5", "政府经济科目50288不是2026年度的有效科目"),
    ]


async def test_what_a_gateway_would_refuse_is_not_proposed(desk: Desk) -> None:
    """It would keep every later change of that gateway waiting behind it."""
    reviewer, _ = await loaded(desk)
    wrong = form_of("agencies", AGENCY | {"code": "1" * 70})
    status, text = await reviewer.post(f"{HOME}/agencies/edit", wrong)
    assert status == 409 and "网关将拒收：agencies[0].code" in text
    rows = [AGENCY | {"code": f"10100{n}", "status": "away"} for n in range(3)]
    form = {"file": ("r.json", snapshot(version=9, agencies=rows)), "reason": "年中登记"}
    status, text = await reviewer.post(f"{HOME}/import", form)
    assert status == 409 and "agencies[2].status" in text, "every row is named"


class Moody:
    """A gateway that is away, then refuses, then takes what comes."""

    def __init__(self) -> None:
        self.moods = ["away", "refuses"]
        self.taken: list[int] = []

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        mood = self.moods.pop(0) if self.moods else ""
        if mood == "away":
            raise GatewayUnavailable("ClientConnectorError: refused")
        if mood:
            raise FeedRefused("400 feed_invalid: agencies[0]: is not there")
        self.taken.append(orjson.loads(body)["version"])
        return self.taken[-1]


async def test_the_page_names_a_gateway_that_is_away_refuses_or_was_never_told(
    desk: Desk, bureau: Bureau
) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    assert "尚未发送" in (await reviewer.get(HOME))[1]
    await loaded(desk)
    way, registers = Moody(), desk.rooms.registers
    publishing = Publishing(registers, {(DIVISION, BANK): way}, desk.hands, "registers")
    for words in ("网关不可达，重试中", "网关拒收", "已生效"):
        await publishing.publish_all(patient=False)
        _, text = await reviewer.get(HOME)
        assert words in text, words
    way.moods = ["refuses"]
    await reviewer.post(f"{HOME}/agencies/edit", form_of("agencies", AGENCY | {"name": "新名"}))
    await approver.post(f"{HOME}/changes/2/approve")
    await publishing.publish_all(patient=False)
    _, text = await reviewer.get(HOME)
    assert "落后1版" in text and "agencies[0]: is not there" in text
    form = {"file": ("r.json", snapshot(version=9)), "reason": "重新登记"}
    _, path = await reviewer.post(f"{HOME}/import", form)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    await publishing.publish_all(patient=False)
    assert way.taken == [5, 9], "a whole file overtakes what was refused"
    other = attrs.evolve(bureau.place, bank="105241000014")
    registers._places, registers._caught_up = [bureau.place, other], False
    ways = {(DIVISION, BANK): way, (DIVISION, other.bank): (new := Moody())}
    new.moods = []
    await Publishing(registers, ways, desk.hands, "registers").publish_all(patient=False)
    assert new.taken == [9], "a gateway that joins later gets the whole registers"


ACCOUNT = {
    "account": "0710101011015200001234", "bank_code": "103241001000", "name": "某厅",
    "agency": "101001", "class": "zero_balance", "is_basic": "", "status": "active",
    "finance_approval": "a", "central_bank_approval": "b", "valid_from": "2026-01-01",
    "valid_to": "", "change_notice_date": "",
}  # fmt: skip


async def test_a_day_off_entered_at_the_desk_goes_out_and_counts_for_an_accounts_notice(
    desk: Desk,
) -> None:
    """Art. 13(1): five working days by the bureau's own calendar, at the desk as at the gateway."""
    reviewer, approver = await loaded(desk)
    today = legal_day(dt.datetime.now(dt.UTC))
    span = (today - dt.timedelta(days=n) for n in range(60))
    sixth = next(day for day in span if workdays_since(day, today, {}) == 6)
    off = next(day for day in days_between(sixth, today) if is_workday(day, {})).isoformat()
    late = "超过5个工作日"
    told = form_of("accounts", ACCOUNT, changed_on=sixth.isoformat())
    _, change = await reviewer.post(f"{HOME}/accounts/edit", told)
    for page in (HOME, change):
        assert late in (await reviewer.get(page))[1]
    day = form_of("calendar", {"date": off, "is_workday": "no"})
    status, path = await reviewer.post(f"{HOME}/calendar/edit", day)
    assert status == 303 and (await approver.post(f"{path}/approve"))[0] == 303
    assert off in (await reviewer.get(f"{HOME}/calendar"))[1]
    for page in (HOME, change):
        assert late not in (await reviewer.get(page))[1], "with that day it was the fifth"
    way = Way()
    publishing = Publishing(desk.rooms.registers, {(DIVISION, BANK): way}, desk.hands, "registers")
    while await publishing.publish_all(patient=False):
        pass
    assert way.taken[-1][1]["calendar"] == [{"date": off, "is_workday": False, "op": "put"}]


async def test_whether_a_decided_notice_was_late_does_not_change_with_the_calendar(
    desk: Desk, bureau: Bureau
) -> None:
    """An audit of last year's changes finds what was found when they were decided."""
    reviewer, approver = await loaded(desk)
    today = legal_day(dt.datetime.now(dt.UTC))
    span = (today - dt.timedelta(days=n) for n in range(60))
    sixth = next(day for day in span if workdays_since(day, today, {}) == 6)
    off = next(day for day in days_between(sixth, today) if is_workday(day, {})).isoformat()
    late, pages = "超过5个工作日", [HOME]
    for decision in ("approve", "reject"):
        told = form_of("accounts", ACCOUNT, changed_on=sixth.isoformat())
        _, change = await reviewer.post(f"{HOME}/accounts/edit", told)
        assert (await approver.post(f"{change}/{decision}", {"said": "再核对一次"}))[0] == 303
        pages.append(change)
    await bureau.pool.execute("UPDATE register_change SET late = NULL")  # as of before
    await desk.rooms.registers.waiting_feeds()
    day = form_of("calendar", {"date": off, "is_workday": "no"})
    _, path = await reviewer.post(f"{HOME}/calendar/edit", day)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    for page in pages:
        assert late in (await reviewer.get(page))[1], page
    security = await desk.seat(Office.SECURITY)
    assert (await security.get(f"/desk/{DIVISION}/trail"))[1].count(late) == 2


async def test_a_decided_change_shows_what_was_decided_and_not_what_stands_on_another_day(
    desk: Desk,
) -> None:
    reviewer, approver = await loaded(desk)
    day = form_of("calendar", {"date": "2026-12-31", "is_workday": "yes"})
    _, change = await reviewer.post(f"{HOME}/calendar/edit", day)
    for approved in (False, True):
        _, text = await reviewer.get(change)
        assert ("现在 <span" in text) is not approved and "变更后" in text
        assert text.count("2026-12-31") == 1
        if not approved:
            assert (await approver.post(f"{change}/approve"))[0] == 303


async def test_a_register_s_row_is_found_by_its_number_or_its_agency_s_name(desk: Desk) -> None:
    reviewer, approver = await loaded(desk)
    _, change = await reviewer.post(f"{HOME}/accounts/edit", form_of("accounts", ACCOUNT))
    assert (await approver.post(f"{change}/approve"))[0] == 303
    path = f"{HOME}/accounts?agency="
    for typed in (ACCOUNT["account"], ACCOUNT["agency"]):
        _, text = await reviewer.get(path + typed)
        assert f">{ACCOUNT['account']}<" in text, typed
    _, text = await reviewer.get(path + ACCOUNT["name"])
    assert f">{ACCOUNT['account']}<" in text, "by its holder's name"
    plans = f"{HOME}/plans?agency="
    _, text = await reviewer.get(plans + AGENCY["name"][:3])
    assert f'href="{HOME}/plans?agency={AGENCY["code"]}"' in text, "a name leads to its code"
    for register, name in (("persons", PERSON["name"]), ("agencies", AGENCY["name"])):
        _, text = await reviewer.get(f"{HOME}/{register}?agency={name[1:]}")
        assert f">{name}" in text, "a person too, though the row is sealed"
    _, text = await reviewer.get(path + "没有这个单位")
    assert "没有“没有这个单位”的登记；按预算单位、账号、户名查找" in text


async def test_a_register_larger_than_is_looked_through_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewer, _ = await loaded(desk)
    for name in ("SCANNED_MAX", "SLICE_ROWS"):
        monkeypatch.setattr(f"bureau.desk.registers.search.{name}", 1)
    _, text = await reviewer.get(f"{HOME}/persons?agency=没有这个人")
    assert "后面的还没有查" in text and "继续查找" in text and "已查部分中没有" in text
    [further] = re.findall(r'href="(\?[^"]+)">继续查找', text)
    _, text = await reviewer.get(f"{HOME}/persons{html.unescape(further)}")
    assert "后面的还没有查" not in text, "it goes on to the end"
