"""What was confirmed and what was not, once it is archived: in the bulletin and on score cards."""

import datetime as dt

import pytest

from bureau.desk.casework.words import Move
from bureau.desk.people import Office
from bureau.desk.statistics import span_of
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_edges import AGENCY, APPROVER, REVIEWER, Key, opening
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres


async def made(desk: Desk, *verdicts: tuple[str, Move]) -> Key:
    """A case in which these verdicts were proposed and decided, or sent back."""
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    key = await office.open(DIVISION, opening(), [], REVIEWER)
    due = (day + dt.timedelta(days=3)).isoformat()
    asked = {"means": "phone_call", "due": due, "text": "x"}
    await office.move(key, Move.VERIFY, asked, REVIEWER)
    await office.move(key, Move.RECORD, {"number": 1, "text": "x"}, REVIEWER)
    await office.move(key, Move.ACCEPT, {"number": 1, "text": "x"}, REVIEWER)
    for verdict, decided in verdicts:
        await office.move(key, Move.PROPOSE, {"verdict": verdict, "text": "x"}, REVIEWER)
        await office.move(key, decided, {"text": "x"}, APPROVER)
    return key


async def handled(desk: Desk, key: Key) -> None:
    office = desk.rooms.office
    due = (legal_day(desk.hands.now) + dt.timedelta(days=9)).isoformat()
    orders = [{"measure": "21(2)", "due": due, "returned": 100}]
    await office.move(key, Move.PROPOSE_HANDLING, {"orders": orders, "text": "x"}, REVIEWER)
    await office.move(key, Move.APPROVE_HANDLING, {}, APPROVER)
    await office.move(key, Move.REPORT, {"number": 1, "text": "x", "returned": 100}, AGENCY)
    await office.move(key, Move.ACCEPT_REPORT, {"number": 1, "text": "x"}, REVIEWER)


async def test_what_was_proposed_and_sent_back_or_revoked_is_no_case_to_be_published(
    desk: Desk,
) -> None:
    """And takes no points; what was confirmed takes them for good, archived or not."""
    office, today = desk.rooms.office, legal_day(desk.hands.now)
    span = span_of(f"{today:%Y-%m}", f"{today:%Y-%m}", today)
    figures = desk.rooms.statistics

    async def told() -> tuple[list[tuple[int, int]], int]:
        cases = await figures.typical(DIVISION, span)
        score = await figures.agency(DIVISION, "101001", span)
        return [case["key"] for case in cases], score.parts[-1][1]

    cleared = await made(desk, ("confirmed", Move.SEND_BACK), ("cleared", Move.DECIDE))
    await office.move(cleared, Move.ARCHIVE, {}, REVIEWER)
    assert await told() == ([], 0)
    revoked = await made(desk, ("confirmed", Move.DECIDE))
    await handled(desk, revoked)
    assert await told() == ([revoked[1:]], 1)
    await office.move(revoked, Move.ARCHIVE, {}, REVIEWER)
    assert await told() == ([revoked[1:]], 1)
    await office.move(revoked, Move.DISPUTE, {"kind": "review", "text": "x"}, REVIEWER)
    await office.move(revoked, Move.DISPUTE_END, {"result": "revoked", "text": "x"}, REVIEWER)
    await office.move(revoked, Move.ARCHIVE, {}, REVIEWER)
    assert await told() == ([], 0)


async def test_a_month_beyond_all_calendars_is_refused_in_words(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for page in ("statistics", "report", "statistics/agencies/101001"):
        for month in ("9999-12", "0001-01"):
            path = f"/desk/{DIVISION}/{page}?from={month}&to={month}"
            assert (await reviewer.get(path))[0] == 409, path
