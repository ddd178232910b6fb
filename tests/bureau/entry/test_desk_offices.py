"""Each office sees and does only its own: every route, every office, other divisions."""

import datetime as dt
import hashlib
import re

import pytest
from aiohttp import web

from bureau.desk.casework.words import Against, Move, Origin
from bureau.desk.docket.office import Opening
from bureau.desk.people import OUTSIDE, Office, Person
from bureau.web.desk import desk_application, table_of
from bureau.web.sections.entry import open_pages
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_walk import intercepted
from tests.bureau.desks import BELOW, OTHER_AGENCY, Desk, Seated
from tests.bureau.words import DIVISION, GATEWAY, Bureau, Chain, House, notice

pytestmark = pytest.mark.postgres
STREAM = "/desk/{division}/events"
RIGHTS: dict[frozenset[Office], str] = {
    frozenset({Office.REVIEWER}): """
        holds/propose numbers/propose cases/new case concerns
        cases/verify cases/record cases/return cases/accept cases/obstructed cases/propose
        cases/propose_handling cases/accept_report cases/reject_report cases/propose_referral
        cases/dispute cases/dispute_end complaints/case
        registers/import registers/whole registers/edit policies/edit policies/form policies/prove
    """,
    frozenset({Office.APPROVER}): """
        releases/approve releases/reject numbers/approve numbers/reject
        cases/decide cases/send_back cases/approve_handling cases/approve_referral
        cases/return_referral registers/changes/approve registers/changes/reject
        policies/book policies/drafts/agree policies/drafts/send-back
    """,
    frozenset({Office.REVIEWER, Office.APPROVER}): """
        cases/note cases/archive replay policies/trials/stop not-ours/seen
        policies/drafts/prove policies/drafts/backtest policies/drafts/shadow policies/drafts/try
    """,
    frozenset({Office.AGENCY, Office.BANK}): "cases/reply cases/report",
    frozenset({Office.KEEPER}): """
        complaints/new complaints/openings complaints/openings/agree complaints/openings/open
    """,
    frozenset({Office.KEEPER, Office.REVIEWER, Office.APPROVER}): "complaints/steps",
    frozenset({Office.ADMINISTRATOR}): "/accounts /accounts/requests",
    frozenset({Office.SECURITY}): "trail",
    frozenset(Office): "/me/equip /me/views /me/views/drop /sign-out",
    frozenset(Office) - {Office.SECURITY, Office.ADMINISTRATOR, Office.KEEPER}: "verify",
}
"""Who may change what, said a second time: whoever adds a form decides it here as well. A name is a
form's path without its division and numbers; who proposes never is who approves."""


def filled(path: str, division: str) -> str:
    """A route's path with what is there: the interception 1, the case 1, the document 1."""
    year = str(legal_day(dt.datetime.now(dt.UTC)).year)
    path = re.sub(r"\{(?:move|register):([a-z_]+)[^}]*\}", r"\1", path)
    path = re.sub(r"\{seq:\[0-9\]\{1,[0-9]+\}\}", "1", path)
    if any(part in path for part in ("/papers/", "/cases/", "/complaints/")):
        path = path.replace("{year:[0-9]{4}}", year).replace("{number:[0-9]{1,9}}", "1")
    for name, value in {
        "{ask:[0-9]{1,9}}": "1",
        "{division}": division, "{year:[0-9]{4}}": "2026", "{type}": "8202",
        "{no}": f"{1:013d}", "{kind:xlsx|csv}": "csv", "{kind:pdf|docx}": "pdf",
        "{digest:[0-9a-f]{64}}": hashlib.sha256(b"%PDF-x").hexdigest(), "{login}": "nobody",
        "{step}": "close", "{code:[0-9A-Za-z-]{1,32}}": "101001",
        "{kind:xlsx}": "xlsx", "{kind:zip}": "zip", "{bank}": GATEWAY.rpartition("/")[2],
        "{policy:[A-Z0-9-]{6}}": "JL-042",
    }.items():  # fmt: skip
        path = path.replace(name, value)
    assert "{" not in path, path
    return path


async def told_case(desk: Desk, bureau: Bureau, chain: Chain, house: House) -> None:
    """Case 1 with an interview asked of agency 101001: document 1, and one file."""
    await intercepted(bureau, chain, house)
    by = Person(login="r", division=DIVISION, office=Office.REVIEWER, name="甲")
    subject = {
        "fiscal_year": 2026, "voucher_type": "8202", "voucher_no": f"{1:013d}",
        "bank": bureau.place.bank,
    }  # fmt: skip
    opening = Opening(
        origin=Origin.FINDING, against=Against.AGENCY, agency_code="101001", agency_name="厅",
        bank=bureau.place.bank, title="一", reason="一",
    )  # fmt: skip
    key = await desk.rooms.office.open(DIVISION, opening, [subject], by)
    day = legal_day(desk.hands.now).isoformat()
    body = {"means": "interview", "due": day, "day": day, "room": "1", "ground": "无法核实"}
    await desk.rooms.office.move(key, Move.VERIFY, body, by)


async def everyone(desk: Desk) -> list[Seated]:
    return [await desk.seat(office) for office in Office]


async def test_the_table_holds_every_route_that_the_application_serves(desk: Desk) -> None:
    application = desk_application(desk.rooms)
    known = {(route.method, route.path) for route in table_of(desk.rooms)}
    known |= {(method, path) for method, path, _ in open_pages(desk.rooms)}
    for route in application.router.routes():
        assert route.resource is not None
        if isinstance(route.resource, web.StaticResource) or route.method == "HEAD":
            continue
        path = next(p for m, p in known if m == route.method and _same(p, route.resource.canonical))
        assert path, route


