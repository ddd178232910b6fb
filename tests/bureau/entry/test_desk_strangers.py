"""Every route of the desk, by whom it does not know and by whom it knows from elsewhere: nobody, a
forged cookie, and every office of another division with this one's numbers, digests and logins.

The routes are the table's own, so that a new one cannot be forgotten.
"""

import re
from typing import Any

import pytest

from bureau.desk.people import Office
from bureau.web.desk import table_of
from bureau.web.guard import COOKIE
from bureau.web.route import Route
from tests.bureau.desks import BELOW, Desk, Seated
from tests.bureau.entry.test_desk_offices import STREAM, filled
from tests.bureau.entry.test_links import staged
from tests.bureau.entry.test_seating import WISH
from tests.bureau.words import DIVISION, Bureau, Chain, House

pytestmark = pytest.mark.postgres
HELD = f"{7:013d}"


@pytest.mark.walk
async def test_nobody_and_a_forged_session_open_no_route(desk: Desk) -> None:
    for cookie in ("", "x" * 43, "\u00e9" * 43, "a" * 5000, '"'):
        headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        browser = await desk.browser()
        for route in table_of(desk.rooms):
            path = desk.url + filled(route.path, DIVISION)
            async with browser.request(
                route.method, path, headers=headers, allow_redirects=False
            ) as answer:
                assert answer.status == 401, (route.method, route.path, cookie[:3])
                assert not answer.cookies and "退出" not in await answer.text()


async def release_of(desk: Desk) -> str:
    approver = await desk.seat(Office.APPROVER, "a.look")
    _, page = await approver.get(f"/desk/{DIVISION}/holds/2026/8202/{HELD}")
    [release] = set(re.findall(r"releases/([0-9a-f]{64})", page))
    return release


def path_of(route: Route, division: str, release: str) -> str:
    path = filled(route.path, division)
    if "/releases/" in path:
        path = re.sub(r"[0-9a-f]{64}", release, path)
    return path.replace(f"{1:013d}", HELD) if "/holds/" in path else path


async def standing(bureau: Bureau) -> list[Any]:
    """What a stranger's try may not change: all acts but of sign-ins, and all tables' sizes."""
    acts = "SELECT count(*) FROM desk_act WHERE division = $1 AND what NOT LIKE 'session.%'"
    names = await bureau.pool.fetch(
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE relkind = 'r' AND n.nspname = 'public' AND relname ~ "
        "'^(case_|complaint|release_|register_[cfkw]|policy_|account_request)' ORDER BY 1"
    )
    sizes = {row[0]: await bureau.pool.fetchval(f"SELECT count(*) FROM {row[0]}") for row in names}
    return [await bureau.pool.fetchval(acts, DIVISION), len(names) > 8, sizes]


async def test_another_divisions_people_reach_nothing_by_this_ones_numbers(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    """At their own division's address and at this one's: what has a number here is not there."""
    await staged(desk, bureau, chain, house)
    release = await release_of(desk)
    people = [
        await desk.seat(office, f"below.{office}", division=BELOW)
        for office in Office if office is not Office.ADMINISTRATOR
    ]  # fmt: skip
    before = await standing(bureau)
    forms = dict.fromkeys(("text", "words", "reason", "said"), "理由充分")
    forms |= {"number": "1", "seen": "1", "verdict": "confirmed", "since": "2026-01-01"}
    for who in people:
        for route in table_of(desk.rooms):
            if who.person.office not in route.offices or "{division}" not in route.path:
                continue
            if route.path == STREAM:
                continue
            theirs = path_of(route, DIVISION, release)
            assert (await asked(who, route, theirs, forms))[0] == 404, (who.person.office, theirs)
            if route.path.count("{") == 1 or not _of_ours(route):
                continue
            own = path_of(route, BELOW, release)
            status, text = await asked(who, route, own, forms)
            assert status in (404, 409), (who.person.office, route.method, own, status, text)
    assert await standing(bureau) == before


def _of_ours(route: Route) -> bool:
    """Whether a path has a number that something of DIVISION has: not a list, kind or policy."""
    return bool(re.search(r"\{(number|no|seq|ask|digest)\b", route.path))


async def asked(who: Seated, route: Route, path: str, form: dict[str, str]) -> tuple[int, str]:
    return await (who.get(path) if route.method == "GET" else who.post(path, form))


async def test_another_divisions_administrator_reaches_no_account_and_no_request(
    desk: Desk, bureau: Bureau
) -> None:
    admins = [await desk.seat(Office.ADMINISTRATOR, f"above.{n}") for n in range(2)]
    below = [await desk.seat(Office.ADMINISTRATOR, f"below.{n}", division=BELOW) for n in range(2)]
    assert "提交申请 1 号" in (await admins[0].post("/accounts", WISH))[1]
    before = await standing(bureau)
    logins = ("above.0", "above.1", "li.si", "nobody", "below.1/../above.1", "%2e%2e")
    for who in below:
        for step in ("approve", "refuse", "link", "close", "", "x"):
            assert (await who.post(f"/accounts/requests/1/{step}"))[0] == 404, step
        for login in logins:
            for step in ("close", "reset", "reopen", "link"):
                status, text = await who.post(f"/accounts/{login}/{step}", {"reason": "接管"})
                assert status == 404, (login, step, status)
        status, text = await who.post("/accounts", WISH | {"login": "wang.wu"})
        assert "不属于您管理的范围" in text
        _, text = await who.get("/accounts")
        assert "above.0" not in text and "li.si" not in text
    assert await standing(bureau) == before