def test_each_form_is_its_offices_and_nobody_elses(desk: Desk) -> None:
    meant = {name: offices for offices, names in RIGHTS.items() for name in names.split()}
    served: dict[str, frozenset[Office]] = {}
    for route in table_of(desk.rooms):
        if route.method == "POST":
            path = re.sub(r"/\{[^{}]*(\{[^{}]*\})?[^{}]*\}", "", route.path)
            name = path.removeprefix("/desk/")
            assert served.setdefault(name, route.offices) == route.offices, name
    assert served == meant


def _same(pattern: str, canonical: str) -> bool:
    import re

    return re.sub(r":[^{}]*(\{[^{}]*\})?[^{}]*\}", "}", pattern) == canonical


@pytest.mark.slow
async def test_every_route_opens_for_its_offices_only_and_no_division_but_ones_own(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told_case(desk, bureau, chain, house)
    for seated in await everyone(desk):
        for route in table_of(desk.rooms):
            if route.path in (STREAM, "/sign-out"):
                continue
            statuses = []
            for division in (DIVISION, BELOW):
                path = filled(route.path, division)
                if route.method == "GET":
                    status, text = await seated.get(path)
                else:
                    status, text = await seated.post(path)
                assert status != 500, (seated.person.office, route.path, text)
                statuses.append(status)
            allowed = seated.person.office in route.offices
            where = (seated.person.office, route.method, route.path, statuses)
            if not allowed:
                assert statuses == [403, 403], where
                continue
            assert statuses[0] != 403, where
            if "{division}" in route.path:
                outside = seated.person.office is not Office.PROVINCE
                assert statuses[1] == 404 or not outside, where
                if not outside and route.path.count("{") == 1:
                    assert statuses[1] == 200, where


async def test_nothing_changes_without_the_sessions_own_token(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told_case(desk, bureau, chain, house)
    others = await desk.seat(Office.APPROVER)
    for seated in await everyone(desk):
        for route in table_of(desk.rooms):
            if route.method != "POST" or seated.person.office not in route.offices:
                continue
            path = desk.url + filled(route.path, DIVISION)
            for token in ("", "0" * 64, await others.csrf()):
                if (
                    seated.person.login == others.person.login
                    and len(token) == 64
                    and token[0] != "0"
                ):
                    continue
                async with seated.session.post(
                    path, data={"csrf": token}, allow_redirects=False
                ) as answer:
                    assert answer.status == 403, (route.path, token)
            good = {"csrf": await seated.csrf()}
            for header in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
                async with seated.session.post(
                    path, data=good, headers=header, allow_redirects=False
                ) as answer:
                    assert answer.status == 403, (route.path, header)


async def test_another_agency_and_another_bank_find_nothing_by_its_number(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told_case(desk, bureau, chain, house)
    own = await desk.seat(Office.AGENCY)
    paths = [
        filled(route.path, DIVISION)
        for route in table_of(desk.rooms)
        if Office.AGENCY in route.offices
        and ((route.method == "GET" and "{number" in route.path) or "{no}" in route.path)
    ]
    paths = [path for path in paths if "/files/" not in path and not path.endswith("/verify")]
    for office in OUTSIDE:
        other = await desk.seat(office, f"other.{office}", code=OTHER_AGENCY[:6])
        for path in paths:
            if path.endswith("/case"):
                continue
            assert (await other.get(path))[0] == 404, (office, path)
        for page in ("", "/interceptions", "/interceptions/rows", "/interceptions/print", "/cases"):
            status, listed = await other.get(f"/desk/{DIVISION}{page}")
            assert status == 200 and "0000000000001" not in listed, (office, page)
        asked = f"/desk/{DIVISION}/interceptions?q=agency:101001"
        assert "0000000000001" not in (await other.get(asked))[1]
        body = (await other.bytes(f"/desk/{DIVISION}/interceptions.csv"))[1]
        assert b"101001" not in body
        assert "2026年第1号" not in (await other.get(f"/desk/{DIVISION}/cases"))[1]
    assert "0000000000001" in (await own.get(f"/desk/{DIVISION}"))[1]
    for path in paths:
        if not path.endswith("/case"):
            assert (await own.get(path))[0] == 200, path


async def test_cells_that_would_be_formulas_are_text_in_both_exports(
    desk: Desk, bureau: Bureau, house: House
) -> None:
    evil = '=HYPERLINK("http://evil.example","甲")'
    body = notice(1, payee={"name": evil, "account_masked": "***1"})
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    reviewer = await desk.seat(Office.REVIEWER)
    _, text, headers = await reviewer.bytes(f"/desk/{DIVISION}/interceptions.csv?q=date:2026")
    assert text.startswith(b"\xef\xbb\xbf") and "attachment" in headers["Content-Disposition"]
    assert "'=HYPERLINK" in text.decode("utf-8-sig") and '"=HYPERLINK' not in text.decode()
    _, book, _ = await reviewer.bytes(f"/desk/{DIVISION}/interceptions.xlsx?q=amount:>1")
    import io

    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_filelike(io.BytesIO(book))
    rows = workbook.get_sheet_by_name("数据").to_python()
    assert evil in rows[1] and "0000000000001" in rows[1], "text, all digits"
    filters = dict(workbook.get_sheet_by_name("筛选条件").to_python())
    assert filters["查询条件 Query"] == "amount:>1" and "行数 Rows" in filters
